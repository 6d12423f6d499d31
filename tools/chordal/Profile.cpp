//===- Profile.cpp - what steps are made of ---------------------------------------------------===//
#include "tools/chordal/Profile.h"

#include <algorithm>
#include <numeric>

namespace chordal::driver {

static double seconds(uint64_t nanoseconds) {
  return double(nanoseconds) * 1e-9;
}

void Profile::add(const Recording& recording, const TaskTable& tasks, double took) {
  threads = recording.threads();
  testSeconds += took;
  for (const RecordedStep& step : recording.steps())
    addStep(step, tasks);
}

void Profile::addStep(const RecordedStep& step, const TaskTable& tasks) {
  ++steps;
  stepSeconds += seconds(step.span.end - step.span.begin);
  for (const Gap& gap : gapsOf(step))
    gaps[gap.kind] += seconds(gap.end - gap.begin);

  struct Dispatch {
    uint32_t task;
    uint64_t begin, end, busy;
  };
  const chordal_bucket& bucket = tasks.program().buckets[step.span.bucket];
  std::vector<Dispatch> dispatches(bucket.n_tasks);
  for (std::span<const TaskSpan> worker : step.workers)
    for (const TaskSpan& span : worker) {
      Dispatch& dispatch = dispatches[span.task - bucket.first_task];
      if (dispatch.busy == 0)
        dispatch = {span.task, span.begin, span.end, 0};
      dispatch.begin = std::min(dispatch.begin, span.begin);
      dispatch.end = std::max(dispatch.end, span.end);
      dispatch.busy += std::max<uint64_t>(1, span.end - span.begin);
    }
  for (const Dispatch& dispatch : dispatches) {
    if (dispatch.busy == 0) // without shards in this step
      continue;
    const TaskKind& kind = tasks.kind(dispatch.task);
    auto entry = std::find_if(kinds.begin(), kinds.end(),
                              [&](const ProfiledKind& known) { return known.kind == kind; });
    if (entry == kinds.end())
      entry = kinds.insert(kinds.end(), ProfiledKind{kind, 0, 0, 0, {}});
    ++entry->count;
    entry->busy += seconds(dispatch.busy);
    entry->seconds += seconds(std::max<uint64_t>(1, dispatch.end - dispatch.begin));
    TaskCost cost = tasks.cost(dispatch.task, step.shape);
    entry->cost.bytes += cost.bytes;
    entry->cost.operations += cost.operations;
  }
}

void Profile::finish() {
  std::sort(kinds.begin(), kinds.end(),
            [](const ProfiledKind& a, const ProfiledKind& b) { return a.seconds > b.seconds; });
}

double Profile::overhead() const {
  return std::accumulate(gaps.begin(), gaps.end(), 0.0) / workerSeconds();
}

} // namespace chordal::driver
