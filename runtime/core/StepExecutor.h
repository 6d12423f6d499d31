//===- StepExecutor.h - what runs the steps of a program --------------------------------------===//
//
// The interface between a session, which prepares steps, and an executor, which runs their tasks.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/Program.h"

#include <atomic>
#include <cstddef>
#include <span>

namespace chordal {

/// The memory that a program works on besides its arena. All of it stays at these addresses.
struct Bindings {
  std::span<const std::span<const std::byte>> weights; ///< one for each weight of the program
  std::span<std::byte* const> states;                  ///< base of each state's blocks
  uint32_t stateBlocks = 0;                            ///< physical blocks of each state
  const chordal_step* step = nullptr; ///< its arrays have their addresses already, but logits
};

class StepExecutor {
public:
  virtual ~StepExecutor() = default;

  /// Prepares a validated program. Called once, before the first step; the program, the bound
  /// memory and the flag must outlive the executor's last step. When `cancel` becomes true a
  /// running step ends early.
  virtual Result<void> load(const Program& program, const Bindings& bindings,
                            const std::atomic<bool>& cancel) = 0;

  /// Runs the bound step's tasks in this bucket. Errors: ErrorCode::Cancelled.
  virtual Result<void> run(uint32_t bucket) = 0;
};

} // namespace chordal
