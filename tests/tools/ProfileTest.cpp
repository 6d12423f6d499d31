//===- ProfileTest.cpp - costs of tasks, gaps and profiles ------------------------------------===//
#include "tools/chordal/Profile.h"

#include "kernels/Kernels.h"

#include <gtest/gtest.h>

#include <cstring>

namespace chordal::driver {
namespace {

TEST(Cost, namesRolesWithoutLayers) {
  EXPECT_EQ(roleOf("blk.12.ffn_gate+ffn_up"), "ffn_gate+ffn_up");
  EXPECT_EQ(roleOf("attention.kv.3.keys"), "attention");
  EXPECT_EQ(roleOf("rope_append.kv.31.keys"), "rope_append");
  EXPECT_EQ(roleOf("output_norm"), "output_norm");
  EXPECT_EQ(roleOf("blk.x.y"), "blk.x.y");
  EXPECT_EQ(roleOf("blk.1"), "blk.1");
  EXPECT_EQ(roleOf("a.kv.b.kv.1.keys"), "a.kv.b");
}

TEST(Cost, joinsNamesOfKernels) {
  EXPECT_EQ(joinKernelNames({"norm.scalar"}), "norm.scalar");
  EXPECT_EQ(
      joinKernelNames({"matmul.Q4_K.gemv.amx", "matmul.Q6_K.gemv.amx", "matmul.Q4_K.gemv.amx"}),
      "matmul.Q4_K+Q6_K.gemv.amx");
  EXPECT_EQ(joinKernelNames({"matmul.Q4_K.gemm.amx", "matmul.F32.scalar"}),
            "matmul.Q4_K+F32.gemm+scalar.amx");
}

TEST(Cost, takesTheShapeFromAStep) {
  int32_t sequence[] = {0, 1, 1, 1};
  chordal_sequence sequences[] = {{9, 0, nullptr}, {3, 1, nullptr}};
  chordal_step step{};
  step.n_tokens = 4;
  step.n_outputs = 2;
  step.n_sequences = 2;
  step.sequence = sequence;
  step.sequences = sequences;
  StepShape shape = StepShape::of(step);
  EXPECT_EQ(shape.tokens, 4u);
  EXPECT_EQ(shape.outputs, 2u);
  ASSERT_EQ(shape.sequences.size(), 2u);
  EXPECT_EQ(shape.sequences[0].tokens, 1u);
  EXPECT_EQ(shape.sequences[0].positions, 9u);
  EXPECT_EQ(shape.sequences[1].tokens, 3u);
  EXPECT_EQ(shape.sequences[1].positions, 3u);
}

/// A matmul of the tokens, an attention, a matmul of the outputs and experts.
class Tasks {
public:
  Tasks() {
    addTask("blk.0.attn_q", "matmul.Q4_K.scalar", kernels::MatmulParameters{});
    program.tasks[0].weight_bytes = 1000;
    program.tasks[0].operations_per_row = 70;
    kernels::AttentionParameters attention{};
    attention.heads = 6;
    attention.kvHeads = 2;
    attention.keyDimension = 10;
    attention.valueDimension = 5;
    attention.kvElement = CHORDAL_F16;
    addTask("attention.kv.0.keys", "attention.F16.scalar", attention);
    attention.window = 4;
    addTask("attention.kv.1.keys", "attention.F16.scalar", attention);
    addTask("output", "matmul.F16.scalar", kernels::MatmulParameters{});
    program.tasks[3].rows = CHORDAL_ROWS_OUTPUTS;
    program.tasks[3].weight_bytes = 500;
    program.tasks[3].operations_per_row = 30;
    kernels::ExpertMatmulParameters experts{};
    experts.experts = 8;
    experts.used = 2;
    experts.groups = 8;
    experts.routed = 1;
    addTask("blk.0.ffn_down_exps", "moe_matmul.Q4_K.scalar", experts);
    program.tasks[4].weight_bytes = 800;
    program.buckets = {{1, 16, 0, uint32_t(program.tasks.size()), 0}};
  }

  Program program;

private:
  template <typename Parameters>
  void addTask(const char* name, const char* kernel, const Parameters& parameters) {
    chordal_task task{};
    task.name = program.addString(name);
    task.first_kernel = uint32_t(program.kernelRefs.size());
    task.n_kernels = 1;
    task.shard_factor = 1;
    task.first_parameter = uint32_t(program.parameters.size());
    task.n_parameters = sizeof parameters / 4;
    program.parameters.resize(task.first_parameter + task.n_parameters);
    std::memcpy(program.parameters.data() + task.first_parameter, &parameters, sizeof parameters);
    program.kernelRefs.push_back({uint32_t(program.kernelNames.size()), 0});
    program.kernelNames.push_back(program.addString(kernel));
    program.tasks.push_back(task);
  }
};

TEST(Cost, countsWeightsCacheAndProducts) {
  Tasks tasks;
  TaskTable table(tasks.program);
  EXPECT_EQ(table.kind(0).arithmetic, bench::Arithmetic::Int8);
  EXPECT_EQ(table.kind(1).arithmetic, bench::Arithmetic::Float32);
  EXPECT_EQ(table.kind(3).arithmetic, bench::Arithmetic::Float32);
  EXPECT_EQ(table.kind(0).kernel, "matmul.Q4_K.scalar");
  EXPECT_EQ(table.kind(2).role, "attention");

  StepShape shape{3, 1, {{3, 10}}}; // positions 7, 8 and 9 of one sequence
  auto expectCost = [&](uint32_t task, uint64_t bytes, uint64_t operations) {
    TaskCost cost = table.cost(task, shape);
    EXPECT_EQ(cost.bytes, bytes) << "task " << task;
    EXPECT_EQ(cost.operations, operations) << "task " << task;
  };
  expectCost(0, 1000, 210);
  // Ten positions of two heads; the tokens see 8, 9 and 10 of them.
  expectCost(1, 10 * 2 * 15 * 2, 2 * 27 * 6 * 15);
  // Windows of four: the first token's reaches back to position 4.
  expectCost(2, 6 * 2 * 15 * 2, 2 * 12 * 6 * 15);
  expectCost(3, 500, 30);
  expectCost(4, 600, 0); // three tokens use six of the eight matrices at most
  shape.outputs = 0;
  expectCost(3, 0, 0);
}

/// Two workers and two tasks: worker 0 runs task 0 in [10, 50] and task 1 in [72, 90], worker 1
/// task 0 in [20, 70] and nothing more, of a step in [0, 100].
void record(Recording& recording) {
  recording.ran({0, 0, 0, 2, 0, 2, 7, 10, 50});
  recording.ran({0, 0, 1, 1, 1, 1, 7, 20, 70});
  recording.ran({0, 1, 0, 4, 0, 3, 7, 72, 90});
  int32_t sequence = 0;
  chordal_sequence sequences = {5, 0, nullptr};
  chordal_step step{};
  step.n_tokens = step.n_outputs = step.n_sequences = 1;
  step.sequence = &sequence;
  step.sequences = &sequences;
  recording.finished({0, 7, 0, 100}, step);
}

TEST(Recording, findsGaps) {
  Recording recording(3);
  record(recording);
  EXPECT_EQ(recording.spanCount(), 3u);
  std::vector<RecordedStep> steps = recording.steps();
  ASSERT_EQ(steps.size(), 1u);
  ASSERT_EQ(steps[0].workers.size(), 3u);
  EXPECT_EQ(steps[0].workers[0].size(), 2u);
  EXPECT_TRUE(steps[0].workers[2].empty());
  std::vector<Gap> expected = {
      {Gap::Start, 0, 0, 10}, {Gap::Wait, 0, 50, 70},  {Gap::HandOver, 0, 70, 72},
      {Gap::End, 0, 90, 100}, {Gap::Start, 1, 0, 20},  {Gap::Wait, 1, 70, 90},
      {Gap::End, 1, 90, 100}, {Gap::Start, 2, 0, 100},
  };
  std::vector<Gap> gaps = gapsOf(steps[0]);
  ASSERT_EQ(gaps.size(), expected.size());
  for (size_t i = 0; i < gaps.size(); ++i) {
    EXPECT_EQ(gaps[i].kind, expected[i].kind) << i;
    EXPECT_EQ(gaps[i].worker, expected[i].worker) << i;
    EXPECT_EQ(gaps[i].begin, expected[i].begin) << i;
    EXPECT_EQ(gaps[i].end, expected[i].end) << i;
  }
  recording.clear();
  EXPECT_TRUE(recording.steps().empty());
}

TEST(Recording, keepsStepsApart) {
  Recording recording(2);
  chordal_step step{};
  for (uint64_t number : {1, 2, 3}) {
    for (uint32_t worker = 0; worker < number; ++worker)
      if (worker < 2)
        recording.ran({0, uint32_t(number), worker, 1, 0, 0, number, 10 * number, 10 * number + 1});
    recording.finished({0, number, 10 * number, 10 * number + 5}, step);
  }
  std::vector<RecordedStep> steps = recording.steps();
  ASSERT_EQ(steps.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(steps[i].workers[0].size(), 1u);
    EXPECT_EQ(steps[i].workers[0][0].task, i + 1);
    EXPECT_EQ(steps[i].workers[1].size(), i == 0 ? 0u : 1u);
  }
}

TEST(Profile, addsUp) {
  Tasks tasks;
  TaskTable table(tasks.program);
  Recording recording(2);
  record(recording);
  Profile profile;
  profile.add(recording, table, 300e-9);
  profile.add(recording, table, 100e-9);
  profile.finish();
  EXPECT_EQ(profile.steps, 2u);
  EXPECT_EQ(profile.threads, 2u);
  EXPECT_DOUBLE_EQ(profile.testSeconds, 400e-9);
  EXPECT_DOUBLE_EQ(profile.stepSeconds, 200e-9);
  ASSERT_EQ(profile.kinds.size(), 2u);
  const ProfiledKind &first = profile.kinds[0], &second = profile.kinds[1];
  EXPECT_EQ(first.kind.role, "attn_q");
  EXPECT_EQ(first.count, 2u);
  EXPECT_DOUBLE_EQ(first.seconds, 120e-9);
  EXPECT_DOUBLE_EQ(first.busy, 180e-9);
  EXPECT_EQ(first.cost.bytes, 2000u);
  EXPECT_EQ(first.cost.operations, 140u);
  EXPECT_EQ(second.kind.role, "attention");
  EXPECT_DOUBLE_EQ(second.seconds, 36e-9);
  EXPECT_EQ(second.cost.bytes, 2u * 5 * 2 * 15 * 2);
  // All that is not busy is a gap.
  EXPECT_NEAR(profile.overhead(), 1 - (180.0 + 36) / 400, 1e-12);
  EXPECT_DOUBLE_EQ(profile.gaps[Gap::Wait], 2 * 40e-9);
}

} // namespace
} // namespace chordal::driver
