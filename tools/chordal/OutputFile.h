//===- OutputFile.h - a file that appears whole or not at all ---------------------------------===//
//
// Until it is committed the file has no name, so nothing is left of it however the process ends.
// Where the file system has no nameless files it has a temporary name beside the target, which goes
// away unless the process is killed. What exists and is no regular file (a device, a pipe) is
// written to directly.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace chordal::driver {

class OutputFile {
public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// `mode`: permissions, of which the umask takes its share. Errors: a folder that does not exist
  /// or cannot be written to, a target that is a folder.
  Result<void> open(const std::string& path, mode_t mode = 0666);
  /// Errors, here or in what follows: no room left on the disk, a limit on the size of files.
  Result<void> write(const void* data, size_t size);
  Result<void> write(std::string_view text) { return write(text.data(), text.size()); }
  /// Waits until all is on the disk, where it survives the machine.
  Result<void> sync();
  /// Gives the file its name, in place of what had it.
  Result<void> commit();

private:
  Error fail(std::string_view what, int number) const;
  Result<void> writeOut(const char* data, size_t size);
  Result<void> flush();

  std::string target, temporary;
  std::string waiting; ///< the file's end so far: less than a piece, not written yet
  int descriptor = -1;
  uint64_t written = 0, begun = 0; ///< bytes written, and those of them on their way to the disk
  bool direct = false;             ///< the target itself is written to
  bool named = false;              ///< `temporary` exists
};

/// Text to a file, or to standard output if the path is empty or "-".
Result<void> writeText(const std::string& path, std::string_view text);

} // namespace chordal::driver
