//===- HyperParametersTest.cpp - reading and refusing hyper-parameters ------------------------===//
//
// Tests that values and defaults are read as the format says, and that every absurd value is
// refused with a message that names the key.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/HyperParameters.h"

#include "tests/ir/import/TinyModel.h"

#include <gtest/gtest.h>

#include <limits>

namespace chordal::ir {
namespace {

Result<HyperParameters> read(const TinyModel& model) {
  std::vector<std::byte> bytes = model.build();
  Result<gguf::View> view = gguf::View::parse(bytes);
  if (!view)
    return view.error();
  return HyperParameters::read(*view);
}

HyperParameters readWell(const TinyModel& model) {
  Result<HyperParameters> result = read(model);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result.ok() ? *result : HyperParameters{};
}

void expectError(const TinyModel& model, ErrorCode code, std::string_view message) {
  Result<HyperParameters> result = read(model);
  ASSERT_FALSE(result.ok()) << "expected: " << message;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(message), std::string::npos)
      << "message: " << result.error().message << "\nexpected: " << message;
}

void expectOutOfRange(const TinyModel& model, std::string_view message) {
  expectError(model, ErrorCode::OutOfRange, message);
}

TEST(HyperParameters, Defaults) {
  HyperParameters p = readWell(TinyModel());
  EXPECT_EQ(p.architecture, "llama");
  EXPECT_EQ(p.blockCount, 1u);
  EXPECT_EQ(p.contextLength, 256u);
  EXPECT_EQ(p.embeddingLength, 64u);
  EXPECT_EQ(p.feedForwardLength, std::vector<uint32_t>{96});
  EXPECT_EQ(p.headCount, std::vector<uint32_t>{4});
  EXPECT_EQ(p.headCountKv, std::vector<uint32_t>{2});
  EXPECT_EQ(p.keyLength, 16u);
  EXPECT_EQ(p.valueLength, 16u);
  EXPECT_EQ(p.rope.dimensionCount, 16u);
  EXPECT_EQ(p.rope.frequencyBase, 10000);
  EXPECT_EQ(p.rope.scaling.type, RopeScalingType::None);
  EXPECT_EQ(p.rope.scaling.factor, 1);
  EXPECT_EQ(p.rmsNormEpsilon, 1e-5f);
  EXPECT_FALSE(p.layerNormEpsilon.has_value());
  EXPECT_EQ(p.slidingWindow, 0u);
  EXPECT_EQ(p.vocabularySize, 40u); // rows of the embedding
}

TEST(HyperParameters, WithoutKvHeadsThereAreAsManyAsHeads) {
  EXPECT_EQ(readWell(TinyModel().dropArch("attention.head_count_kv")).headCountKv,
            std::vector<uint32_t>{4});
}

TEST(HyperParameters, HeadLengthsNeedNotDivideTheEmbedding) {
  TinyModel model;
  model.setArch("attention.key_length", uint32_t(24)).setArch("attention.value_length", 20);
  HyperParameters p = readWell(model.setArch("attention.head_count", uint32_t(6)));
  EXPECT_EQ(p.keyLength, 24u);
  EXPECT_EQ(p.valueLength, 20u);
  EXPECT_EQ(p.rope.dimensionCount, 24u);
}

TEST(HyperParameters, ArraysGiveEachBlockItsOwn) {
  TinyModel model("llama", 2);
  model.setArchArray<uint32_t>("feed_forward_length", {96, 128});
  model.setArchArray<int32_t>("attention.head_count", {4, 8});
  HyperParameters p = readWell(model);
  EXPECT_EQ(p.feedForwardLength, (std::vector<uint32_t>{96, 128}));
  EXPECT_EQ(p.headCount, (std::vector<uint32_t>{4, 8}));
  EXPECT_EQ(p.headCountKv, (std::vector<uint32_t>{2, 2}));
}

TEST(HyperParameters, TheTokenizerGivesTheVocabularySize) {
  TinyModel model;
  model.setArch("vocab_size", uint32_t(39));
  EXPECT_EQ(readWell(model).vocabularySize, 39u);
  model.setStrings("tokenizer.ggml.tokens", {"a", "b", "c"});
  EXPECT_EQ(readWell(model).vocabularySize, 3u);
}

TEST(HyperParameters, RopeScaling) {
  TinyModel model;
  model.setArch("rope.scale_linear", 2.0f);
  RopeScaling scaling = readWell(model).rope.scaling;
  EXPECT_EQ(scaling.type, RopeScalingType::Linear);
  EXPECT_EQ(scaling.factor, 2);

  model.setArch("rope.scaling.factor", 4.0f); // the newer key wins
  EXPECT_EQ(readWell(model).rope.scaling.factor, 4);
  model.setArch("rope.scaling.type", "none");
  EXPECT_EQ(readWell(model).rope.scaling.type, RopeScalingType::None);

  model.setArch("rope.scaling.type", "yarn");
  scaling = readWell(model).rope.scaling;
  EXPECT_EQ(scaling.type, RopeScalingType::Yarn);
  EXPECT_EQ(scaling.originalContextLength, 256u); // the trained context
  EXPECT_EQ(scaling.betaFast, 32);
  EXPECT_EQ(scaling.betaSlow, 1);
  EXPECT_EQ(scaling.extrapolationFactor, 1);
  EXPECT_EQ(scaling.attentionFactor, 1);

  model.setArch("rope.scaling.original_context_length", uint32_t(64));
  model.setArch("rope.scaling.attn_factor", 1.5f).setArch("rope.scaling.yarn_attn_factor", 2.0f);
  model.setArch("rope.scaling.yarn_beta_fast", 16.0f).setArch("rope.scaling.yarn_beta_slow", 2.0f);
  model.setArch("rope.scaling.yarn_ext_factor", 0.5f);
  scaling = readWell(model).rope.scaling;
  EXPECT_EQ(scaling.originalContextLength, 64u);
  EXPECT_EQ(scaling.attentionFactor, 3);
  EXPECT_EQ(scaling.betaFast, 16);
  EXPECT_EQ(scaling.betaSlow, 2);
  EXPECT_EQ(scaling.extrapolationFactor, 0.5);
}

TEST(HyperParameters, ValuesThatChangeNothingAreNone) {
  HyperParameters p = readWell(TinyModel()
                                   .setArch("logit_scale", 1.0f)
                                   .setArch("residual_scale", 0.0f)
                                   .setArch("attn_logit_softcapping", 0.0f)
                                   .setArch("final_logit_softcapping", 1.0f)
                                   .setArch("attention.clamp_kqv", 0.0f));
  EXPECT_FALSE(p.logitScale.has_value());
  EXPECT_FALSE(p.residualScale.has_value());
  EXPECT_FALSE(p.attentionSoftcap.has_value());
  EXPECT_EQ(p.finalSoftcap, 1.0f); // a cap of 1 is one
}

TEST(HyperParameters, WindowsAndScales) {
  TinyModel model("llama", 4);
  EXPECT_TRUE(readWell(model).slidingWindowPattern.empty());
  model.setArch("attention.sliding_window_pattern", uint32_t(3));
  EXPECT_EQ(readWell(model).slidingWindowPattern, (std::vector<bool>{true, true, false, true}));
  model.setArch("rope.freq_base_swa", 500.0f).setArch("embedding_scale", 12.0f);
  EXPECT_EQ(readWell(model).windowFrequencyBase, 500);
  EXPECT_EQ(readWell(model).embeddingScale, 12.0f);
  float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* suffix : {"attn_logit_softcapping", "final_logit_softcapping", "logit_scale",
                             "residual_scale", "embedding_scale"})
    for (float value : {nan, -1.0f})
      expectOutOfRange(TinyModel().setArch(suffix, value), std::string("llama.") + suffix + " is ");
}

TEST(HyperParameters, EachRequiredKey) {
  for (const char* suffix : {"block_count", "context_length", "embedding_length",
                             "feed_forward_length", "attention.head_count"})
    expectError(TinyModel().dropArch(suffix), ErrorCode::Missing, std::string("llama.") + suffix);
}

TEST(HyperParameters, CountsOutOfRange) {
  struct Case {
    const char* suffix;
    uint64_t value;
    const char* limit;
  };
  for (Case c :
       {Case{"block_count", 65537, "65536"}, Case{"context_length", 1ull << 31, ""},
        Case{"embedding_length", 1ull << 21, ""}, Case{"feed_forward_length", 1ull << 40, ""},
        Case{"attention.head_count", 65537, ""}, Case{"attention.head_count_kv", 65537, ""},
        Case{"attention.key_length", 65537, ""}, Case{"attention.value_length", 65537, ""},
        Case{"rope.dimension_count", 65537, ""}, Case{"block_count", UINT64_MAX, "65536"}}) {
    std::string key = std::string("llama.") + c.suffix;
    expectOutOfRange(TinyModel().setArch(c.suffix, uint32_t(0)),
                     key + " is 0, but must be between 1 and ");
    expectOutOfRange(TinyModel().setArch(c.suffix, c.value),
                     key + " is " + std::to_string(c.value) + ", but must be between 1 and " +
                         c.limit);
  }
  expectOutOfRange(TinyModel().setArch("expert_count", uint32_t(70000)), "llama.expert_count is");
  expectOutOfRange(TinyModel().setArch("attention.head_count", int32_t(-4)),
                   "llama.attention.head_count");
}

TEST(HyperParameters, MoreBlocksThanTensors) {
  expectOutOfRange(TinyModel().setArch("block_count", uint32_t(1000)),
                   "llama.block_count is 1000, but the file has 12 tensors");
}

TEST(HyperParameters, Heads) {
  expectOutOfRange(TinyModel().setArch("attention.head_count_kv", uint32_t(3)),
                   "llama.attention.head_count is 4, which is not a multiple of "
                   "llama.attention.head_count_kv, 3 (block 0)");
  expectOutOfRange(TinyModel()
                       .setArch("attention.head_count", uint32_t(6))
                       .setArch("attention.head_count_kv", uint32_t(6)),
                   "llama.embedding_length is 64, which is not a multiple of "
                   "llama.attention.head_count, 6, and llama.attention.key_length is missing");
}

TEST(HyperParameters, Arrays) {
  TinyModel model("llama", 2);
  expectOutOfRange(model.setArchArray<uint32_t>("attention.head_count", {4, 4, 4}),
                   "llama.attention.head_count has 3 elements, but llama.block_count is 2");
  expectOutOfRange(model.setArchArray<uint32_t>("attention.head_count", {4, 0}),
                   "llama.attention.head_count[1] is 0, but must be between 1 and");
  expectError(model.setArchArray<float>("attention.head_count", {4, 4}), ErrorCode::WrongType,
              "llama.attention.head_count");
}

TEST(HyperParameters, Numbers) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  float infinity = std::numeric_limits<float>::infinity();
  for (float value : {nan, infinity, -1e-5f, 2.0f}) {
    expectOutOfRange(TinyModel().setArch("attention.layer_norm_rms_epsilon", value),
                     "llama.attention.layer_norm_rms_epsilon is ");
    expectOutOfRange(TinyModel().setArch("attention.layer_norm_epsilon", value),
                     "llama.attention.layer_norm_epsilon is ");
  }
  for (float value : {nan, infinity, -10000.0f, 0.0f, 1.0f})
    expectOutOfRange(TinyModel().setArch("rope.freq_base", value), "llama.rope.freq_base is ");
  for (float value : {nan, infinity, -2.0f}) {
    expectOutOfRange(TinyModel().setArch("rope.scaling.factor", value),
                     "llama.rope.scaling.factor is ");
    expectOutOfRange(TinyModel().setArch("rope.scale_linear", value),
                     "llama.rope.scale_linear is ");
    expectOutOfRange(TinyModel().setArch("rope.scaling.attn_factor", value),
                     "llama.rope.scaling.attn_factor is ");
    expectOutOfRange(TinyModel().setArch("attention.scale", value), "llama.attention.scale is ");
    for (const char* suffix : {"rope.scaling.yarn_attn_factor", "rope.scaling.yarn_ext_factor",
                               "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"})
      expectOutOfRange(TinyModel().setArch("rope.scaling.type", "yarn").setArch(suffix, value),
                       std::string("llama.") + suffix + " is ");
  }
}

TEST(HyperParameters, RotatedFeatures) {
  for (uint32_t count : {7u, 18u})
    expectOutOfRange(TinyModel().setArch("rope.dimension_count", count),
                     "llama.rope.dimension_count is " + std::to_string(count) +
                         ", but must be even and at most 16, the features of a head");
}

TEST(HyperParameters, Unsupported) {
  expectError(TinyModel().setArch("rope.scaling.type", "su"), ErrorCode::Unsupported,
              "llama.rope.scaling.type is \"su\"; supported are none, linear, yarn and longrope");
  expectError(TinyModel().setArch("attention.causal", false), ErrorCode::Unsupported,
              "llama.attention.causal is false");
  for (const char* suffix : {"attention.clamp_kqv", "attention.max_alibi_bias"})
    expectError(TinyModel().setArch(suffix, 8.0f), ErrorCode::Unsupported,
                std::string("llama.") + suffix + " is 8");
}

TEST(HyperParameters, Vocabulary) {
  expectError(TinyModel().set("tokenizer.ggml.tokens", uint32_t(5)), ErrorCode::WrongType,
              "tokenizer.ggml.tokens is not an array");
  expectOutOfRange(TinyModel().setStrings("tokenizer.ggml.tokens", {}),
                   "tokenizer.ggml.tokens has 0 tokens");
  expectOutOfRange(TinyModel().setArch("vocab_size", uint32_t(0)), "llama.vocab_size is 0");
  expectError(TinyModel().dropTensor("token_embd.weight"), ErrorCode::Missing,
              "the size of the vocabulary is unknown");
}

TEST(HyperParameters, WrongTypes) {
  expectError(TinyModel().setArch("embedding_length", "many"), ErrorCode::WrongType,
              "llama.embedding_length");
  expectError(TinyModel().setArch("rope.freq_base", "high"), ErrorCode::WrongType,
              "llama.rope.freq_base");
  expectError(TinyModel().setArch("rope.scaling.type", uint32_t(1)), ErrorCode::WrongType,
              "llama.rope.scaling.type");
}

} // namespace
} // namespace chordal::ir
