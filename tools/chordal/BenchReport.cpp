//===- BenchReport.cpp - the results of chordal bench, as text and JSON -----------------------===//
#include "tools/chordal/BenchReport.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace chordal::driver {

using Json = nlohmann::ordered_json;

namespace {

constexpr double giga = 1e9;

constexpr const char* gapNames[Gap::kinds] = {"start", "wait", "hand_over", "end"};

/// "-" for what there is none of.
std::string number(double value, int precision) {
  return value > 0 ? fmt::format("{:.{}f}", value, precision) : "-";
}

std::string percent(double share) {
  return fmt::format("{:.1f}%", 100 * share);
}

std::string ceilingOf(double share, const Bound& bound) {
  return share >= 0.005 ? fmt::format("{:.0f}% {}", 100 * share, bound.name()) : "-";
}

std::string ceilingLine(const TestResult& result) {
  const Ceilings& c = result.ceilings;
  std::string line = fmt::format("{:<16} {:>7} memory {:.1f} GB/s (mapped file {:.1f}, huge pages "
                                 "{:.1f})",
                                 result.test, result.threads, c.memory() / giga, c.mapped / giga,
                                 c.hugePages / giga);
  for (const Peak& peak : c.peaks)
    line += fmt::format(", {} {:.0f}", Bound{false, peak.isa, peak.arithmetic}.name(),
                        peak.rate / giga);
  return line + (c.peaks.empty() ? "\n" : " Gop/s\n");
}

std::string profileText(const TestResult& result) {
  const Profile& p = *result.profile;
  const double steps = double(p.steps);
  std::string text = fmt::format(
      "\n{}, {} threads: {:.3f} ms a step ({} steps); {} of the time is outside of steps\n"
      "{:<40} {:<26} {:>6} {:>10} {:>6} {:>8} {:>9} {:>7} {:>9} {:>6}  {}\n",
      result.test, p.threads, 1e3 * p.stepSeconds / steps, p.steps,
      percent(1 - p.stepSeconds / p.testSeconds), "kernel", "role", "count", "us/step", "share",
      "MB/step", "Mop/step", "GB/s", "Gop/s", "busy", "of ceiling");
  for (const ProfiledKind& k : p.kinds) {
    Ceilings::Least least = result.ceilings.least(k.kind, k.cost);
    text += fmt::format(
        "{:<40} {:<26} {:>6.4g} {:>10.1f} {:>6} {:>8} {:>9} {:>7} {:>9} {:>6}  {}\n", k.kind.kernel,
        k.kind.role, double(k.count) / steps, 1e6 * k.seconds / steps,
        percent(k.seconds / p.stepSeconds), number(double(k.cost.bytes) / steps / 1e6, 2),
        number(double(k.cost.operations) / steps / 1e6, 1),
        number(double(k.cost.bytes) / k.seconds / giga, 1),
        number(double(k.cost.operations) / k.seconds / giga, 1),
        fmt::format("{:.0f}%", 100 * k.busy / (p.threads * k.seconds)),
        ceilingOf(least.seconds / k.seconds, least.bound));
  }
  auto gap = [&](Gap::Kind kind) { return percent(p.gaps[kind] / p.workerSeconds()); };
  text += fmt::format("workers without a shard: {} of the steps (start {}, waiting for shards of "
                      "others {}, hand-over {}, end {})\n",
                      percent(p.overhead()), gap(Gap::Start), gap(Gap::Wait), gap(Gap::HandOver),
                      gap(Gap::End));
  return text;
}

Json ceilingsJson(const Ceilings& c) {
  Json peaks = Json::array();
  for (const Peak& peak : c.peaks)
    peaks.push_back({{"name", Bound{false, peak.isa, peak.arithmetic}.name()},
                     {"operations_per_second", peak.rate}});
  return {{"memory_bytes_per_second", c.memory()},
          {"mapped_bytes_per_second", c.mapped},
          {"huge_pages_bytes_per_second", c.hugePages},
          {"peaks", peaks}};
}

Json profileJson(const TestResult& result) {
  const Profile& p = *result.profile;
  Json kinds = Json::array();
  for (const ProfiledKind& k : p.kinds) {
    Ceilings::Least least = result.ceilings.least(k.kind, k.cost);
    kinds.push_back({{"kernel", k.kind.kernel},
                     {"role", k.kind.role},
                     {"count", k.count},
                     {"seconds", k.seconds},
                     {"busy_worker_seconds", k.busy},
                     {"bytes", k.cost.bytes},
                     {"operations", k.cost.operations},
                     {"bound", least.bound.name()},
                     {"share_of_ceiling", least.seconds / k.seconds}});
  }
  Json gaps = Json::object();
  for (unsigned kind = 0; kind < Gap::kinds; ++kind)
    gaps[gapNames[kind]] = p.gaps[kind];
  return {{"steps", p.steps},
          {"seconds", p.testSeconds},
          {"seconds_in_steps", p.stepSeconds},
          {"dispatches", kinds},
          {"worker_seconds_without_shard", gaps},
          {"overhead", p.overhead()}};
}

} // namespace

double TestResult::median() const {
  size_t middle = rates.size() / 2;
  return rates.size() % 2 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
}

std::string benchText(const std::vector<TestResult>& results) {
  std::string text =
      fmt::format("{:<16} {:>7} {:>12} {:>12} {:>12} {:>8} {:>9}  {}\n", "test", "threads",
                  "tokens/s", "min", "max", "GB/s", "Gop/s", "of ceiling");
  for (const TestResult& r : results)
    text += fmt::format("{:<16} {:>7} {:>12.2f} {:>12.2f} {:>12.2f} {:>8} {:>9}  {}\n", r.test,
                        r.threads, r.median(), r.rates.front(), r.rates.back(),
                        number(double(r.cost.bytes) / r.seconds() / giga, 1),
                        number(double(r.cost.operations) / r.seconds() / giga, 1),
                        ceilingOf(r.shareOfCeiling(), r.least.bound));
  text += fmt::format("\nceilings between the runs, level {}:\n", results.front().isa);
  for (const TestResult& result : results)
    text += ceilingLine(result);
  for (const TestResult& result : results)
    if (result.profile)
      text += profileText(result);
  return text;
}

std::string benchJson(const std::vector<TestResult>& results) {
  Json array = Json::array();
  for (const TestResult& r : results) {
    Json object = {{"test", r.test},
                   {"tokens_per_second", r.median()},
                   {"min", r.rates.front()},
                   {"max", r.rates.back()},
                   {"runs", r.rates.size()},
                   {"tokens", r.tokens},
                   {"depth", r.depth},
                   {"threads", r.threads},
                   {"isa", r.isa},
                   {"model", r.model},
                   {"bytes", r.cost.bytes},
                   {"operations", r.cost.operations},
                   {"bound", r.least.bound.name()},
                   {"share_of_ceiling", r.shareOfCeiling()},
                   {"ceilings", ceilingsJson(r.ceilings)}};
    if (r.profile)
      object["profile"] = profileJson(r);
    array.push_back(std::move(object));
  }
  return array.dump(2) + "\n";
}

} // namespace chordal::driver
