//===- Info.h - what a compiled program says of itself ----------------------------------------===//
#pragma once

#include "tools/program/LinkedProgram.h"

namespace chordal::program {

/// Prints model, sizes, levels, kernels and the memory plan.
Result<void> printInfo(const LinkedProgram& program);

/// Checks every checksum: of all sections and of each weight. Errors name what is damaged.
Result<void> verify(const LinkedProgram& program);

} // namespace chordal::program
