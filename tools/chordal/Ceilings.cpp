//===- Ceilings.cpp - what the machine can do at most, measured between runs ------------------===//
#include "tools/chordal/Ceilings.h"

#include "runtime/tbb/Memory.h"

#include <algorithm>
#include <functional>

#include <sys/mman.h>
#include <unistd.h>

namespace chordal::driver {

using bench::Arithmetic;

namespace {

/// Of large models a part is read: more than caches hold, but little enough for the rest to stay in
/// memory.
uint64_t sampleBytes() {
  uint64_t physical = uint64_t(sysconf(_SC_PHYS_PAGES)) * pageSize();
  return std::min(uint64_t(1) << 30, physical / 8);
}

constexpr uint64_t hugePageBytes = uint64_t(2) << 20;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Memory in huge pages where the system gives them, written to so that it is there.
std::span<std::byte> mapHugePages(uint64_t bytes) {
  bytes = (bytes + hugePageBytes - 1) / hugePageBytes * hugePageBytes;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return {};
#ifdef MADV_HUGEPAGE
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
  std::span memory(static_cast<std::byte*>(data), bytes);
  std::fill(memory.begin(), memory.end(), std::byte(1));
  return memory;
}

std::vector<double> readRates(std::span<const std::span<const std::byte>> memory,
                              unsigned threads) {
  std::vector<double> rates;
  for (bench::ReadPattern pattern : bench::readPatterns)
    rates.push_back(bench::readRate(memory, threads, pattern));
  return rates;
}

std::string_view arithmeticName(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::Int8:
    return "int8";
  case Arithmetic::Float32:
    return "float32";
  case Arithmetic::BFloat16:
    return "bfloat16";
  }
  return "";
}

} // namespace

std::string Bound::name() const {
  if (memory)
    return "memory";
  return std::string(arithmeticName(arithmetic)) + " " + std::string(kernels::isaName(isa));
}

double Ceilings::peak(kernels::Isa isa, Arithmetic arithmetic) const {
  for (const Peak& peak : peaks)
    if (peak.isa == isa && peak.arithmetic == arithmetic)
      return peak.rate;
  return 0;
}

Ceilings::Least Ceilings::least(const TaskKind& kind, const TaskCost& cost) const {
  Least least;
  if (memory() > 0)
    least.seconds = double(cost.bytes) / memory();
  double rate = peak(kind.isa, kind.arithmetic);
  if (rate > 0 && double(cost.operations) / rate > least.seconds)
    least = {double(cost.operations) / rate, {false, kind.isa, kind.arithmetic}};
  return least;
}

CeilingMeter::CeilingMeter(std::span<const std::span<const std::byte>> weights,
                           std::vector<kernels::Isa> levels, unsigned threads)
    : isas(std::move(levels)), threads(threads) {
  const uint64_t most = sampleBytes();
  uint64_t bytes = 0;
  for (std::span<const std::byte> weight : weights) {
    weight = weight.first(size_t(std::min<uint64_t>(weight.size(), most - bytes)));
    bytes += weight.size();
    mapped.push_back(weight);
  }
  hugePages = mapHugePages(bytes);
}

CeilingMeter::~CeilingMeter() {
  if (!hugePages.empty())
    munmap(hugePages.data(), hugePages.size());
}

void CeilingMeter::measure() {
  Round round;
  round.mapped = readRates(mapped, threads);
  std::span<const std::byte> whole = hugePages;
  round.hugePages = readRates(std::span(&whole, 1), threads);
  for (kernels::Isa isa : isas)
    for (Arithmetic arithmetic : {Arithmetic::Int8, Arithmetic::Float32, Arithmetic::BFloat16})
      if (double rate = bench::operationRate(isa, arithmetic, threads); rate > 0)
        round.peaks.push_back({isa, arithmetic, rate});
  rounds.push_back(std::move(round));
}

Ceilings CeilingMeter::median() const {
  auto of = [&](const std::function<double(const Round&)>& value) {
    std::vector<double> values;
    for (const Round& round : rounds)
      values.push_back(value(round));
    return driver::median(std::move(values));
  };
  // The best of medians: the median of the best would be that of the luckiest moments.
  Ceilings result;
  for (size_t i = 0; i < std::size(bench::readPatterns); ++i) {
    result.mapped =
        std::max(result.mapped, of([&](const Round& round) { return round.mapped[i]; }));
    result.hugePages =
        std::max(result.hugePages, of([&](const Round& round) { return round.hugePages[i]; }));
  }
  result.peaks = rounds.front().peaks;
  for (size_t i = 0; i < result.peaks.size(); ++i)
    result.peaks[i].rate = of([&](const Round& round) { return round.peaks[i].rate; });
  return result;
}

} // namespace chordal::driver
