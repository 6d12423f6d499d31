//===- ProgramTest.cpp - validation of programs -----------------------------------------------===//
//
// Every rule of validate() is broken once and must be named; random damage must never do more than
// give an error.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Program.h"
#include "tests/runtime/core/TestPrograms.h"

#include <gtest/gtest.h>

#include <functional>

using namespace chordal;

namespace {

chordal_weight makeWeight(Program& program) {
  // Two rows of 64 columns of Q8_0 (id 8): 2 * 2 blocks of 34 bytes.
  return {program.addString("w"), 8, 0, 0, 1000, 136, 2, 64};
}

/// A valid program that has something in every table.
Program makeProgram() {
  Program program = test::makeRecall();
  program.constants.resize(64);
  program.weights.push_back(makeWeight(program));
  program.functionNames.push_back(program.addString("f"));
  program.functionRefs.push_back(0);
  program.parameters = {16};
  program.buckets[2].arena_bytes = 16 * 64;
  program.operands.push_back({CHORDAL_SPACE_ARENA, 0, 0, 64});
  program.operands.push_back({CHORDAL_SPACE_WEIGHT, 0, 0, 68});
  program.operands.push_back({CHORDAL_SPACE_CONSTANT, 0, 32, 32});
  chordal_task task{};
  task.name = program.addString("rotate");
  task.row_tile = 3;
  task.shard_factor = 1;
  task.n_functions = task.n_parameters = 1;
  task.first_function_operand = 9;
  task.n_function_operands = 3;
  task.first_dependency = 0;
  task.n_dependencies = 1;
  program.tasks.push_back(task);
  ++program.buckets[2].n_tasks;
  return program;
}

TEST(Validate, AcceptsValidPrograms) {
  Program program = makeProgram();
  Result<void> valid = validate(program);
  EXPECT_TRUE(valid) << valid.error().message;
  std::random_device device;
  for (int i = 0; i < 100; ++i) {
    unsigned seed = device();
    std::mt19937 random(seed);
    Result<void> mixed = validate(test::makeMix(random, 40).program);
    EXPECT_TRUE(mixed) << "seed " << seed << ": " << mixed.error().message;
  }
}

TEST(Validate, NamesTheEntryOfEachError) {
  struct {
    const char* expected; // part of the message
    std::function<void(Program&)> damage;
  } cases[] = {
      {"version 9", [](Program& p) { p.version = 9; }},
      {"vocabulary of 0", [](Program& p) { p.model.vocabulary = 0; }},
      {"context of 0", [](Program& p) { p.model.context_length = 0; }},
      {"strings: the last", [](Program& p) { p.strings.back() = 'x'; }},
      {"kernel 1: its name", [](Program& p) { p.kernelNames[1] = 1000; }},
      {"function 0: its name", [](Program& p) { p.functionNames[0] = 1000; }},
      {"buckets: there are none", [](Program& p) { p.buckets.clear(); }},
      {"should begin at 2", [](Program& p) { p.buckets[1].min_tokens = 3; }},
      {"a range of 2 to 1", [](Program& p) { p.buckets[1].max_tokens = 1; }},
      {"bucket 2: tasks", [](Program& p) { p.buckets[2].n_tasks = 100; }},
      {"bucket 2: an arena", [](Program& p) { p.buckets[2].arena_bytes = ~0ull; }},
      {"weight 0: its name", [](Program& p) { p.weights[0].name = 1000; }},
      {"no format has id 4", [](Program& p) { p.weights[0].format = 4; }},
      {"layout 7", [](Program& p) { p.weights[0].layout = 7; }},
      {"not whole blocks of Q8_0", [](Program& p) { p.weights[0].columns = 63; }},
      {"are not 135 bytes", [](Program& p) { p.weights[0].bytes = 135; }},
      {"are not 136 bytes", [](Program& p) { p.weights[0].rows = 1ull << 62; }},
      {"weight 0 (w): it ends", [](Program& p) { p.weights[0].offset = ~0ull; }},
      {"state 0: its name", [](Program& p) { p.states[0].name = 1000; }},
      {"no element type has id 5", [](Program& p) { p.states[0].element = 5; }},
      {"blocks of 192 bytes", [](Program& p) { p.states[0].block_bytes = 192; }},
      {"a ring of 1 blocks for a window of 8",
       [](Program& p) {
         p.states[0].window = 8;
         p.states[0].ring_blocks = 1;
       }},
      {"a ring of 4 blocks for a window of 0", [](Program& p) { p.states[0].ring_blocks = 4; }},
      {"state 0 (memory): blocks of 257", [](Program& p) { p.states[0].block_bytes = 257; }},
      {"operand 9: no space has id 77", [](Program& p) { p.operands[9].space = 77; }},
      {"operand 9: offset 2", [](Program& p) { p.operands[9].offset = 2; }},
      {"operand 10: weight 1 of 1", [](Program& p) { p.operands[10].index = 1; }},
      {"lie outside weight 0", [](Program& p) { p.operands[10].offset = 69; }},
      {"operand 3: state 1 of 1", [](Program& p) { p.operands[3].index = 1; }},
      {"addressed by its blocks", [](Program& p) { p.operands[3].row_bytes = 64; }},
      {"lie outside the constants", [](Program& p) { p.operands[11].offset = 36; }},
      {"an array of the step", [](Program& p) { p.operands[0].offset = 4; }},
      {"lie outside the logits", [](Program& p) { p.operands[8].row_bytes = 56; }},
      {"function reference 0: function 3", [](Program& p) { p.functionRefs[0] = 3; }},
      {"task 6: its name", [](Program& p) { p.tasks[6].name = 1000; }},
      {"task 0 (store): kernel references", [](Program& p) { p.tasks[0].n_kernels = 3; }},
      {"task 1 (logits): operands", [](Program& p) { p.tasks[1].first_operand = 8; }},
      {"parameters 0 and 2 on", [](Program& p) { p.tasks[6].n_parameters = 2; }},
      {"function references 1", [](Program& p) { p.tasks[6].first_function = 1; }},
      {"function operands", [](Program& p) { p.tasks[6].n_function_operands = 4; }},
      {"dependencies 0 and 2", [](Program& p) { p.tasks[6].n_dependencies = 2; }},
      {"no count of rows", [](Program& p) { p.tasks[6].rows = 2; }},
      {"it has no shards", [](Program& p) { p.tasks[0].shard_factor = 0; }},
      {"shards, too many", [](Program& p) { p.tasks[0].shard_factor = 1u << 31; }},
      {"bytes of scratch", [](Program& p) { p.tasks[0].scratch_bytes = ~0ull; }},
      {"it depends on task 1", [](Program& p) { p.dependencies[0] = 1; }},
      {"neither a kernel", [](Program& p) { p.tasks[6].n_functions = 0; }},
      {"shard factor is 2", [](Program& p) { p.tasks[6].shard_factor = 2; }},
      {"its shards go by rows", [](Program& p) { p.tasks[0].n_kernels = 2; }},
      {"kernel 5 of 2", [](Program& p) { p.kernelRefs[1].kernel = 5; }},
      {"begins at shard 1 of 1", [](Program& p) { p.kernelRefs[0].first_shard = 1; }},
      {"operand 9: 16 rows of 64", [](Program& p) { p.buckets[2].arena_bytes = 15 * 64; }},
      {"operand 9: 16 rows of 72", [](Program& p) { p.operands[9].row_bytes = 72; }},
  };
  for (const auto& test : cases) {
    Program program = makeProgram();
    test.damage(program);
    Result<void> result = validate(program);
    ASSERT_FALSE(result) << "not noticed: " << test.expected;
    EXPECT_NE(result.error().message.find(test.expected), std::string::npos)
        << result.error().message << "\nshould have: " << test.expected;
  }
}

/// Changes some bytes of a random table.
template <typename Random> void damage(Program& program, Random& random) {
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  auto bytesOf = [](auto& table) { return std::as_writable_bytes(std::span(table)); };
  std::span<std::byte> tables[] = {
      bytesOf(program.buckets),      bytesOf(program.tasks),       bytesOf(program.kernelRefs),
      bytesOf(program.operands),     bytesOf(program.parameters),  bytesOf(program.functionRefs),
      bytesOf(program.dependencies), bytesOf(program.weights),     bytesOf(program.states),
      bytesOf(program.strings),      bytesOf(program.kernelNames), bytesOf(program.functionNames)};
  for (size_t changes = 1 + below(3); changes > 0; --changes) {
    std::span<std::byte> table = tables[below(std::size(tables))];
    if (table.empty())
      continue;
    constexpr uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
    size_t at = below(table.size());
    size_t run = below(2) ? 1 : 4;
    for (size_t i = at / run * run; i < table.size() && i < at / run * run + run; ++i)
      table[i] = std::byte(below(2) ? values[below(std::size(values))] : uint8_t(below(256)));
  }
}

TEST(Validate, SurvivesRandomDamage) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int refused = 0, accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    Program program = i % 2 ? makeProgram() : test::makeMix(random, 8).program;
    damage(program, random);
    Result<void> result = validate(program);
    if (!result) {
      EXPECT_EQ(result.error().message.compare(0, 9, "program: "), 0) << result.error().message;
      ++refused;
      continue;
    }
    ++accepted;
    // What is accepted can be loaded and is safe to follow.
    for (const chordal_bucket& bucket : program.buckets)
      for (uint32_t t = 0; t < bucket.n_tasks; ++t) {
        const chordal_task& task = program.tasks.at(bucket.first_task + t);
        EXPECT_LE(shardCount(task, bucket.max_tokens), 1u << 30);
        for (uint32_t k = 0; k < task.n_operands; ++k) {
          const chordal_operand& operand = program.operands.at(task.first_operand + k);
          if (operand.space == CHORDAL_SPACE_ARENA) {
            ASSERT_LT(operand.offset + (bucket.max_tokens - 1) * operand.row_bytes,
                      bucket.arena_bytes);
          }
        }
        for (uint32_t k = 0; k < task.n_dependencies; ++k)
          ASSERT_LT(program.dependencies.at(task.first_dependency + k), t);
        for (uint32_t k = 0; k < task.n_kernels; ++k)
          program.kernelNames.at(program.kernelRefs.at(task.first_kernel + k).kernel);
      }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 1000);
}

TEST(Program, FindsBucketsAndStrings) {
  Program program = test::makeRecall();
  EXPECT_EQ(program.bucketFor(0), CHORDAL_NONE);
  EXPECT_EQ(program.bucketFor(1), 0u);
  EXPECT_EQ(program.bucketFor(2), 1u);
  EXPECT_EQ(program.bucketFor(16), 2u);
  EXPECT_EQ(program.bucketFor(17), CHORDAL_NONE);
  EXPECT_EQ(program.maxTokens(), 16u);
  EXPECT_EQ(program.taskName(1), "logits");
  EXPECT_EQ(program.string(100000), "");
}

} // namespace
