//===- Recording.h - what workers did, step by step -------------------------------------------===//
//
// Keeps what the executor tells: each worker's spans in a list of its own, so that recording takes
// no locks. To be read and emptied between steps.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/tbb/Executor.h"
#include "tools/chordal/Cost.h"

#include <span>
#include <vector>

namespace chordal::driver {

/// A step, and what each worker did in it, in order of time.
struct RecordedStep {
  StepSpan span;
  StepShape shape;
  std::vector<std::span<const TaskSpan>> workers; ///< of the recording, until it is cleared
};

class Recording : public TaskObserver {
public:
  /// For an executor with this many threads.
  explicit Recording(unsigned threads) : lists(threads) {}

  void ran(const TaskSpan& span) override { lists[span.worker].spans.push_back(span); }
  void finished(const StepSpan& span, const chordal_step& step) override {
    finishedSteps.push_back({span, StepShape::of(step)});
  }

  unsigned threads() const { return unsigned(lists.size()); }
  std::vector<RecordedStep> steps() const;
  size_t spanCount() const;
  void clear();

private:
  struct FinishedStep {
    StepSpan span;
    StepShape shape;
  };
  struct alignas(64) List {
    std::vector<TaskSpan> spans;
  };
  std::vector<List> lists; // by worker
  std::vector<FinishedStep> finishedSteps;
};

/// Time of a worker in which it had no shard.
struct Gap {
  enum Kind : uint8_t {
    Start,    ///< before its first shard of the step
    Wait,     ///< others still ran shards of tasks before its next one
    HandOver, ///< none did any more, but it had not begun its next one
    End       ///< after the step's last shard
  };
  static constexpr unsigned kinds = 4;

  Kind kind;
  uint32_t worker;
  uint64_t begin, end; ///< nanoseconds, as in the spans
};

/// All gaps of a step, worker by worker in order of time: with its spans they fill a worker's step.
std::vector<Gap> gapsOf(const RecordedStep& step);

} // namespace chordal::driver
