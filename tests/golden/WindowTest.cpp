//===- WindowTest.cpp - caches that keep only the window --------------------------------------===//
//
// Tests that layers with a sliding window compute the same from a ring of the KV cache as from a
// cache of all positions, to the last bit: long sequences in steps of random sizes, cut back and
// forked.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/host/Emit.h"
#include "codegen/host/Jit.h"
#include "codegen/host/Object.h"
#include "ir/gguf/View.h"
#include "ir/import/Import.h"
#include "kernels/Kernels.h"
#include "kernels/catalogue/Catalogue.h"
#include "passes/Pipeline.h"
#include "runtime/core/Session.h"
#include "runtime/tbb/Executor.h"
#include "runtime/tbb/Memory.h"
#include "tests/golden/Golden.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>

namespace chordal::golden {
namespace {

constexpr uint32_t mostTokens = 16, contextLength = 512;

/// The same program with all positions of all states.
Program withoutRings(Program program) {
  for (chordal_state& state : program.states)
    state.window = state.ring_blocks = 0;
  for (const chordal_task& task : program.tasks) {
    if (task.n_kernels == 0)
      continue;
    std::string_view kernel =
        program.string(program.kernelNames[program.kernelRefs[task.first_kernel].kernel]);
    uint32_t* parameters = program.parameters.data() + task.first_parameter;
    if (kernel.starts_with("attention."))
      parameters[offsetof(kernels::AttentionParameters, ringBlocks) / 4] = 0;
    if (kernel.starts_with("rope_append."))
      parameters[offsetof(kernels::RopeAppendParameters, ringBlocks) / 4] = 0;
  }
  return program;
}

class Windows : public testing::TestWithParam<const char*> {};

TEST_P(Windows, GiveTheSameBitsAsAllPositions) {
  if (!isAvailable(GetParam()))
    GTEST_SKIP() << "the reference data has no " << GetParam();
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto upTo = [&](uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n)(random); };

  auto model = load(GetParam());
  ASSERT_TRUE(model.ok()) << model.error().message;
  auto view = gguf::View::open(model->path);
  ASSERT_TRUE(view.ok()) << view.error().message;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ir::ImportOptions import;
  import.buckets = {1, mostTokens};
  import.contextLength = contextLength;
  import.kvElement = upTo(1) ? ir::KvElement::F16 : ir::KvElement::F32;
  auto module = ir::importModel(context, *view, import);
  ASSERT_TRUE(module.ok()) << module.error().message;
  PipelineOptions pipeline;
  pipeline.isa = kernels::isaName(kernels::hostIsa());
  ASSERT_TRUE(mlir::succeeded(runPipeline(**module, Phase::Input, Phase::Plan, pipeline)));
  auto program = codegen::emitProgram(**module);
  ASSERT_TRUE(program.ok()) << program.error().message;

  uint32_t rings = 0;
  for (const chordal_state& state : program->states)
    if (state.window) {
      ++rings;
      EXPECT_EQ(state.window, 8u);
      EXPECT_EQ(state.ring_blocks, 2u);
    }
  ASSERT_GT(rings, 0u);
  ASSERT_LT(rings, program->states.size()) << "some layers look at all positions";

  auto object = codegen::emitObject(**module, {.triple = "", .isa = kernels::hostIsa()});
  ASSERT_TRUE(object.ok()) << object.error().message;
  auto jit = codegen::Jit::load(std::move(*object));
  ASSERT_TRUE(jit.ok()) << jit.error().message;
  ProgramCode code;
  for (uint32_t name : program->kernelNames)
    code.kernels.push_back(kernels::find(std::string(program->string(name)).c_str()));
  std::vector<std::string> names;
  for (uint32_t name : program->functionNames)
    names.emplace_back(program->string(name));
  auto functions = jit->lookup(names);
  ASSERT_TRUE(functions.ok()) << functions.error().message;
  code.functions = *functions;
  std::vector<std::span<const std::byte>> weights;
  for (const chordal_weight& weight : program->weights) {
    const gguf::Tensor* tensor = view->findTensor(program->string(weight.name));
    ASSERT_NE(tensor, nullptr);
    weights.push_back(tensor->data);
  }

  std::vector<std::unique_ptr<Session>> sessions;
  for (const Program& tables : {*program, withoutRings(*program)}) {
    ExecutorOptions execution;
    execution.threads = 2;
    SessionOptions options;
    options.maxSequences = 3;
    auto session = Session::create(tables, weights, createTbbExecutor(code, execution), options,
                                   systemMemory());
    ASSERT_TRUE(session.ok()) << session.error().message;
    sessions.push_back(std::move(*session));
  }
  EXPECT_LT(sessions[0]->kvCache().reservedBytes(), sessions[1]->kvCache().reservedBytes());

  const uint32_t vocabulary = program->model.vocabulary;
  std::vector<SequenceId> ids;
  for (int i = 0; i < 2; ++i)
    for (auto& session : sessions) {
      auto id = session->createSequence();
      ASSERT_TRUE(id.ok());
      if (session == sessions[0])
        ids.push_back(*id);
      ASSERT_EQ(*id, ids.back());
    }
  for (int step = 0; step < 90; ++step) {
    size_t which = upTo(uint32_t(ids.size()) - 1);
    SequenceId id = ids[which];
    uint32_t before = sessions[0]->positions(id);
    if (step == 40) {
      ids.push_back(CHORDAL_NONE);
      for (auto& session : sessions) {
        auto forked = session->fork(id);
        ASSERT_TRUE(forked.ok()) << forked.error().message;
        ids.back() = *forked;
      }
    } else if (upTo(5) == 0) {
      uint32_t keep = before - std::min(before, upTo(mostTokens));
      for (auto& session : sessions) {
        auto cut = session->truncate(id, keep);
        ASSERT_EQ(cut.ok(), session != sessions[0] || session->retainable(id, keep) == keep);
        if (!cut) { // cut back again and again: only the start is left
          keep = 0;
          ASSERT_TRUE(session->truncate(id, 0));
        }
      }
      continue;
    }
    uint32_t count = std::min(1 + upTo(upTo(3) ? 20 : 60), contextLength - before);
    if (count == 0)
      continue;
    std::vector<int32_t> tokens(count);
    for (int32_t& token : tokens)
      token = int32_t(upTo(vocabulary - 1));
    std::vector<float> logits[2];
    for (size_t i = 0; i < 2; ++i) {
      logits[i].resize(size_t(count) * vocabulary);
      auto done = sessions[i]->prefillAll(id, tokens, logits[i].data());
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
    for (float logit : logits[0])
      ASSERT_TRUE(std::isfinite(logit));
    ASSERT_EQ(std::memcmp(logits[0].data(), logits[1].data(), logits[0].size() * sizeof(float)), 0)
        << "step " << step << ", positions " << before << " and on of sequence " << id;
  }
  for (SequenceId id : ids)
    if (sessions[0]->positions(id) > 300) {
      auto cut = sessions[0]->truncate(id, 100);
      ASSERT_FALSE(cut.ok());
      EXPECT_NE(cut.error().message.find("sliding window"), std::string::npos);
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, Windows,
                         testing::Values("gemma2-f32", "gemma3-f32", "gpt-oss-f32",
                                         "gemma2-q4_k_m"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

} // namespace
} // namespace chordal::golden
