//===- ImportTest.cpp - the graphs of imported models -----------------------------------------===//
//
// Tests what import builds, by its text, and what it refuses.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Import.h"

#include "ir/import/Registry.h"
#include "tests/ir/import/ImportFixture.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace chordal::ir {
namespace {

TEST_F(Import, Llama) {
  expectInOrder(
      text(TinyModel(), oneStep),
      {"architecture = \"llama\"",
       "context_length = 256",
       "chordal.state @kv.0 : !chordal.kv<2 x 16, k = f16, v = f16>",
       "chordal.weight @token_embd.weight : !chordal.quantized<40x64, \"F32\"> = ",
       "chordal.weight @blk.0.attn_norm.weight : tensor<64xf32> = ",
       "chordal.constant @rope.0 dense<",
       "tensor<8xf32>",
       "func.func @step_1(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>, %arg2: tensor<?xi32>, %arg3: "
       "tensor<?xi32>, %arg4: !chordal.kv<2 x 16, k = f16, v = f16> {chordal.state = @kv.0})",
       "-> (tensor<?x40xf32>, !chordal.kv<2 x 16, k = f16, v = f16>)",
       "chordal.tokens = array<i64: 1, 1>",
       "chordal.embed %arg0, ",
       "load_weight @blk.0.attn_norm.weight",
       "chordal.rms_norm",
       "epsilon = 9.99999974E-6",
       "load_weight @blk.0.attn_q.weight",
       "chordal.dequantize",
       "chordal.matmul",
       "load_weight @blk.0.attn_k.weight",
       "load_weight @blk.0.attn_v.weight",
       "chordal.load_constant @rope.0",
       "chordal.rope_table %arg1",
       "chordal.rope",
       "head_dim = 16, style = interleaved",
       "chordal.kv_append %arg4",
       "chordal.attention",
       "scale = 2.500000e-01",
       "load_weight @blk.0.attn_output.weight",
       "arith.addf",
       "load_weight @blk.0.ffn_norm.weight",
       "load_weight @blk.0.ffn_gate.weight",
       "load_weight @blk.0.ffn_up.weight",
       "chordal.glu",
       "activation = silu",
       "load_weight @blk.0.ffn_down.weight",
       "arith.addf",
       "chordal.gather_rows",
       "%arg3",
       "load_weight @output_norm.weight",
       "chordal.rms_norm",
       "load_weight @output.weight",
       "chordal.matmul",
       "return"});
}

TEST_F(Import, Qwen3NormalisesEachHeadBeforeItRotatesHalves) {
  expectInOrder(text(TinyModel("qwen3"), oneStep),
                {"func.func @step_1", "@blk.0.attn_q_norm.weight : tensor<16xf32>",
                 "chordal.rms_norm", "group = 16", "@blk.0.attn_k_norm.weight : tensor<16xf32>",
                 "chordal.rms_norm", "group = 16", "chordal.rope ", "style = half_split"});
}

TEST_F(Import, OneRotationTableServesAllLayers) {
  std::string graph = text(TinyModel("llama", 3), oneStep);
  size_t tables = 0;
  for (size_t at = 0; (at = graph.find("chordal.rope_table", at)) != std::string::npos; ++at)
    ++tables;
  EXPECT_EQ(tables, 1u);
}

TEST_F(Import, OutputRowsAreGatheredBeforeTheFinalNorm) {
  std::string graph = text(TinyModel(), oneStep);
  size_t gather = graph.find("chordal.gather_rows");
  size_t lastNorm = graph.rfind("chordal.rms_norm");
  ASSERT_NE(gather, std::string::npos);
  EXPECT_LT(gather, lastNorm);
}

TEST_F(Import, OutputTiedToTheEmbedding) {
  std::string graph = text(TinyModel().dropTensor("output.weight"), oneStep);
  EXPECT_EQ(graph.find("@output.weight"), std::string::npos);
  // One symbol and one reference serve both.
  EXPECT_EQ(graph.find("load_weight @token_embd.weight"),
            graph.rfind("load_weight @token_embd.weight"));
}

TEST_F(Import, BiasesAreAddedWhereTheFileHasThem) {
  TinyModel model;
  model.tensor("blk.0.attn_k.bias", {32}).tensor("blk.0.attn_output.bias", {64});
  expectInOrder(text(model, oneStep),
                {"func.func @step_1", "@blk.0.attn_k.bias : tensor<32xf32>", "chordal.matmul",
                 "chordal.broadcast", "arith.addf", "@blk.0.attn_output.bias : tensor<64xf32>",
                 "chordal.broadcast", "arith.addf"});
}

TEST_F(Import, MatricesAreScaledWhereTheFileHasFactors) {
  TinyModel model;
  model.tensorF32("blk.0.attn_k.scale", {1}, {0.5f}).tensor("blk.0.attn_k.input_scale", {1});
  model.tensor("blk.0.attn_k.bias", {32}).tensorF32("output.scale", {1}, {0.25f});
  expectInOrder(text(model, oneStep),
                {"load_weight @blk.0.attn_k.weight", "chordal.matmul", "chordal.scale",
                 "5.000000e-01", "arith.addf", "load_weight @output.weight", "2.500000e-01"});
  expectError(TinyModel().tensorF32("output.scale", {1}, {INFINITY}),
              "tensor \"output.scale\" is inf");
  expectError(TinyModel().tensor("output.scale", {40}),
              "tensor \"output.scale\" has shape [40], but the hyper-parameters ask for [1]");
  // Nothing says what it would multiply.
  expectError(TinyModel().tensorF32("token_embd.scale", {1}, {0.5f}),
              "tensor \"token_embd.scale\" is not used");
}

TEST_F(Import, RotaryFactorsAndYarn) {
  TinyModel model;
  model.tensorF32("rope_freqs.weight", {8}, {1, 1, 1, 1, 2, 2, 2, 2});
  // base^(-8/16) = 0.01 at pair 4, halved.
  expectInOrder(text(model, oneStep),
                {"chordal.constant @rope.0 dense<[1.000000e+00", "5.000000e-03"});
  model.setArch("rope.scaling.type", "yarn").setArch("rope.scaling.factor", 4.0f);
  expectInOrder(text(model, oneStep), {"chordal.rope_table", "magnitude = 1.1386"});
}

TEST_F(Import, StepFunctionsCoverTheBuckets) {
  expectInOrder(text(TinyModel()), {"@step_1(", "chordal.tokens = array<i64: 1, 1>", "@step_16(",
                                    "chordal.tokens = array<i64: 2, 16>", "@step_512(",
                                    "chordal.tokens = array<i64: 17, 512>"});
  expectInOrder(text(TinyModel(), {.buckets = {4, 32}}),
                {"@step_4(", "array<i64: 1, 4>", "@step_32(", "array<i64: 5, 32>"});
}

TEST_F(Import, OptionsOfTheKvCache) {
  std::string graph =
      text(TinyModel(), {.contextLength = 1000, .kvElement = KvElement::F32, .buckets = {1}});
  expectInOrder(graph, {"context_length = 1000", "!chordal.kv<2 x 16, k = f32, v = f32>"});
  EXPECT_EQ(graph.find("k = f16"), std::string::npos);
  TinyModel longer;
  longer.setArch("context_length", uint32_t(131072));
  expectInOrder(text(longer, oneStep),
                {"context_length = 4096", "trained_context_length = 131072"});
}

TEST_F(Import, SlidingWindow) {
  TinyModel model;
  model.setArch("attention.sliding_window", uint32_t(100));
  expectInOrder(text(model, oneStep), {"chordal.attention", "window = 100"});
  // No position is outside of a window as long as the context.
  EXPECT_EQ(text(model, {.contextLength = 100, .buckets = {1}}).find("window"), std::string::npos);
}

TEST_F(Import, DifferentLayers) {
  TinyModel model("llama", 2);
  model.setArchArray<uint32_t>("feed_forward_length", {96, 32});
  model.setArchArray<uint32_t>("attention.head_count_kv", {2, 1});
  model.tensor("blk.1.ffn_gate.weight", {64, 32}).tensor("blk.1.ffn_up.weight", {64, 32});
  model.tensor("blk.1.ffn_down.weight", {32, 64});
  model.tensor("blk.1.attn_k.weight", {64, 16}).tensor("blk.1.attn_v.weight", {64, 16});
  expectInOrder(text(model, oneStep), {"@kv.0 : !chordal.kv<2 x 16", "@kv.1 : !chordal.kv<1 x 16"});
}

TEST_F(Import, QuantisedFormats) {
  TinyModel model;
  model.tensor("blk.0.ffn_up.weight", {64, 96}, Format::Q4_0);
  model.tensor("token_embd.weight", {64, 40}, Format::BF16);
  expectInOrder(text(model, oneStep),
                {"@token_embd.weight : !chordal.quantized<40x64, \"BF16\">",
                 "@blk.0.ffn_up.weight : !chordal.quantized<96x64, \"Q4_0\">"});
}

TEST_F(Import, TheTextReadsBackAsTheSame) {
  for (const std::string& architecture : TinyModel::architectures()) {
    std::string graph = text(TinyModel(architecture, 2));
    auto parsed = mlir::parseSourceString<mlir::ModuleOp>(graph, &context);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(print(*parsed), graph);
  }
}

TEST_F(Import, TheTextOfALargeModelIsSmall) {
  EXPECT_LT(text(TinyModel("llama", 22)).size(), 1000000u);
}

TEST_F(Import, ArchitecturesAreSorted) {
  EXPECT_TRUE(std::ranges::is_sorted(architectures(), {}, &Architecture::name));
}

//===--- errors -------------------------------------------------------------------------------===//

TEST_F(Import, UnknownArchitecture) {
  expectError(TinyModel("mamba"),
              "general.architecture is \"mamba\", which is not supported; supported are cohere2, ");
}

TEST_F(Import, BadHyperParameters) {
  expectError(TinyModel().setArch("block_count", uint32_t(0)), "llama.block_count is 0");
  expectError(TinyModel().dropArch("attention.layer_norm_rms_epsilon"),
              "llama.attention.layer_norm_rms_epsilon is missing");
}

TEST_F(Import, MissingTensors) {
  for (const char* name :
       {"token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.weight",
        "blk.0.attn_k.weight", "blk.0.attn_v.weight", "blk.0.attn_output.weight",
        "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight",
        "blk.0.ffn_down.weight"}) {
    TinyModel model;
    model.setArch("vocab_size", uint32_t(40));
    expectError(model.dropTensor(name), "tensor \"" + std::string(name) + "\" is missing");
  }
  expectError(TinyModel().dropTensor("blk.0.attn_k.weight"), "needs it, of shape [32, 64]");
}

TEST_F(Import, WrongShapes) {
  expectError(TinyModel().tensor("blk.0.attn_q.weight", {64, 63}),
              "tensor \"blk.0.attn_q.weight\" has shape [63, 64], but the hyper-parameters ask for "
              "[64, 64]");
  expectError(TinyModel().tensor("blk.0.attn_norm.weight", {32}),
              "tensor \"blk.0.attn_norm.weight\" has shape [32], but the hyper-parameters ask for "
              "[64]");
  expectError(TinyModel().tensor("blk.0.ffn_up.weight", {64, 96, 2}), "has shape [2, 96, 64]");
  expectError(TinyModel().setArch("vocab_size", uint32_t(41)),
              "tensor \"token_embd.weight\" has shape [40, 64], but the hyper-parameters ask for "
              "[41, 64]");
  expectError(TinyModel().tensor("rope_freqs.weight", {7}),
              "tensor \"rope_freqs.weight\" has shape [7], but the hyper-parameters ask for [8]");
}

TEST_F(Import, WrongFormats) {
  expectError(TinyModel().tensor("output_norm.weight", {64}, Format::F16),
              "tensor \"output_norm.weight\" is a vector stored as F16; only F32 is supported");
  expectError(TinyModel().tensor("blk.0.ffn_up.weight", {64, 96}, Format::I32),
              "tensor \"blk.0.ffn_up.weight\" is stored as I32, which is not a format of weights");
  expectError(TinyModel().tensor("blk.0.ffn_up.weight", {64, 96}, Format::F64), "is stored as F64");
}

TEST_F(Import, BadRotaryFactors) {
  expectError(TinyModel().tensorF32("rope_freqs.weight", {8}, {1, 1, 1, 0, 1, 1, 1, 1}),
              "tensor \"rope_freqs.weight\": rotary factor 3 is 0");
}

TEST_F(Import, UnusedTensors) {
  expectError(TinyModel().tensor("blk.0.attn_extra.weight", {4}),
              "tensor \"blk.0.attn_extra.weight\" is not used by models of the architecture llama");
  expectError(TinyModel("llama", 2).setArch("block_count", uint32_t(1)),
              "tensor \"blk.1.attn_k.weight\" is not used");
  text(TinyModel().tensor("blk.0.attn_rot_embd.weight", {8}), oneStep); // redundant by definition
}

TEST_F(Import, BadOptions) {
  expectError(TinyModel(), "but 1 follows 16", {.buckets = {16, 1}});
  expectError(TinyModel(), "but 0 follows 0", {.buckets = {0}});
  expectError(TinyModel(), "but 4000000000 follows 1", {.buckets = {1, 4000000000}});
  expectError(TinyModel(), "no token counts are given", {.buckets = {}});
  expectError(TinyModel(), "a context of 4000000000 positions was asked for",
              {.contextLength = 4000000000});
}

TEST_F(Import, TheSmallReferenceModels) {
  for (const char* name :
       {"llama-f32", "llama-q4_k_m", "llama3-f32", "llama-yarn-f32", "qwen3-f32", "qwen3-q4_k_m"}) {
    std::string path = std::string(CHORDAL_TEST_DATA "/models/") + name + "/model.gguf";
    Result<gguf::View> view = gguf::View::open(path);
    ASSERT_TRUE(view.ok()) << view.error().message;
    auto module = importModel(context, *view);
    EXPECT_TRUE(module.ok()) << name << ": " << module.error().message;
  }
}

} // namespace
} // namespace chordal::ir
