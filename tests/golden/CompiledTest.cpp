//===- CompiledTest.cpp - compiled programs against the reference -----------------------------===//
//
// Tests that models, compiled for each instruction-set level of this machine and run by the
// executor, give the reference logits: float32 ones to the tolerance of float32, the others with no
// more divergence than llama.cpp has.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/View.h"
#include "kernels/catalogue/Catalogue.h"
#include "tests/golden/Golden.h"
#include "tests/ir/import/TinyModel.h"
#include "tools/chordal/Model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <random>

#include <unistd.h>

namespace chordal::golden {
namespace {

Result<std::vector<float>> run(const Model& model, const RunOptions& options) {
  ModelOptions settings;
  settings.contextLength = std::min(options.contextLength, model.contextLength);
  settings.kvFloat32 = options.kvFloat32;
  settings.isa = options.isa;
  settings.microBatch = options.batch;
  settings.threads = 2;
  Result<std::unique_ptr<chordal::Model>> loaded = chordal::Model::load(model.path, settings);
  if (!loaded)
    return loaded.error();
  Session& session = (*loaded)->session();
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  std::vector<float> logits(model.tokens.size() * session.vocabulary());
  Result<void> done = session.prefillAll(*sequence, model.tokens, logits.data());
  if (!done)
    return done.error();
  return logits;
}

/// Writes a small model whose matrices are stored `factor` times as large as they are, and returns
/// its path.
std::string modelWithFactors(float factor) {
  TinyModel model;
  model.setArch("context_length", uint32_t(4096));
  model.tensorF32("output_norm.weight", {64}, std::vector<float>(64, 1));
  for (const char* norm : {"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"})
    model.tensorF32(norm, {64}, std::vector<float>(64, 1));
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.2f);
  auto matrix = [&](const std::string& name, uint64_t columns, uint64_t rows, float stored) {
    std::vector<float> values(columns * rows);
    for (float& value : values)
      value = normal(random) * stored;
    model.tensorF32(name + ".weight", {columns, rows}, values);
    if (stored != 1)
      model.tensorF32(name + ".scale", {1}, {1 / stored});
  };
  matrix("token_embd", 64, 40, 1);
  matrix("output", 64, 40, factor);
  matrix("blk.0.attn_q", 64, 64, factor);
  matrix("blk.0.attn_k", 64, 32, factor);
  matrix("blk.0.attn_v", 64, 32, factor);
  matrix("blk.0.attn_output", 64, 64, factor);
  matrix("blk.0.ffn_gate", 64, 96, factor);
  matrix("blk.0.ffn_up", 64, 96, factor);
  matrix("blk.0.ffn_down", 96, 64, factor);
  std::vector<std::byte> bytes = model.build();
  std::string path = testing::TempDir() + "factors-" + std::to_string(getpid()) + ".gguf";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  return path;
}

/// Of these models those whose formats have kernels; the others are named on the output.
std::vector<std::string> withKernels(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) {
    Result<Model> model = load(name);
    Result<gguf::View> view = model ? gguf::View::open(model->path) : model.error();
    bool hasKernels = view && std::ranges::all_of(view->tensors(), [](const gguf::Tensor& tensor) {
                        return tensor.shape().size() < 2 ||
                               kernels::reads(tensor.format, kernels::Activations::F32) ||
                               kernels::reads(tensor.format, kernels::Activations::Q8);
                      });
    if (!hasKernels)
      printf("%s is left out: there are no kernels for its formats\n", name.c_str());
    return !hasKernels;
  });
  return names;
}

class GoldenCompiled : public testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    if (!kernels::isaIncludes(kernels::hostIsa(), *kernels::isaFromName(GetParam())))
      GTEST_SKIP() << "this machine has not the level " << GetParam();
  }
};

TEST_P(GoldenCompiled, Float32) {
  expectExact(denseModels(/*float32=*/true), run, {.isa = GetParam()});
}

TEST_P(GoldenCompiled, Quantised) {
  expectWithinYardstick(withKernels(denseModels(/*float32=*/false)), run,
                        {.kvFloat32 = false, .isa = GetParam()});
}

TEST_P(GoldenCompiled, MixturesOfExperts) {
  if (mixtureModels(/*float32=*/true).empty())
    GTEST_SKIP() << "there are no reference models that are mixtures of experts";
  expectExact(mixtureModels(/*float32=*/true), run, {.isa = GetParam()});
  expectExact(mixtureModels(/*float32=*/true), run, {.batch = 1, .isa = GetParam()});
  expectWithinYardstick(withKernels(mixtureModels(/*float32=*/false)), run,
                        {.kvFloat32 = false, .isa = GetParam()});
}

TEST_P(GoldenCompiled, MatricesWithFactors) {
  std::vector<float> logits[2];
  for (bool scaled : {false, true}) {
    Model model;
    model.path = modelWithFactors(scaled ? 8 : 1);
    model.contextLength = 256;
    model.tokens = {1, 5, 9, 2, 33, 7, 7};
    auto computed = run(model, {.isa = GetParam()});
    std::remove(model.path.c_str());
    ASSERT_TRUE(computed.ok()) << computed.error().message;
    logits[scaled] = *computed;
  }
  ASSERT_EQ(logits[0].size(), 7u * 40);
  EXPECT_GT(*std::ranges::max_element(logits[0]), 0.5f);
  for (size_t i = 0; i < logits[0].size(); ++i)
    EXPECT_NEAR(logits[1][i], logits[0][i], 1e-4) << i;
}

// In long contexts attention of few tokens is divided by positions.
TEST_P(GoldenCompiled, LongContexts) {
  std::vector<float> logits[3];
  const uint32_t batches[] = {0, 1, 7}, tokens = 800;
  for (int i = 0; i < 3; ++i) {
    Model model;
    model.path = modelWithFactors(1);
    model.contextLength = 4096;
    for (uint32_t t = 0; t < tokens; ++t)
      model.tokens.push_back(int32_t(t * t % 37));
    auto computed = run(model, {.contextLength = 4096, .batch = batches[i], .isa = GetParam()});
    std::remove(model.path.c_str());
    ASSERT_TRUE(computed.ok()) << computed.error().message;
    logits[i] = *computed;
  }
  ASSERT_EQ(logits[0].size(), tokens * 40);
  for (int other : {1, 2})
    for (size_t i = 0; i < logits[0].size(); ++i)
      ASSERT_NEAR(logits[other][i], logits[0][i], 1e-4) << batches[other] << ": " << i;
}

// Steps of one token and of a few, which take up what earlier steps stored.
TEST_P(GoldenCompiled, StepByStep) {
  for (const char* name : {"llama-f32", "gemma2-f32", "gemma3-f32", "gpt2-f32"})
    for (uint32_t batch : {1u, 5u})
      if (isAvailable(name))
        expectExact({name}, run, {.batch = batch, .isa = GetParam()});
}

INSTANTIATE_TEST_SUITE_P(Levels, GoldenCompiled,
                         testing::Values("scalar", "x86-64-v3", "avx512vnni", "amx"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

} // namespace
} // namespace chordal::golden
