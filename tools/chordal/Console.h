//===- Console.h - what the commands read and write ------------------------------------------===//
//
// Results go to standard output, everything else to standard error. Nothing here throws: what can
// fail returns a Result.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace chordal::driver {

/// Writes to standard output at once, unbuffered. ErrorCode::Cancelled: its reader has gone away (a
/// broken pipe), which ends a command but is no failure.
Result<void> print(std::string_view text);

/// Writes a line `chordal: TEXT` to standard error.
void note(std::string_view text);

/// All bytes of a file, of standard input if the path is "-".
Result<std::string> readFile(const std::string& path);

bool isTerminal(int descriptor);

/// Says on standard error what takes long, if that is a terminal: one line, overwritten by the next
/// and gone at the end.
class Progress {
public:
  Progress() = default;
  explicit Progress(std::string_view text) { show(text); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }
  void show(std::string_view text);
  void clear();

private:
  bool shown = false;
};

/// A file that appears under its name only once it is complete: until then it is a temporary file
/// beside it, which goes away if `commit` is not called. What exists and is no regular file (a
/// device, a pipe) is written to directly.
class OutputFile {
public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  Result<void> open(const std::string& path);
  Result<void> write(const void* data, size_t size);
  Result<void> write(std::string_view text) { return write(text.data(), text.size()); }
  Result<void> commit();

private:
  Error fail(std::string_view what) const;

  std::string target, temporary; ///< `temporary` is empty if the target is written to directly
  int descriptor = -1;
};

/// Text to a file, or to standard output if the path is empty or "-".
Result<void> writeText(const std::string& path, std::string_view text);

/// Memory of this process: the most that was in physical memory, and what is there now besides
/// mapped files. Bytes; 0 where the system does not say.
struct MemoryUse {
  uint64_t peak = 0;
  uint64_t anonymous = 0;
};
MemoryUse memoryUse();

/// Time since it was made, or since restart().
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  void restart() { begin = std::chrono::steady_clock::now(); }

private:
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
};

} // namespace chordal::driver
