//===- ExecutorTest.cpp - the parallel executor -----------------------------------------------===//
//
// Random task graphs must give the words that the serial executor gives, with every shard run once,
// on any number of threads, step after step, with and without outputs, and after cancellations.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Executor.h"
#include "runtime/core/SerialExecutor.h"
#include "runtime/tbb/Memory.h"
#include "tests/runtime/core/TestPrograms.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

using namespace chordal;
using namespace chordal::test;

namespace {

/// Checks the log of a mix program after one step: each shard once, nothing else. Returns the
/// outputs.
std::vector<uint32_t> readLog(const MixProgram& mix, TestStep& step, uint32_t bucket) {
  std::vector<uint32_t> words(mix.logWords), outputs;
  std::memcpy(words.data(), step.state.data(), words.size() * 4);
  const chordal_bucket& range = mix.program.buckets[bucket];
  for (uint32_t i = 0; i < mix.program.tasks.size(); ++i) {
    const chordal_task& task = mix.program.tasks[i];
    MixParameters parameters;
    std::memcpy(&parameters, mix.program.parameters.data() + task.first_parameter,
                sizeof parameters);
    bool inBucket = i >= range.first_task && i < range.first_task + range.n_tasks;
    uint32_t rows = task.rows == CHORDAL_ROWS_OUTPUTS ? step.step.n_outputs : step.step.n_tokens;
    uint64_t expected = inBucket ? shardCount(task, rows) : 0;
    for (uint32_t shard = 0; parameters.logFirst + shard < parameters.copyFirst; ++shard)
      EXPECT_EQ(words[parameters.logFirst + shard], shard < expected)
          << "task " << i << " shard " << shard;
    if (inBucket)
      for (uint32_t k = 0; k < rows * task.shard_factor; ++k)
        outputs.push_back(words[parameters.copyFirst + k]);
  }
  return outputs;
}

/// An executor and the step it runs.
struct Runner {
  const MixProgram& mix;
  TestStep step;
  std::unique_ptr<StepExecutor> executor;

  Runner(const MixProgram& mix, std::unique_ptr<StepExecutor> created)
      : mix(mix), step(mix.program), executor(std::move(created)) {
    Result<void> loaded = executor->load(mix.program, step.bindings, step.cancel);
    EXPECT_TRUE(loaded) << loaded.error().message;
  }

  std::vector<uint32_t> run(uint32_t tokens, uint32_t outputs) {
    std::fill(step.state.begin(), step.state.end(), std::byte(0));
    step.step.n_tokens = tokens;
    step.step.n_outputs = outputs;
    uint32_t bucket = mix.program.bucketFor(tokens);
    Result<void> done = executor->run(bucket);
    EXPECT_TRUE(done) << done.error().message;
    return readLog(mix, step, bucket);
  }
};

TEST(Executor, AgreesWithTheSerialOne) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    MixProgram mix = makeMix(random, i % 3 ? 12 : 80);
    Runner serial(mix, createSerialExecutor(mix.code, heapMemory()));
    unsigned threads = std::array{1u, 2u, 3u, 8u}[size_t(i) % 4];
    Runner parallel(mix, createTbbExecutor(mix.code, {threads, nullptr}));
    for (int step = 0; step < 30; ++step) {
      uint32_t tokens = 1 + random() % mix.program.maxTokens();
      uint32_t outputs = random() % 3 ? random() % (tokens + 1) : 0;
      ASSERT_EQ(parallel.run(tokens, outputs), serial.run(tokens, outputs))
          << threads << " threads, step " << step << ", " << tokens << " tokens, " << outputs
          << " outputs";
      if (HasFailure())
        return;
    }
  }
}

TEST(Executor, RunsManyThousandSteps) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  MixProgram mix = makeMix(random, 6);
  Runner serial(mix, createSerialExecutor(mix.code, heapMemory()));
  Runner parallel(mix, createTbbExecutor(mix.code, {3, nullptr}));
  for (int step = 0; step < 5000; ++step) {
    uint32_t tokens = 1 + random() % mix.program.maxTokens();
    uint32_t outputs = random() % (tokens + 1);
    ASSERT_EQ(parallel.run(tokens, outputs), serial.run(tokens, outputs)) << "step " << step;
    if (HasFailure())
      return;
  }
}

std::vector<std::atomic<uint32_t>> runsOfShard(20000);

void countingKernel(const chordal_task_args*, uint32_t shard) {
  runsOfShard[shard].fetch_add(1, std::memory_order_relaxed);
}

TEST(Executor, ClaimsEveryShardOnce) {
  for (auto& runs : runsOfShard)
    runs = 0;
  Program program;
  program.model = {10, 10, 1, 1};
  program.kernelNames = {program.addString("count")};
  program.kernelRefs = {{0, 0}};
  chordal_task task{};
  task.n_kernels = 1;
  task.shard_factor = uint32_t(runsOfShard.size());
  program.tasks = {task};
  program.buckets = {{1, 1, 0, 1, 0}};
  ASSERT_TRUE(validate(program));
  TestStep step(program);
  step.step.n_tokens = 1;
  auto executor = createTbbExecutor({{countingKernel}, {}}, {4, nullptr});
  ASSERT_TRUE(executor->load(program, step.bindings, step.cancel));
  for (uint32_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(executor->run(0));
    for (size_t shard = 0; shard < runsOfShard.size(); ++shard)
      ASSERT_EQ(runsOfShard[shard], i) << "shard " << shard;
  }
}

std::atomic<int> shardsUntilCancel;
std::atomic<bool>* cancelFlag;

void cancellingKernel(const chordal_task_args* args, uint32_t shard) {
  if (shardsUntilCancel.fetch_sub(1) == 1)
    cancelFlag->store(true);
  mixKernel(args, shard);
}

TEST(Executor, StopsWhenCancelledAndGoesOn) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    MixProgram mix = makeMix(random, 40);
    Runner serial(mix, createSerialExecutor(mix.code, heapMemory()));
    mix.code.kernels = {cancellingKernel, cancellingKernel};
    Runner parallel(mix, createTbbExecutor(mix.code, {threads, nullptr}));
    cancelFlag = &parallel.step.cancel;
    int cancelled = 0;
    for (int i = 0; i < 200; ++i) {
      uint32_t tokens = 1 + random() % mix.program.maxTokens();
      shardsUntilCancel = 1 + int(random() % 30);
      parallel.step.step.n_tokens = parallel.step.step.n_outputs = tokens;
      Result<void> result = parallel.executor->run(mix.program.bucketFor(tokens));
      if (!result) {
        EXPECT_EQ(result.error().code, ErrorCode::Cancelled);
        ++cancelled;
      }
      parallel.step.cancel = false;
      shardsUntilCancel = 0;
      ASSERT_EQ(parallel.run(tokens, tokens), serial.run(tokens, tokens));
      if (HasFailure())
        return;
    }
    EXPECT_GT(cancelled, 0);
  }
}

TEST(Executor, DoesNotStartACancelledStep) {
  std::mt19937 random(1);
  MixProgram mix = makeMix(random, 40);
  Runner parallel(mix, createTbbExecutor(mix.code, {2, nullptr}));
  parallel.step.cancel = true;
  parallel.step.step.n_tokens = 1;
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(parallel.executor->run(0));
}

/// A task on outputs between two on tokens: without outputs, the third must wait for the first.
std::atomic<int> firstDone;
std::atomic<bool> inOrder;

void slowKernel(const chordal_task_args*, uint32_t) {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ++firstDone;
}
void checkingKernel(const chordal_task_args*, uint32_t) {
  if (firstDone != 4)
    inOrder = false;
}

TEST(Executor, WaitsThroughTasksWithoutRows) {
  Program program;
  program.model = {10, 10, 1, 1};
  program.kernelNames = {program.addString("slow"), program.addString("check")};
  program.kernelRefs = {{0, 0}, {1, 0}};
  program.dependencies = {0, 1};
  for (uint32_t i = 0; i < 3; ++i) {
    chordal_task task{};
    task.n_kernels = 1;
    task.first_kernel = i > 0;
    task.shard_factor = 4;
    task.rows = i == 1 ? CHORDAL_ROWS_OUTPUTS : CHORDAL_ROWS_TOKENS;
    if (i > 0) {
      task.first_dependency = i - 1;
      task.n_dependencies = 1;
    }
    program.tasks.push_back(task);
  }
  program.buckets = {{1, 1, 0, 3, 0}, {2, 2, 0, 2, 0}};
  ASSERT_TRUE(validate(program));
  TestStep step(program);
  auto executor = createTbbExecutor({{slowKernel, checkingKernel}, {}}, {3, nullptr});
  ASSERT_TRUE(executor->load(program, step.bindings, step.cancel));
  for (uint32_t tokens : {1u, 2u})
    for (int i = 0; i < 20; ++i) {
      firstDone = 0;
      inOrder = true;
      step.step.n_tokens = tokens;
      step.step.n_outputs = i % 2;
      ASSERT_TRUE(executor->run(tokens - 1));
      EXPECT_TRUE(inOrder) << tokens << " tokens, " << step.step.n_outputs << " outputs";
      // In the second bucket nothing but the empty task waits for the first.
      EXPECT_EQ(firstDone, 4) << "the step ended before its tasks";
    }
}

/// A generated function: view 0 = view 1 + row number.
void addRow(const chordal_view* views, uint64_t rowBegin, uint64_t rowEnd, uint64_t columnBegin,
            uint64_t columnEnd) {
  for (uint64_t row = rowBegin; row < rowEnd; ++row)
    for (uint64_t column = columnBegin; column < columnEnd; ++column) {
      auto at = [&](int view) {
        return reinterpret_cast<float*>(static_cast<std::byte*>(views[view].data) +
                                        row * views[view].row_bytes) +
               column;
      };
      *at(0) += *at(1) + float(row);
    }
}

TEST(Executor, RunsFunctionsByTilesOfRows) {
  Program program;
  program.model = {6, 10, 1, 1};
  program.functionNames = {program.addString("add_row")};
  program.functionRefs = {0};
  program.parameters = {6};
  program.constants.resize(24);
  for (uint32_t i = 0; i < 6; ++i) {
    float value = float(i) / 8;
    std::memcpy(program.constants.data() + 4 * i, &value, 4);
  }
  program.operands = {{CHORDAL_SPACE_LOGITS, 0, 0, 24}, {CHORDAL_SPACE_CONSTANT, 0, 0, 0}};
  for (uint32_t tile : {0u, 1u, 3u, 16u}) {
    chordal_task task{};
    task.row_tile = tile;
    task.shard_factor = 1;
    task.n_functions = task.n_parameters = 1;
    task.n_function_operands = 2;
    program.tasks = {task};
    program.buckets = {{1, 16, 0, 1, 0}};
    ASSERT_TRUE(validate(program));
    TestStep step(program);
    auto executor = createTbbExecutor({{}, {addRow}}, {2, nullptr});
    ASSERT_TRUE(executor->load(program, step.bindings, step.cancel));
    for (uint32_t rows : {1u, 2u, 3u, 7u, 16u}) {
      std::vector<float> logits(17 * 6, 0.0f); // elsewhere for each step
      step.step.logits = logits.data();
      step.step.n_tokens = rows;
      ASSERT_TRUE(executor->run(0));
      for (uint32_t i = 0; i < 17 * 6; ++i)
        ASSERT_EQ(logits[i], i / 6 < rows ? float(i % 6) / 8 + float(i / 6) : 0.0f)
            << "tile " << tile << ", rows " << rows << ", element " << i;
    }
  }
}

struct Recorder final : TaskObserver {
  std::mutex mutex;
  std::vector<TaskSpan> spans;
  std::vector<StepSpan> steps;
  std::vector<size_t> spansAtEnd; // of each step
  void ran(const TaskSpan& span) override {
    std::lock_guard lock(mutex);
    spans.push_back(span);
  }
  void finished(const StepSpan& span, const chordal_step&) override {
    std::lock_guard lock(mutex);
    steps.push_back(span);
    spansAtEnd.push_back(spans.size());
  }
};

TEST(Executor, TellsWhatWorkersDid) {
  std::mt19937 random(std::random_device{}());
  MixProgram mix = makeMix(random, 30);
  Recorder recorder;
  {
    Runner parallel(mix, createTbbExecutor(mix.code, {3, &recorder}));
    for (int i = 0; i < 10; ++i)
      parallel.run(1, 1);
  }
  const chordal_bucket& bucket = mix.program.buckets[0];
  ASSERT_EQ(recorder.steps.size(), 10u);
  size_t next = 0;
  for (size_t step = 0; step < 10; ++step) {
    const StepSpan& whole = recorder.steps[step];
    EXPECT_EQ(whole.bucket, 0u);
    EXPECT_EQ(whole.step, step + 1);
    std::vector<uint64_t> shards(bucket.n_tasks);
    std::array<uint64_t, 3> workerEnd{};
    for (; next < recorder.spansAtEnd[step]; ++next) {
      const TaskSpan& span = recorder.spans[next];
      EXPECT_EQ(span.bucket, 0u);
      EXPECT_EQ(span.step, step + 1);
      ASSERT_LT(span.worker, 3u);
      EXPECT_LE(std::max(whole.begin, workerEnd[span.worker]), span.begin);
      EXPECT_LE(span.begin, span.end);
      EXPECT_LE(span.end, whole.end);
      workerEnd[span.worker] = span.end;
      shards.at(span.task - bucket.first_task) += span.shards;
      EXPECT_LE(span.shards, span.lastShard - span.firstShard + 1);
      EXPECT_LT(span.lastShard, shardCount(mix.program.tasks[span.task], 1));
    }
    for (uint32_t i = 0; i < bucket.n_tasks; ++i)
      EXPECT_EQ(shards[i], shardCount(mix.program.tasks[bucket.first_task + i], 1));
  }
  EXPECT_EQ(next, recorder.spans.size());
}

TEST(Executor, NamesWhatIsMissing) {
  std::mt19937 random(1);
  MixProgram mix = makeMix(random, 3);
  mix.code.kernels[0] = nullptr;
  TestStep step(mix.program);
  auto executor = createTbbExecutor(mix.code);
  Result<void> loaded = executor->load(mix.program, step.bindings, step.cancel);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("'mix'"), std::string::npos) << loaded.error().message;
}

} // namespace
