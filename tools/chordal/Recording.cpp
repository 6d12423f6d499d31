//===- Recording.cpp - what workers did, step by step -----------------------------------------===//
#include "tools/chordal/Recording.h"

#include <algorithm>

namespace chordal::driver {

std::vector<RecordedStep> Recording::steps() const {
  std::vector<RecordedStep> steps;
  std::vector<size_t> next(lists.size());
  for (const FinishedStep& finished : finishedSteps) {
    RecordedStep& step = steps.emplace_back();
    step.span = finished.span;
    step.shape = finished.shape;
    for (size_t worker = 0; worker < lists.size(); ++worker) {
      std::span<const TaskSpan> spans = lists[worker].spans;
      size_t first = next[worker];
      while (next[worker] < spans.size() && spans[next[worker]].step == finished.span.step)
        ++next[worker];
      step.workers.push_back(spans.subspan(first, next[worker] - first));
    }
  }
  return steps;
}

size_t Recording::spanCount() const {
  size_t count = 0;
  for (const List& list : lists)
    count += list.spans.size();
  return count;
}

void Recording::clear() {
  for (List& list : lists)
    list.spans.clear();
  finishedSteps.clear();
}

std::vector<Gap> gapsOf(const RecordedStep& step) {
  std::vector<Gap> gaps;
  for (uint32_t worker = 0; worker < step.workers.size(); ++worker) {
    auto add = [&](Gap::Kind kind, uint64_t begin, uint64_t end) {
      if (begin < end)
        gaps.push_back({kind, worker, begin, end});
    };
    // When the last of the other workers' shards ended that belong to tasks before the next one.
    // Workers take tasks in order, so one pass over each list finds it.
    uint64_t othersEnd = 0;
    std::vector<size_t> passed(step.workers.size());
    auto passTasksBefore = [&](uint64_t task) {
      for (uint32_t other = 0; other < step.workers.size(); ++other)
        for (size_t& i = passed[other]; other != worker && i < step.workers[other].size() &&
                                        step.workers[other][i].task < task;
             ++i)
          othersEnd = std::max(othersEnd, step.workers[other][i].end);
    };
    uint64_t last = step.span.begin;
    auto addGap = [&](uint64_t task, uint64_t end, Gap::Kind kind) {
      passTasksBefore(task);
      uint64_t waited = std::clamp(othersEnd, last, end);
      add(Gap::Wait, last, waited);
      add(kind, waited, end);
    };
    for (const TaskSpan& span : step.workers[worker]) {
      if (&span == step.workers[worker].data())
        add(Gap::Start, last, span.begin);
      else
        addGap(span.task, span.begin, Gap::HandOver);
      last = span.end;
    }
    if (step.workers[worker].empty())
      add(Gap::Start, last, step.span.end);
    else
      addGap(~uint64_t(0), step.span.end, Gap::End);
  }
  return gaps;
}

} // namespace chordal::driver
