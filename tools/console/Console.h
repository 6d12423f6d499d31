//===- Console.h - what commands read and write -----------------------------------------------===//
//
// Shared by the driver and by the programs it compiles, which carry no library for it. Results go
// to standard output, everything else to standard error.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace chordal {

/// The name that messages begin with.
void setProgramName(std::string name);

/// Writes to standard output at once, unbuffered. ErrorCode::Cancelled: its reader has gone away (a
/// broken pipe), which ends a command but is no failure.
Result<void> print(std::string_view text);

/// Writes a line `NAME: TEXT` to standard error.
void note(std::string_view text);

/// All bytes of a file, of standard input if the path is "-".
Result<std::string> readFile(const std::string& path);

bool isTerminal(int descriptor);

/// A number with so many digits behind the point.
std::string fixed(double value, int digits);

/// The lines of standard input. On a terminal it asks for each.
class LineReader {
public:
  /// The next line without its end; false at the end of the input.
  Result<bool> next(std::string& line);

private:
  std::string buffer;
  bool ended = false;
};

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

} // namespace chordal
