//===- Profile.h - what steps are made of -----------------------------------------------------===//
//
// Adds up recorded steps: the time of each kind of task (kernel and role), what it read and
// computed, and the time in which workers had no shard.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "tools/chordal/Recording.h"

#include <array>
#include <string>
#include <vector>

namespace chordal::driver {

struct ProfiledKind {
  TaskKind kind;
  uint64_t count = 0; ///< tasks
  double seconds = 0; ///< from a task's first shard to its last; tasks may overlap
  double busy = 0;    ///< worker-seconds in its shards
  TaskCost cost;
};

struct Profile {
  unsigned threads = 0;
  uint64_t steps = 0;
  double testSeconds = 0;                ///< what the calls that made the steps took
  double stepSeconds = 0;                ///< the steps themselves
  std::array<double, Gap::kinds> gaps{}; ///< worker-seconds without a shard
  std::vector<ProfiledKind> kinds;       ///< by time, descending, once finish() was called

  /// Adds what was recorded while calls that took so many seconds ran.
  void add(const Recording& recording, const TaskTable& tasks, double seconds);
  void finish();

  /// Worker-seconds of all steps.
  double workerSeconds() const { return threads * stepSeconds; }
  /// Share of the workers' time in steps that they had no shard.
  double overhead() const;

private:
  void addStep(const RecordedStep& step, const TaskTable& tasks);
};

} // namespace chordal::driver
