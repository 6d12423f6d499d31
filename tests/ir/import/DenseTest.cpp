//===- DenseTest.cpp - what sets the dense architectures apart --------------------------------===//
//
// Tests, by the text of their graphs, what each architecture has that Llama has not. (That the
// numbers are right, the reference models show where there are any.)
//
//===------------------------------------------------------------------------------------------===//
#include "tests/ir/import/ImportFixture.h"

#include <algorithm>

namespace chordal::ir {
namespace {

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++found;
  return found;
}

/// The number behind `word` in the line that holds `marker`.
int64_t numberIn(const std::string& text, std::string_view marker, const std::string& word) {
  size_t at = text.find(marker);
  size_t number = at == std::string::npos ? at : text.find(word, at);
  EXPECT_NE(number, std::string::npos) << marker << " " << word;
  return number == std::string::npos ? -1 : std::stoll(text.substr(number + word.size()));
}

class Dense : public Import {};

TEST_F(Dense, EveryArchitectureIsImported) {
  for (const std::string& architecture : TinyModel::architectures())
    EXPECT_NE(text(TinyModel(architecture, 8)).find("chordal.attention"), std::string::npos)
        << architecture;
}

TEST_F(Dense, RowsOfAFusedTensorAreWeightsOfTheirOwn) {
  TinyModel model("gpt2");
  model.tensor("blk.0.attn_qkv.bias", {128});
  std::string graph = text(model, oneStep);
  auto offset = [&](const char* name) { return numberIn(graph, name, "offset = "); };
  auto bytes = [&](const char* name) { return numberIn(graph, name, "bytes = "); };
  EXPECT_EQ(bytes("weight @blk.0.attn_q.weight"), 64 * 64 * 4);
  EXPECT_EQ(bytes("weight @blk.0.attn_k.weight"), 32 * 64 * 4);
  EXPECT_EQ(offset("weight @blk.0.attn_k.weight"),
            offset("weight @blk.0.attn_q.weight") + 64 * 64 * 4);
  EXPECT_EQ(offset("weight @blk.0.attn_v.weight"),
            offset("weight @blk.0.attn_k.weight") + 32 * 64 * 4);
  EXPECT_EQ(offset("weight @blk.0.attn_v.bias"), offset("weight @blk.0.attn_q.bias") + 96 * 4);
  EXPECT_EQ(bytes("weight @blk.0.attn_v.bias"), 32 * 4);
  model.tensor("blk.0.attn_qkv.weight", {64, 120});
  expectError(model, "\"blk.0.attn_qkv.weight\" has shape [120, 64], but the hyper-parameters ask "
                     "for [128, 64]");
}

TEST_F(Dense, FusedGateLiesAboveTheOtherHalf) {
  for (const char* architecture : {"phi3", "glm4"}) {
    std::string graph = text(TinyModel(architecture), oneStep);
    EXPECT_EQ(numberIn(graph, "weight @blk.0.ffn_up.up.weight", "offset = "),
              numberIn(graph, "weight @blk.0.ffn_up.gate.weight", "offset = ") + 96 * 64 * 4);
    expectInOrder(graph, {"func.func", "@blk.0.ffn_up.gate.weight", "@blk.0.ffn_up.up.weight",
                          "chordal.glu"});
  }
}

TEST_F(Dense, Phi3ChoosesFactorsByContextAndHasNoWindow) {
  TinyModel model("phi3");
  model.setArch("rope.scaling.original_context_length", uint32_t(128))
      .setArch("rope.scaling.type", "longrope")
      .setArch("rope.scaling.attn_factor", 1.25f)
      .setArch("attention.sliding_window", uint32_t(16))
      .tensorF32("rope_factors_long.weight", {8}, {4, 4, 4, 4, 4, 4, 4, 4})
      .tensorF32("rope_factors_short.weight", {8}, {2, 2, 2, 2, 2, 2, 2, 2});
  std::string graph = text(model, {.contextLength = 129, .buckets = {1}});
  expectInOrder(graph, {"@rope.0 dense<[2.500000e-01", "magnitude = 1.25"});
  EXPECT_EQ(graph.find("window"), std::string::npos);
  expectInOrder(text(model, {.contextLength = 128, .buckets = {1}}),
                {"@rope.0 dense<[5.000000e-01", "magnitude = 1.25"});
  expectError(model.tensorF32("rope_factors_short.weight", {8}, {2, 2, 0, 2, 2, 2, 2, 2}),
              "rotary factor 2 is 0", {.contextLength = 128});
}

TEST_F(Dense, GemmaScalesTheEmbedding) {
  expectInOrder(
      text(TinyModel("gemma"), oneStep),
      {"chordal.embed", "chordal.scale", "factor = 8.000000e+00", "activation = gelu_tanh"});
}

TEST_F(Dense, Gemma2AlternatesWindowsAndCaps) {
  std::string graph = text(TinyModel("gemma2", 2), oneStep);
  expectInOrder(graph,
                {"chordal.attention", "softcap = 5.000000e+01", "window = 32", "chordal.attention",
                 "softcap = 5.000000e+01", "chordal.softcap", "cap = 3.000000e+01"});
  EXPECT_EQ(count(graph, "window = 32"), 1u);
  TinyModel model("gemma2");
  model.setArch("attn_logit_softcapping", 4.0f).setArch("final_logit_softcapping", 9.0f);
  expectInOrder(text(model, oneStep), {"softcap = 4.000000e+00", "cap = 9.000000e+00"});
}

TEST_F(Dense, Gemma3RotatesWindowedLayersByABaseOfTheirOwn) {
  TinyModel model("gemma3", 7);
  model.setArch("rope.freq_base", 1e6f).setArch("rope.scaling.factor", 2.0f);
  std::string graph = text(model, oneStep);
  EXPECT_EQ(count(graph, "window = 32"), 6u); // all but the sixth of seven
  EXPECT_EQ(count(graph, "chordal.rope_table"), 2u);
  // The first layer's rotation, unscaled, comes first.
  expectInOrder(graph, {"@rope.0 dense<[1.000000e+00", "@rope.1 dense<[5.000000e-01"});
}

TEST_F(Dense, TheFileMaySayWhichLayersHaveTheWindow) {
  TinyModel model("gemma2", 4);
  model.setArchArray<bool>("attention.sliding_window_pattern", {true, true, true, false});
  EXPECT_EQ(count(text(model, oneStep), "window = 32"), 3u);
  model.setArch("attention.sliding_window_pattern", uint32_t(0));
  EXPECT_EQ(count(text(model, oneStep), "window = 32"), 4u);
  expectError(model.setArchArray<bool>("attention.sliding_window_pattern", {true}),
              "gemma2.attention.sliding_window_pattern has 1 elements");
}

TEST_F(Dense, Phi2ReadsOneNormTwice) {
  TinyModel model("phi2");
  model.tensor("blk.0.attn_norm.bias", {64}).tensor("output.bias", {40});
  std::string graph = text(model, oneStep);
  EXPECT_EQ(count(graph, "chordal.layer_norm"), 2u);
  expectInOrder(graph, {"func.func", "@blk.0.attn_norm.bias", "chordal.layer_norm",
                        "chordal.activate", "activation = gelu_tanh", "@output.bias"});
}

TEST_F(Dense, Olmo2NormalisesAllHeadsTogetherAndAfterwards) {
  std::string graph = text(TinyModel("olmo2"), oneStep);
  EXPECT_EQ(graph.find("group ="), std::string::npos);
  expectInOrder(graph, {"@blk.0.attn_q_norm.weight : tensor<64xf32>",
                        "@blk.0.attn_k_norm.weight : tensor<32xf32>", "func.func",
                        "chordal.attention", "@blk.0.post_attention_norm.weight", "arith.addf",
                        "@blk.0.post_ffw_norm.weight", "arith.addf"});
}

TEST_F(Dense, GraniteScales) {
  TinyModel model("granite");
  model.setArch("embedding_scale", 12.0f)
      .setArch("residual_scale", 0.25f)
      .setArch("attention.scale", 0.5f);
  std::string graph = text(model, oneStep);
  expectInOrder(graph,
                {"factor = 1.200000e+01", "scale = 5.000000e-01", "factor = 2.500000e-01",
                 "arith.addf", "factor = 2.500000e-01", "arith.addf", "factor = 1.250000e-01"});
  graph = text(model.setArch("rope.scaling.finetuned", false), oneStep);
  EXPECT_EQ(graph.find("chordal.rope"), std::string::npos);
}

TEST_F(Dense, ScalesOfOtherArchitecturesAreRefused) {
  for (const char* scale : {"logit_scale", "residual_scale"}) {
    expectError(TinyModel().setArch(scale, 2.0f),
                std::string("llama.") + scale + " is 2, which is not supported");
    text(TinyModel().setArch(scale, 1.0f), oneStep);
  }
}

TEST_F(Dense, Gpt2LearnsPositions) {
  std::string graph = text(TinyModel("gpt2"), oneStep);
  EXPECT_EQ(graph.find("chordal.rope"), std::string::npos);
  expectInOrder(graph, {"chordal.embed %arg0", "chordal.embed %arg1", "arith.addf"});
  expectError(TinyModel("gpt2"), "the model has embeddings for 256 positions",
              {.contextLength = 257});
}

TEST_F(Dense, StableLmMayBeParallelAndNormaliseHeads) {
  TinyModel model("stablelm");
  EXPECT_EQ(count(text(model, oneStep), "chordal.layer_norm"), 3u);
  model.dropTensor("blk.0.ffn_norm.weight");
  model.tensor("blk.0.attn_q_norm.weight", {16, 4}).tensor("blk.0.attn_k_norm.weight", {16, 2});
  std::string graph = text(model, oneStep);
  EXPECT_EQ(count(graph, "chordal.layer_norm"), 4u);
  expectInOrder(graph, {"@blk.0.attn_q_norm.weight : tensor<64xf32>",
                        "@blk.0.attn_k_norm.weight : tensor<32xf32>", "group = 16", "group = 16"});
}

TEST_F(Dense, CohereMultipliesLogits) {
  expectInOrder(text(TinyModel("command-r"), oneStep),
                {"chordal.layer_norm", "style = interleaved", "factor = 8.000000e+00"});
}

TEST_F(Dense, LayersWithoutRotation) {
  // Of eight layers, two attend to all positions and do not rotate.
  std::string graph = text(TinyModel("cohere2", 8), oneStep);
  EXPECT_EQ(count(graph, "chordal.rope "), 12u);
  EXPECT_EQ(count(graph, "window = 32"), 6u);
  graph = text(TinyModel("smollm3", 8), oneStep);
  EXPECT_EQ(count(graph, "chordal.rope "), 12u);
  // EXAONE 4 rotates all layers of models without a window.
  TinyModel exaone("exaone4", 8);
  EXPECT_EQ(count(text(exaone, oneStep), "chordal.rope "), 16u);
  exaone.setArch("attention.sliding_window", uint32_t(32));
  EXPECT_EQ(count(text(exaone, oneStep), "chordal.rope "), 12u);
}

TEST_F(Dense, GptNeoXIsParallelOrNot) {
  TinyModel model("gptneox");
  std::string parallel = text(model, oneStep);
  std::string sequential = text(model.setArch("use_parallel_residual", false), oneStep);
  EXPECT_NE(parallel, sequential);
  expectInOrder(parallel, {"chordal.layer_norm", "activation = gelu}"});
  expectError(model.dropArch("use_parallel_residual"), "gptneox.use_parallel_residual is missing");
}

} // namespace
} // namespace chordal::ir
