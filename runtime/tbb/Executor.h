//===- Executor.h - the parallel executor, on oneTBB ------------------------------------------===//
//
// One flow graph per bucket, whose nodes are segments of the task list. Inside a segment the
// workers of one arena walk the list in order, wait for a task's dependencies by a bounded spin and
// then yield, and claim shards from the task's counter. No worker is waited for unless it has
// claimed a shard, so any subset of them makes progress. See Executor.cpp for the counters.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/LoadedProgram.h"
#include "runtime/core/StepExecutor.h"

#include <cstdint>
#include <memory>

namespace chordal {

/// What one worker did for one task in one step: the time from its first shard to its last.
struct TaskSpan {
  uint32_t bucket;
  uint32_t task;   ///< index into the program's tasks
  uint32_t worker; ///< less than the number of threads
  uint32_t shards; ///< that it ran, of those from firstShard to lastShard
  uint32_t firstShard, lastShard;
  uint64_t step;       ///< counts the steps of the executor
  uint64_t begin, end; ///< nanoseconds of the steady clock
};

/// One call of StepExecutor::run.
struct StepSpan {
  uint32_t bucket;
  uint64_t step;
  uint64_t begin, end; ///< nanoseconds of the steady clock
};

/// Told of what workers did.
class TaskObserver {
public:
  virtual ~TaskObserver() = default;
  /// On the worker's thread; never at once for one worker.
  virtual void ran(const TaskSpan& span) = 0;
  /// At the end of a step, cancelled or not, on the thread that asked for it. All calls of `ran`
  /// for the step have returned.
  virtual void finished(const StepSpan& span, const chordal_step& step) = 0;
};

struct ExecutorOptions {
  unsigned threads = 0;             ///< 0: those the process may use
  TaskObserver* observer = nullptr; ///< null: nothing is measured, at no cost
};

/// Results are the same, bit for bit, for any number of threads. `code` as in LoadedProgram.
std::unique_ptr<StepExecutor> createTbbExecutor(ProgramCode code,
                                                const ExecutorOptions& options = {});

} // namespace chordal
