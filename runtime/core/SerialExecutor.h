//===- SerialExecutor.h - runs the tasks of a step one after another --------------------------===//
//
// The executor for one thread: where there are no threads (WebAssembly), and the yardstick that the
// parallel one is tested against.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/LoadedProgram.h"
#include "runtime/core/StepExecutor.h"

#include <memory>

namespace chordal {

/// An executor that runs every task on the calling thread. Arena and scratch come from `memory`.
std::unique_ptr<StepExecutor> createSerialExecutor(ProgramCode code, const MemorySource& memory);

} // namespace chordal
