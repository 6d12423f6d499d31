//===- Options.h - the command line of a compiled program -------------------------------------===//
//
// The options of `chordal run`, read without a library: programs contain nothing they do not need.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "tools/console/TextCommand.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chordal::program {

struct Options {
  enum class Mode : uint8_t { Run, Info, Verify, Help, Version };
  Mode mode = Mode::Run;
  uint32_t context = 0;    ///< 0: what was compiled for
  uint32_t threads = 0;    ///< 0: those the process may use
  uint32_t microBatch = 0; ///< 0: the largest bucket
  std::string isa;         ///< empty: the best that the machine and the program have
  std::string kvType;      ///< what the program must have been compiled with; empty: anything
  TextOptions text;
};

/// Reads the arguments after the program's name. An option's value is the next argument, or behind
/// "=" (--temp=0), or behind a letter (-n20). Errors say which argument is wrong.
Result<Options> parseOptions(std::span<const char* const> arguments);

/// What --help prints.
std::string helpText(const std::string& programName);

} // namespace chordal::program
