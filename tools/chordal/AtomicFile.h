//===- AtomicFile.h - a large file that appears whole or not at all ---------------------------===//
//
// Until it is committed the file has no name, so nothing is left of it however the process ends.
// Where the file system has no nameless files it has a temporary name beside the target, which goes
// away unless the process is killed.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <string>
#include <string_view>

#include <sys/types.h>

namespace chordal::driver {

class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// `mode`: permissions, of which the umask takes its share. Errors: a folder that cannot be
  /// written to, a target that is no regular file.
  Result<void> open(const std::string& path, mode_t mode);
  /// Errors: no room left on the disk, a limit on the size of files.
  Result<void> write(const void* data, size_t size);
  /// Gives the file its name, in place of what had it.
  Result<void> commit();

private:
  Error fail(std::string_view what, int number) const;

  std::string target, temporary;
  int descriptor = -1;
  bool named = false; ///< `temporary` exists
};

/// While it lives, Ctrl-C and a request to terminate only set a flag, the first time.
class InterruptFlag {
public:
  InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  ~InterruptFlag();
  static bool isSet();
};

} // namespace chordal::driver
