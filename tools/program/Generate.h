//===- Generate.h - continues texts -----------------------------------------------------------===//
#pragma once

#include "tools/program/Loaded.h"

namespace chordal::program {

/// Continues the prompt of the options, that of standard input, or line after line of a terminal.
Result<void> run(const Loaded& program, const Options& options);

} // namespace chordal::program
