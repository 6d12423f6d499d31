//===- InterpreterTest.cpp - import and interpreter against the reference ---------------------===//
//
// Tests that models as imported, run by the reference interpreter, give the reference logits: that
// builders state the architectures right, and the interpreter the ops.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Interpreter.h"
#include "ir/import/Import.h"
#include "tests/golden/Golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace chordal::golden {
namespace {

Result<std::vector<float>> interpret(const Model& model, const RunOptions& options) {
  Result<gguf::View> view = gguf::View::open(model.path);
  if (!view)
    return view.error();
  mlir::MLIRContext context;
  ir::ImportOptions importOptions;
  importOptions.contextLength = std::min(options.contextLength, model.contextLength);
  importOptions.kvElement = options.kvFloat32 ? ir::KvElement::F32 : ir::KvElement::F16;
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module = ir::importModel(context, *view, importOptions);
  if (!module)
    return module.error();
  reference::Interpreter interpreter(**module, *view);

  std::vector<int32_t> positions(model.tokens.size()), rows(model.tokens.size());
  std::vector<int32_t> sequences(model.tokens.size(), 0);
  std::iota(positions.begin(), positions.end(), 0);
  rows = positions;
  size_t batch = options.batch ? options.batch : model.tokens.size();
  std::vector<float> logits;
  for (size_t at = 0; at < model.tokens.size(); at += batch) {
    size_t count = std::min(batch, model.tokens.size() - at);
    auto part = [&](const std::vector<int32_t>& all, size_t from) {
      return std::span<const int32_t>(all).subspan(from, count);
    };
    Result<std::vector<float>> step = interpreter.step(part(model.tokens, at), part(positions, at),
                                                       part(sequences, at), part(rows, 0));
    if (!step)
      return step.error();
    logits.insert(logits.end(), step->begin(), step->end());
  }
  return logits;
}

// Weights are decoded exactly, so quantised files are held to the tolerance of float32 too.
TEST(GoldenInterpreter, LogitsAreThoseOfTheReference) {
  expectExact(denseModels(/*float32=*/true), interpret);
  expectExact(denseModels(/*float32=*/false), interpret);
}

TEST(GoldenInterpreter, MixturesOfExperts) {
  if (mixtureModels(/*float32=*/true).empty())
    GTEST_SKIP() << "there are no reference models that are mixtures of experts";
  expectExact(mixtureModels(/*float32=*/true), interpret);
  expectExact(mixtureModels(/*float32=*/false), interpret);
  expectExact(mixtureModels(/*float32=*/true), interpret, {.batch = 5});
}

// The functions of three buckets, and positions that continue what earlier steps stored.
TEST(GoldenInterpreter, StepByStep) {
  for (uint32_t batch : {1u, 5u, 17u})
    expectExact({"llama-f32", "qwen3-f32"}, interpret, {.batch = batch});
  if (isAvailable("gemma3-f32")) // windows
    expectExact({"gemma3-f32"}, interpret, {.batch = 5});
}

// Only the cache is rounded: at most the error of llama.cpp, which rounds more.
TEST(GoldenInterpreter, HalfPrecisionCache) {
  expectWithinYardstick({"llama-f32", "llama3-f32", "llama-yarn-f32", "qwen3-f32"}, interpret,
                        {.kvFloat32 = false});
}

} // namespace
} // namespace chordal::golden
