//===- LoadedProgram.h - a program with all addresses resolved --------------------------------===//
//
// Executors that run tasks on the host share this: operands become views of fixed addresses, names
// become kernels and functions, once, when the program is loaded. Only the views of the logits,
// which belong to the caller of each step, are set anew for a step.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/MemorySource.h"
#include "runtime/core/Program.h"
#include "runtime/core/StepExecutor.h"

#include <span>
#include <vector>

namespace chordal {

/// The code of a program: one pointer for each of kernelNames and of functionNames.
struct ProgramCode {
  std::vector<chordal_kernel> kernels;
  std::vector<chordal_function> functions;
};

/// A task, ready to run.
struct LoadedTask {
  struct Kernel {
    chordal_kernel body;
    uint32_t firstShard;
  };
  const chordal_task* task;
  chordal_task_args args; ///< without n_rows and scratch
  const Kernel* kernels;  ///< task->n_kernels
};

class LoadedProgram {
public:
  /// Resolves a validated program. Keeps `program` and `bindings.step`. Errors: a kernel or
  /// function that is null or missing, a weight or state that is bound to too little memory, a task
  /// for another device than the host, no memory for the arena.
  static Result<LoadedProgram> create(const Program& program, const Bindings& bindings,
                                      const ProgramCode& code, const MemorySource& memory);

  const Program& program() const { return *tables; }
  const chordal_step& step() const { return *boundStep; }
  std::span<const LoadedTask> tasks(uint32_t bucket) const {
    const chordal_bucket& range = tables->buckets[bucket];
    return {loaded.data() + range.first_task, range.n_tasks};
  }
  /// Bytes of scratch that each worker needs, a multiple of CHORDAL_ALIGNMENT.
  uint64_t scratchBytes() const { return scratch; }
  uint64_t arenaBytes() const { return arena.size(); }

  /// Points the views of the logits at this step's; when no task is running.
  void beginStep();

  uint32_t rows(const chordal_task& task) const {
    return task.rows == CHORDAL_ROWS_OUTPUTS ? boundStep->n_outputs : boundStep->n_tokens;
  }

  /// Runs one shard. `args`: the task's, with n_rows and the worker's scratch filled in.
  static void runShard(const LoadedTask& loaded, const chordal_task_args& args, uint32_t shard) {
    const chordal_task& task = *loaded.task;
    if (task.n_kernels == 0) {
      uint64_t rows = args.n_rows;
      uint64_t begin = uint64_t(shard) * task.row_tile;
      uint64_t end = task.row_tile && rows - begin > task.row_tile ? begin + task.row_tile : rows;
      args.functions[0](args.function_views, begin, end, 0, args.parameters[0]);
      return;
    }
    const LoadedTask::Kernel* kernel = loaded.kernels;
    const LoadedTask::Kernel* last = kernel + task.n_kernels - 1;
    while (kernel != last && shard >= kernel[1].firstShard)
      ++kernel;
    kernel->body(&args, shard);
  }

private:
  struct LogitsView {
    uint32_t operand;
    uint64_t offset;
  };

  const Program* tables = nullptr;
  const chordal_step* boundStep = nullptr;
  Reservation arena;
  Reservation constants;
  uint64_t scratch = 0;
  std::vector<chordal_view> views; ///< parallel to the operands
  std::vector<LogitsView> logitsViews;
  std::vector<LoadedTask::Kernel> kernels; ///< parallel to the kernel references
  std::vector<chordal_function> functions; ///< parallel to the function references
  std::vector<LoadedTask> loaded;          ///< parallel to the tasks
};

} // namespace chordal
