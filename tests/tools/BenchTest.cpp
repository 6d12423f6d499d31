//===- BenchTest.cpp - chordal bench and traces, from the outside -----------------------------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <map>
#include <set>

#include <csignal>

namespace chordal::test {
namespace {

using nlohmann::json;

const std::string model = data("fairytale-q4_k_m.gguf");

TEST(Bench, namesAndOrdersItsTests) {
  Outcome run = chordal(
      {"bench", model, "-p", "20", "-n", "3", "-d", "0,30", "-r", "2", "-t", "1", "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  auto tests = nlohmann::json::parse(run.out);
  ASSERT_EQ(tests.size(), 4u);
  const char* names[] = {"pp20", "tg3", "pp20@d30", "tg3@d30"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(tests[i].at("test"), names[i]);
    double median = tests[i].at("tokens_per_second").get<double>();
    EXPECT_TRUE(median > 0 && std::isfinite(median)) << run.out;
    EXPECT_LE(tests[i].at("min").get<double>(), median);
    EXPECT_GE(tests[i].at("max").get<double>(), median);
  }
}

TEST(Bench, printsATable) {
  Outcome run = chordal({"bench", model, "-p", "0", "-n", "2", "-r", "1"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("\ntg2 "), std::string::npos) << run.out;
  EXPECT_EQ(run.out.find("\npp"), std::string::npos) << run.out;
}

TEST(Bench, comparesWithCeilings) {
  Outcome run = chordal(
      {"bench", model, "-p", "40", "-n", "4", "-d", "10", "-r", "1", "-t", "1,2", "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  json tests = json::parse(run.out);
  ASSERT_EQ(tests.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const json& test = tests[i];
    EXPECT_EQ(test.at("threads"), i < 2 ? 1 : 2);
    EXPECT_EQ(test.at("depth"), 10);
    EXPECT_GT(test.at("ceilings").at("memory_bytes_per_second").get<double>(), 0);
    EXPECT_GT(test.at("share_of_ceiling").get<double>(), 0);
    EXPECT_NE(test.at("bound").get<std::string>(), "");
    // Work does not depend on threads.
    EXPECT_EQ(test.at("bytes"), tests[i % 2].at("bytes"));
    EXPECT_EQ(test.at("operations"), tests[i % 2].at("operations"));
  }
  // 4 steps of one token read the weights four times; 24 million of them are multiplied.
  double bytes = tests[1].at("bytes").get<double>(), file = double(readAll(model).size());
  EXPECT_GT(bytes, 4 * 0.8 * file);
  EXPECT_LT(bytes, 4 * 1.1 * file);
  EXPECT_NEAR(tests[1].at("operations").get<double>(), 4 * 2 * 24e6, 4 * 2 * 4e6);
}

TEST(Bench, profilesWhatStepsAreMadeOf) {
  std::vector<std::string> arguments = {"bench", model, "-p", "20",    "-n",     "3",        "-r",
                                        "2",     "-t",  "2",  "--isa", "scalar", "--profile"};
  Outcome text = chordal(arguments);
  ASSERT_EQ(text.code, 0) << text.err;
  for (const char* part : {"ffn_gate+ffn_up", "attention.F16.scalar", "workers without a shard"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << " is not in\n" << text.out;
  arguments.push_back("--json");
  Outcome run = chordal(arguments);
  ASSERT_EQ(run.code, 0) << run.err;
  json tests = json::parse(run.out);
  ASSERT_EQ(tests.size(), 2u);
  for (const json& test : tests) {
    const json& profile = test.at("profile");
    bool generation = test.at("test") == "tg3";
    EXPECT_EQ(profile.at("steps"), generation ? 6 : 2);
    double inSteps = profile.at("seconds_in_steps").get<double>(), busy = 0, gaps = 0;
    EXPECT_LE(inSteps, profile.at("seconds").get<double>());
    uint64_t bytes = 0, operations = 0;
    std::set<std::string> roles;
    for (const json& kind : profile.at("dispatches")) {
      busy += kind.at("busy_worker_seconds").get<double>();
      bytes += kind.at("bytes").get<uint64_t>();
      operations += kind.at("operations").get<uint64_t>();
      roles.insert(kind.at("role").get<std::string>());
      EXPECT_LE(kind.at("busy_worker_seconds").get<double>(),
                2.001 * kind.at("seconds").get<double>());
    }
    for (const json& gap : profile.at("worker_seconds_without_shard"))
      gaps += gap.get<double>();
    // Shards and gaps fill the time of both workers.
    EXPECT_NEAR(busy + gaps, 2 * inSteps, 1e-3 * inSteps);
    EXPECT_NEAR(profile.at("overhead").get<double>(), gaps / (2 * inSteps), 1e-3);
    // What was run is what the test has to do.
    EXPECT_EQ(bytes, 2 * test.at("bytes").get<uint64_t>());
    EXPECT_EQ(operations, 2 * test.at("operations").get<uint64_t>());
    for (const char* role : {"attn_q+attn_k+attn_v", "attention", "ffn_down", "attn_norm"})
      EXPECT_TRUE(roles.contains(role)) << role;
  }
}

//===--- traces -------------------------------------------------------------------------------===//

/// Nanoseconds of a time in microseconds with three places.
int64_t nanoseconds(const json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

struct Slice {
  int64_t begin, end;
  json event;
};

/// Checks that the slices of each worker fill every step without overlapping and that each step ran
/// all shards of its tasks (the last one not, if it may have been cut off). Returns the steps.
std::vector<Slice> checkTrace(const json& trace, bool mayBeCut = false) {
  std::map<int, std::map<int, std::vector<Slice>>> groups; // tracks by number
  std::set<std::pair<int, int>> named;
  for (const json& event : trace.at("traceEvents")) {
    int group = event.at("pid"), track = event.at("tid");
    if (event.at("ph") == "M") {
      named.emplace(group, track);
      continue;
    }
    EXPECT_EQ(event.at("ph"), "X");
    EXPECT_TRUE(named.contains({group, track})) << event;
    int64_t begin = nanoseconds(event.at("ts"));
    groups[group][track].push_back({begin, begin + nanoseconds(event.at("dur")), event});
  }
  std::vector<Slice> allSteps;
  for (auto& [group, tracks] : groups) {
    for (auto& [track, slices] : tracks)
      std::sort(slices.begin(), slices.end(),
                [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
    const std::vector<Slice>& steps = tracks.at(0);
    for (size_t i = 1; i < steps.size(); ++i)
      EXPECT_LE(steps[i - 1].end, steps[i].begin);
    std::map<int, size_t> next; // by track
    for (const Slice& step : steps) {
      std::map<int, std::pair<uint64_t, uint64_t>> tasks; // by number: shards, greatest shard
      for (auto& [track, slices] : tracks) {
        if (track == 0)
          continue;
        int64_t at = step.begin;
        for (size_t& i = next[track]; i < slices.size() && slices[i].begin < step.end; ++i) {
          EXPECT_EQ(slices[i].begin, at) << slices[i].event;
          at = slices[i].end;
          auto args = slices[i].event.find("args");
          if (args == slices[i].event.end())
            continue; // a gap
          auto& [shards, last] = tasks[args->at("task").get<int>()];
          shards += args->at("shards").get<uint64_t>();
          last = std::max(last, args->at("last").get<uint64_t>());
          EXPECT_LE(args->at("first"), args->at("last"));
        }
        EXPECT_EQ(at, step.end) << "worker " << track - 1 << ", " << step.event;
      }
      if (mayBeCut && &step == &steps.back())
        continue;
      EXPECT_GT(tasks.size(), 50u);
      for (auto& [task, counts] : tasks)
        EXPECT_EQ(counts.first, counts.second + 1) << "task " << task << ", " << step.event;
    }
    for (auto& [track, slices] : tracks)
      if (track != 0)
        EXPECT_EQ(next[track], slices.size());
    allSteps.insert(allSteps.end(), steps.begin(), steps.end());
  }
  return allSteps;
}

TEST(Trace, ofBenchHasTheLastRunOfEachTest) {
  TemporaryFolder folder;
  std::string file = folder.file("trace.json");
  Outcome run =
      chordal({"bench", model, "-p", "20", "-n", "3", "-r", "2", "-t", "1,2", "--trace", file});
  ASSERT_EQ(run.code, 0) << run.err;
  json trace = json::parse(readAll(file));
  std::vector<Slice> steps = checkTrace(trace);
  std::vector<int> tokens;
  for (const Slice& step : steps)
    tokens.push_back(step.event.at("args").at("tokens"));
  EXPECT_EQ(tokens, (std::vector<int>{20, 1, 1, 1, 20, 1, 1, 1}));
  EXPECT_EQ(steps[1].event.at("args").at("positions"), 1);
  std::set<std::string> names, groups;
  for (const json& event : trace.at("traceEvents")) {
    names.insert(event.at("name").get<std::string>());
    if (event.at("name") == "process_name")
      groups.insert(event.at("args").at("name").get<std::string>());
    if (event.at("name") == "ffn_down") {
      EXPECT_GE(event.at("args").at("layer"), 0);
      EXPECT_GT(event.at("args").at("bytes"), 0);
    }
  }
  for (const char* name : {"ffn_down", "attention", "attn_norm", "start", "end"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_EQ(groups, (std::set<std::string>{"pp20, 1 threads", "tg3, 1 threads", "pp20, 2 threads",
                                           "tg3, 2 threads"}));
}

TEST(Trace, ofRunHasAllSteps) {
  TemporaryFolder folder;
  std::string file = folder.file("trace.json");
  Outcome run = chordal({"run", model, "-p", "Once upon a time", "-n", "5", "--temp", "0",
                         "--ignore-eos", "-t", "2", "--trace", file});
  ASSERT_EQ(run.code, 0) << run.err;
  std::vector<Slice> steps = checkTrace(json::parse(readAll(file)));
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[0].event.at("args").at("tokens"), 5);
  EXPECT_EQ(steps[4].event.at("args").at("positions"), 9);
}

TEST(Trace, isCompleteWhereverARunEnds) {
  TemporaryFolder folder;
  std::string file = folder.file("trace.json");
  for (int signal : {SIGINT, SIGKILL}) {
    bool sent = false;
    Outcome run = chordal({"run", model, "-p", "Once upon a time", "--ignore-eos", "--temp", "0",
                           "-c", "4096", "--trace", file},
                          "", [&](pid_t process, const std::string& out) {
                            if (!sent && out.size() > 1000) {
                              sent = true;
                              kill(process, signal);
                            }
                          });
    ASSERT_TRUE(sent);
    EXPECT_EQ(run.code, signal == SIGINT ? 0 : 128 + SIGKILL) << run.err;
    EXPECT_GT(checkTrace(json::parse(readAll(file)), signal == SIGINT).size(), 50u);
  }
}

TEST(Trace, saysWhereItCannotWrite) {
  TemporaryFolder folder;
  for (const char* command : {"run", "bench"}) {
    Outcome run =
        chordal({command, model, "-p", "1", "-n", "1", "--trace", folder.file("no/such")});
    EXPECT_EQ(run.code, 1);
    EXPECT_NE(run.err.find("no/such: cannot write the trace"), std::string::npos) << run.err;
  }
}

} // namespace
} // namespace chordal::test
