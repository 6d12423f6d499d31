//===- Ceilings.h - what the machine can do at most, measured between runs --------------------===//
//
// The speed of a shared machine changes from minute to minute, so its ceilings are measured between
// the runs that are compared with them, and the median counts.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "tools/chordal/Cost.h"

#include <memory>
#include <span>
#include <vector>

namespace chordal::driver {

/// What bounds a piece of work: memory, or multiplications of a level and kind.
struct Bound {
  bool memory = true;
  kernels::Isa isa = kernels::Isa::Scalar;
  bench::Arithmetic arithmetic = bench::Arithmetic::Int8;

  /// "memory", "int8 avx512vnni".
  std::string name() const;
  friend bool operator==(const Bound&, const Bound&) = default;
};

struct Peak {
  kernels::Isa isa;
  bench::Arithmetic arithmetic;
  double rate; ///< operations per second
};

struct Ceilings {
  double mapped = 0;    ///< bytes per second, from the model's own pages
  double hugePages = 0; ///< the same from huge pages, as far as the system gives them
  std::vector<Peak> peaks;

  /// The faster of the two: what memory can deliver. Pages of 4 KiB slow it down.
  double memory() const { return mapped > hugePages ? mapped : hugePages; }
  /// Operations per second; 0 if unknown.
  double peak(kernels::Isa isa, bench::Arithmetic arithmetic) const;

  /// The least time for such work, in seconds, and what bounds it.
  struct Least {
    double seconds = 0;
    Bound bound;
  };
  Least least(const TaskKind& kind, const TaskCost& cost) const;
};

class CeilingMeter {
public:
  /// `weights`: the model's memory. `isas`: the levels whose instructions count.
  CeilingMeter(std::span<const std::span<const std::byte>> weights, std::vector<kernels::Isa> isas,
               unsigned threads);
  CeilingMeter(const CeilingMeter&) = delete;
  CeilingMeter& operator=(const CeilingMeter&) = delete;
  ~CeilingMeter();

  /// Measures everything once.
  void measure();
  /// The medians (of memory, of the fastest pattern) of what was measured since the last clear();
  /// at least once.
  Ceilings median() const;
  void clear() { rounds.clear(); }

private:
  struct Round {
    std::vector<double> mapped, hugePages; // by bench::readPatterns
    std::vector<Peak> peaks;
  };

  std::vector<std::span<const std::byte>> mapped; // a sample of the weights
  std::span<std::byte> hugePages;                 // as large; empty if there is no memory for it
  std::vector<kernels::Isa> isas;
  unsigned threads;
  std::vector<Round> rounds;
};

} // namespace chordal::driver
