//===- Output.h - what a compiled program reads and writes ------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <string>
#include <string_view>

namespace chordal::program {

/// The name that messages begin with.
void setProgramName(std::string name);

/// Writes to standard output at once. ErrorCode::Cancelled: its reader has gone away.
Result<void> print(std::string_view text);

/// Writes a line `NAME: TEXT` to standard error.
void note(std::string_view text);

/// All bytes of a file, of standard input if the path is "-".
Result<std::string> readFile(const std::string& path);

/// The next line of standard input without its end; false at the end of the input.
Result<bool> readLine(std::string& line);

/// A number with so many digits behind the point.
std::string fixed(double value, int digits);

} // namespace chordal::program
