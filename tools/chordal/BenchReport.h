//===- BenchReport.h - the results of chordal bench, as text and JSON -------------------------===//
#pragma once

#include "tools/chordal/Ceilings.h"
#include "tools/chordal/Profile.h"

#include <optional>
#include <string>
#include <vector>

namespace chordal::driver {

struct TestResult {
  std::string test; ///< "pp512", "tg128@d1900"
  uint32_t tokens = 0, depth = 0;
  unsigned threads = 0;
  std::string isa, model;
  std::vector<double> rates; ///< tokens per second of each run, ascending
  TaskCost cost;             ///< of one run
  Ceilings ceilings;         ///< measured between the runs
  Ceilings::Least least;     ///< of one run, and what bounds most of it
  std::optional<Profile> profile;

  /// Tokens per second.
  double median() const;
  /// Seconds of the median run.
  double seconds() const { return tokens / median(); }
  /// How near to the least time the median run is: 1 is the ceiling.
  double shareOfCeiling() const { return least.seconds / seconds(); }
};

/// A line for each test, the ceilings, and the profiles.
std::string benchText(const std::vector<TestResult>& results);

/// An array with an object for each test.
std::string benchJson(const std::vector<TestResult>& results);

} // namespace chordal::driver
