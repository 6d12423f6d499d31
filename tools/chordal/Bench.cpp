//===- Bench.cpp - chordal bench: tokens per second ------------------------------------------===//
//
// Times the two things a model does: reading a prompt (pp) and adding tokens to it one by one (tg),
// optionally behind a context that is already there (@d).
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/sample/Sampler.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/console/Console.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal bench model.gguf
  chordal bench model.gguf -p 0 -n 128 -d 1900 -t 1 --json

pp512 is a prompt of 512 tokens, tg128 the generation of 128 tokens one by one, tg128@d1900
the same behind 1900 tokens. -p, -n and -d may be lists (-d 0,1900); 0 leaves a test out.
Each test runs once unmeasured and then -r times. Numbers are tokens per second.)";

struct BenchOptions {
  CommonOptions common;
  std::vector<uint32_t> prompts{512}, generations{128}, depths{0};
  uint32_t runs = 5;
  bool json = false;
};

struct Test {
  bool generation;
  uint32_t tokens;
  uint32_t depth;

  std::string name() const {
    std::string base = fmt::format("{}{}", generation ? "tg" : "pp", tokens);
    return depth == 0 ? base : fmt::format("{}@d{}", base, depth);
  }
};

struct Measurement {
  std::string name;
  std::vector<double> rates; ///< tokens per second of each run, ascending

  double median() const {
    size_t middle = rates.size() / 2;
    return rates.size() % 2 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
  }
};

/// Random tokens, the same in every run of the program.
std::vector<int32_t> randomTokens(size_t count, uint32_t vocabulary) {
  sample::Random random(1);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens)
    token = int32_t(random.next() % vocabulary);
  return tokens;
}

/// One run: the test's tokens behind what the sequence has.
Result<void> runOnce(Session& session, SequenceId sequence, const Test& test,
                     std::span<const int32_t> tokens, std::vector<float>& logits) {
  if (!test.generation)
    return session.prefill(sequence, tokens, logits.data());
  for (int32_t token : tokens)
    if (Result<void> done = session.decode(sequence, token, logits.data()); !done)
      return done;
  return {};
}

Result<Measurement> measure(Session& session, SequenceId sequence, const Test& test, uint32_t runs,
                            Progress& progress) {
  std::vector<int32_t> tokens = randomTokens(test.depth + test.tokens, session.vocabulary());
  std::span<const int32_t> before = std::span(tokens).first(test.depth);
  std::span<const int32_t> timed = std::span(tokens).subspan(test.depth);
  std::vector<float> logits(session.vocabulary());
  if (Result<void> emptied = session.truncate(sequence, 0); !emptied)
    return emptied.error();
  if (!before.empty())
    if (Result<void> done = session.prefill(sequence, before, nullptr); !done)
      return done.error();
  Measurement result{test.name(), {}};
  for (uint32_t run = 0; run <= runs; ++run) {
    progress.show(run == 0 ? fmt::format("{}: warming up ...", result.name)
                           : fmt::format("{}: run {} of {} ...", result.name, run, runs));
    uint32_t kept = session.retainable(sequence, test.depth);
    if (Result<void> back = session.truncate(sequence, kept); !back)
      return back.error();
    if (kept < test.depth) // windows were written over
      if (Result<void> done = session.prefill(sequence, before, nullptr); !done)
        return done.error();
    Stopwatch watch;
    if (Result<void> done = runOnce(session, sequence, test, timed, logits); !done)
      return done.error();
    if (run != 0)
      result.rates.push_back(test.tokens / watch.seconds());
  }
  std::sort(result.rates.begin(), result.rates.end());
  return result;
}

std::string table(const std::vector<Measurement>& measurements, const Model& model) {
  std::string text = fmt::format("{:<16} {:>12} {:>12} {:>12}   tokens/s, {} threads, {}\n", "test",
                                 "median", "min", "max", model.threads(), model.isa());
  for (const Measurement& m : measurements)
    text += fmt::format("{:<16} {:>12.2f} {:>12.2f} {:>12.2f}\n", m.name, m.median(),
                        m.rates.front(), m.rates.back());
  return text;
}

std::string json(const std::vector<Measurement>& measurements, const std::vector<Test>& tests,
                 const Model& model) {
  auto array = nlohmann::ordered_json::array();
  for (size_t i = 0; i < tests.size(); ++i) {
    const Measurement& m = measurements[i];
    array.push_back({{"test", m.name},
                     {"tokens_per_second", m.median()},
                     {"min", m.rates.front()},
                     {"max", m.rates.back()},
                     {"runs", m.rates.size()},
                     {"tokens", tests[i].tokens},
                     {"depth", tests[i].depth},
                     {"threads", model.threads()},
                     {"isa", std::string(model.isa())},
                     {"model", model.file().name()}});
  }
  return array.dump(2) + "\n";
}

Result<void> bench(BenchOptions& options) {
  std::vector<Test> tests;
  uint32_t positions = 0;
  for (uint32_t depth : options.depths)
    for (bool generation : {false, true})
      for (uint32_t tokens : generation ? options.generations : options.prompts)
        if (tokens != 0) {
          tests.push_back({generation, tokens, depth});
          positions = std::max(positions, depth + tokens);
        }
  if (tests.empty())
    throw CLI::ValidationError("-p, -n", "there is nothing to measure");
  options.common.context = positions;
  auto loaded = options.common.load();
  if (!loaded)
    return loaded.error();
  Session& session = (*loaded)->session();
  if (session.contextLength() < positions)
    return Error{fmt::format("the tests need {} positions, but the model's context has {}",
                             positions, session.contextLength()),
                 ErrorCode::Full};
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  std::vector<Measurement> measurements;
  {
    Progress progress;
    for (const Test& test : tests) {
      Result<Measurement> measured = measure(session, *sequence, test, options.runs, progress);
      if (!measured)
        return measured.error();
      measurements.push_back(*std::move(measured));
    }
  }
  return print(options.json ? json(measurements, tests, **loaded) : table(measurements, **loaded));
}

} // namespace

void addBench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = *app.add_subcommand("bench", "Measure tokens per second");
  command.footer(details);
  CommonOptions& common = options->common;
  common.addModel(command);
  auto list = [&](const char* name, std::vector<uint32_t>& values, const char* description) {
    command.add_option(name, values, description)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(between(0, 1u << 24))
        ->type_name("N");
  };
  list("-p,--prompt", options->prompts, "Tokens of the prompt (default: 512)");
  list("-n,--generate", options->generations, "Tokens to generate (default: 128)");
  list("-d,--depth", options->depths, "Tokens that are there before (default: 0)");
  command.add_option("-r,--runs", options->runs, "Measured runs of each test (default: 5)")
      ->check(between(1, 1000000))
      ->type_name("N");
  command.add_flag("--json", options->json, "Print a JSON array");
  common.addThreads(command);
  common.addIsa(command);
  common.addKvType(command);
  common.addMicroBatch(command);
  command.callback([&action, options] { action = [options] { return bench(*options); }; });
}

} // namespace chordal::driver
