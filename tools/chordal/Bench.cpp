//===- Bench.cpp - chordal bench: tokens per second -------------------------------------------===//
//
// Times the two things a model does: reading a prompt (pp) and adding tokens to it one by one (tg),
// optionally behind a context that is already there (@d).
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/sample/Sampler.h"
#include "runtime/tbb/Threads.h"
#include "tools/chordal/BenchReport.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Trace.h"
#include "tools/console/Console.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal bench model.gguf
  chordal bench model.gguf -p 0 -n 128 -d 0,1900 -t 1,2 --json
  chordal bench model.gguf -r 3 --profile

pp512 is a prompt of 512 tokens, tg128 the generation of 128 tokens one by one, tg128@d1900
the same behind 1900 tokens. -p, -n, -d and -t may be lists; 0 leaves a test out. Each test
runs once unmeasured and then -r times; tokens/s is the median.

The machine's ceilings are measured between the runs: reading memory as large as the model
(at most 1 GiB), in the mapped file and in huge pages, and multiplying in registers. GB/s
counts weights and KV cache, each read once; Gop/s products and sums. The share of the
ceiling is the least time for these, at the ceilings, over the time taken; beside it stands
what bounds most of that least time.

--profile says where the time goes: for each kernel and role the time in which its tasks ran
(and how much of it the workers were busy), and the time in which workers had no shard.)";

struct BenchOptions {
  CommonOptions common;
  std::vector<uint32_t> prompts{512}, generations{128}, depths{0}, threads{0};
  uint32_t runs = 5;
  bool profile = false;
  std::string trace;
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

  /// Its steps, if one has at most `most` tokens.
  std::vector<StepShape> steps(uint32_t most) const {
    if (generation)
      most = 1;
    std::vector<StepShape> shapes;
    for (uint32_t done = 0; done < tokens;) {
      uint32_t count = std::min(most, tokens - done);
      done += count;
      shapes.push_back({count, generation || done == tokens, {{count, depth + done}}});
    }
    return shapes;
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

/// A model loaded with some number of threads, and what watches it.
class Bench {
public:
  /// `trace` may be null. The bench refers to the options.
  static Result<std::unique_ptr<Bench>> load(const BenchOptions& options, unsigned threads,
                                             TraceFile* trace) {
    auto bench = std::unique_ptr<Bench>(new Bench(options, threads, trace));
    CommonOptions common = options.common;
    common.threads = threads;
    auto model = common.load(options.profile || trace ? &bench->recording : nullptr);
    if (!model)
      return model.error();
    bench->model = *std::move(model);
    Session& session = bench->model->session();
    Result<SequenceId> sequence = session.createSequence();
    if (!sequence)
      return sequence.error();
    bench->sequence = *sequence;
    bench->tasks.emplace(session.program());
    std::set<kernels::Isa> isas;
    if (auto isa = kernels::isaFromName(bench->model->isa()))
      isas.insert(*isa);
    for (uint32_t task = 0; task < session.program().tasks.size(); ++task)
      isas.insert(bench->tasks->kind(task).isa);
    bench->meter.emplace(session.weightData(), std::vector(isas.begin(), isas.end()), threads);
    return bench;
  }

  Session& session() { return model->session(); }

  Result<TestResult> measure(const Test& test, Progress& progress);

private:
  Bench(const BenchOptions& options, unsigned threads, TraceFile* trace)
      : options(options), threads(threads), trace(trace), recording(threads) {}

  Result<void> restart(const Test& test, std::span<const int32_t> before);
  Result<void> runOnce(const Test& test, std::span<const int32_t> tokens);
  void addCosts(const Test& test, TestResult& result) const;

  const BenchOptions& options;
  unsigned threads;
  TraceFile* trace;
  Recording recording;
  std::unique_ptr<Model> model; // after what observes it
  SequenceId sequence = 0;
  std::optional<TaskTable> tasks;
  std::optional<CeilingMeter> meter;
  std::vector<float> logits;
};

/// Leaves the sequence with the tokens that come before the test.
Result<void> Bench::restart(const Test& test, std::span<const int32_t> before) {
  uint32_t kept =
      session().positions(sequence) < test.depth ? 0 : session().retainable(sequence, test.depth);
  if (Result<void> back = session().truncate(sequence, kept); !back)
    return back;
  return kept < test.depth // windows were written over
             ? session().prefill(sequence, before.subspan(kept), nullptr)
             : Result<void>();
}

/// One run: the test's tokens behind what the sequence has.
Result<void> Bench::runOnce(const Test& test, std::span<const int32_t> tokens) {
  if (!test.generation)
    return session().prefill(sequence, tokens, logits.data());
  for (int32_t token : tokens)
    if (Result<void> done = session().decode(sequence, token, logits.data()); !done)
      return done;
  return {};
}

/// What one run has to do, and the least time that it takes.
void Bench::addCosts(const Test& test, TestResult& result) const {
  std::vector<Ceilings::Least> parts; // by bound
  for (const StepShape& shape : test.steps(model->session().microBatch())) {
    const Program& program = tasks->program();
    const chordal_bucket& bucket = program.buckets[program.bucketFor(shape.tokens)];
    for (uint32_t task = bucket.first_task; task < bucket.first_task + bucket.n_tasks; ++task) {
      TaskCost cost = tasks->cost(task, shape);
      result.cost.bytes += cost.bytes;
      result.cost.operations += cost.operations;
      Ceilings::Least least = result.ceilings.least(tasks->kind(task), cost);
      result.least.seconds += least.seconds;
      auto part = std::find_if(parts.begin(), parts.end(),
                               [&](const auto& known) { return known.bound == least.bound; });
      if (part == parts.end())
        parts.push_back(least);
      else
        part->seconds += least.seconds;
    }
  }
  result.least.bound =
      std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
        return a.seconds < b.seconds;
      })->bound;
}

Result<TestResult> Bench::measure(const Test& test, Progress& progress) {
  std::vector<int32_t> tokens = randomTokens(test.depth + test.tokens, session().vocabulary());
  std::span<const int32_t> before = std::span(tokens).first(test.depth);
  std::span<const int32_t> timed = std::span(tokens).subspan(test.depth);
  logits.resize(session().vocabulary());
  if (Result<void> emptied = session().truncate(sequence, 0); !emptied)
    return emptied.error();
  TestResult result;
  result.test = test.name();
  result.tokens = test.tokens;
  result.depth = test.depth;
  result.threads = threads;
  result.isa = model->isa();
  result.model = model->file().name();
  if (options.profile)
    result.profile.emplace();
  meter->clear();
  for (uint32_t run = 0; run <= options.runs; ++run) {
    progress.show(run == 0 ? fmt::format("{}: warming up ...", result.test)
                           : fmt::format("{}: run {} of {} ...", result.test, run, options.runs));
    if (run > 0)
      meter->measure();
    if (Result<void> ready = restart(test, before); !ready)
      return ready.error();
    recording.clear();
    Stopwatch watch;
    if (Result<void> done = runOnce(test, timed); !done)
      return done.error();
    double seconds = watch.seconds();
    if (run == 0)
      continue;
    result.rates.push_back(test.tokens / seconds);
    if (result.profile)
      result.profile->add(recording, *tasks, seconds);
  }
  if (trace) {
    trace->beginGroup(fmt::format("{}, {} threads", result.test, threads), threads);
    if (Result<void> written = trace->append(recording, *tasks); !written)
      return written.error();
  }
  std::sort(result.rates.begin(), result.rates.end());
  if (result.profile)
    result.profile->finish();
  result.ceilings = meter->median();
  addCosts(test, result);
  return result;
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
  TraceFile trace;
  if (!options.trace.empty())
    if (Result<void> opened = trace.open(options.trace); !opened)
      return opened;
  std::vector<TestResult> results;
  for (unsigned threads : options.threads) {
    auto loaded = Bench::load(options, threads ? threads : availableThreads(),
                              options.trace.empty() ? nullptr : &trace);
    if (!loaded)
      return loaded.error();
    Bench& bench = **loaded;
    if (bench.session().contextLength() < positions)
      return Error{fmt::format("the tests need {} positions, but the model's context has {}",
                               positions, bench.session().contextLength()),
                   ErrorCode::Full};
    Progress progress;
    for (const Test& test : tests) {
      Result<TestResult> result = bench.measure(test, progress);
      if (!result)
        return result.error();
      results.push_back(*std::move(result));
    }
  }
  return print(options.json ? benchJson(results) : benchText(results));
}

} // namespace

void addBench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = *app.add_subcommand("bench", "Measure tokens per second");
  command.footer(details);
  CommonOptions& common = options->common;
  common.addModel(command);
  auto list = [&](const char* name, std::vector<uint32_t>& values, uint64_t least, uint64_t most,
                  const char* description) {
    command.add_option(name, values, description)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(between(least, most))
        ->type_name("N");
  };
  constexpr uint64_t mostTokens = 1u << 24;
  list("-p,--prompt", options->prompts, 0, mostTokens, "Tokens of the prompt (default: 512)");
  list("-n,--generate", options->generations, 0, mostTokens, "Tokens to generate (default: 128)");
  list("-d,--depth", options->depths, 0, mostTokens, "Tokens that are there before (default: 0)");
  list("-t,--threads", options->threads, 1, 1024,
       "Worker threads (default: as many as the process may use)");
  command.add_option("-r,--runs", options->runs, "Measured runs of each test (default: 5)")
      ->check(between(1, 1000000))
      ->type_name("N");
  command.add_flag("--profile", options->profile,
                   "Say what the steps are made of: time by kernel and role, and gaps");
  command
      .add_option("--trace", options->trace,
                  "Write each test's last run to this file, as JSON for ui.perfetto.dev")
      ->type_name("FILE");
  command.add_flag("--json", options->json, "Print a JSON array");
  common.addIsa(command);
  common.addKvType(command);
  common.addMicroBatch(command);
  command.callback([&action, options] { action = [options] { return bench(*options); }; });
}

} // namespace chordal::driver
