//===- DifferentialTest.cpp - numbers before and after each pass ------------------------------===//
//
// Interprets models and the functions of this folder's pass tests before and after each pass of the
// phase graph, and models after each later phase. Passes that keep numbers agree to 1e-5 of the
// standard deviation; quantising activations is judged by the KL divergence that llama.cpp has on
// the same file.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Import.h"
#include "ir/reference/Interpreter.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"
#include "tests/golden/Golden.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

using namespace mlir;

namespace chordal {
namespace {

struct NamedPass {
  const char* name;
  std::unique_ptr<Pass> (*create)(std::string isa);
  bool keepsNumbers = true;
};

/// The phase graph, pass by pass.
const NamedPass graphPasses[] = {
    {"canonicalize", [](std::string) { return createCanonicalizerPass(); }},
    {"cse", [](std::string) { return createCSEPass(); }},
    {"split-attention", [](std::string) { return createSplitAttentionPass(); }},
    {"merge-projections", [](std::string) { return createMergeProjectionsPass(); }},
    {"fuse-dequantize-matmul", [](std::string) { return createFuseDequantizeMatmulPass(); }},
    {"quantize-activations",
     [](std::string isa) {
       QuantizeActivationsPassOptions options;
       options.isa = std::move(isa);
       return createQuantizeActivationsPass(options);
     },
     false},
    {"fuse-quantize", [](std::string) { return createFuseQuantizePass(); }},
    {"fuse-epilogues", [](std::string) { return createFuseEpiloguesPass(); }},
};

LogicalResult run(ModuleOp module, const NamedPass& pass, const std::string& isa = {}) {
  PassManager passes(module->getName());
  passes.addNestedPass<func::FuncOp>(pass.create(isa));
  return passes.run(module);
}

/// Largest difference in standard deviations of `before`; infinite if sizes differ or a number is
/// not finite.
double distance(std::span<const float> before, std::span<const float> after) {
  if (before.size() != after.size() || before.empty())
    return INFINITY;
  double sum = 0, squares = 0, difference = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (!std::isfinite(before[i]) || !std::isfinite(after[i]))
      return INFINITY;
    sum += before[i];
    squares += double(before[i]) * before[i];
    difference = std::max(difference, std::abs(double(after[i]) - before[i]));
  }
  double mean = sum / before.size();
  double variance = squares / before.size() - mean * mean;
  return difference == 0 ? 0 : difference / std::sqrt(std::max(variance, 1e-30));
}

//===--- models -------------------------------------------------------------------------------===//

/// Logits of the prompt in steps of `batch` tokens (0: one step).
Result<std::vector<float>> interpret(ModuleOp module, const gguf::View& view,
                                     const golden::Model& model, size_t batch) {
  reference::Interpreter interpreter(module, view);
  std::vector<float> logits;
  size_t count = model.tokens.size();
  for (size_t at = 0, size; at < count; at += size) {
    size = std::min(batch ? batch : count, count - at);
    std::vector<int32_t> positions(size), rows(size), sequences(size, 0);
    std::iota(positions.begin(), positions.end(), int32_t(at));
    std::iota(rows.begin(), rows.end(), 0);
    auto step =
        interpreter.step(std::span(model.tokens).subspan(at, size), positions, sequences, rows);
    if (!step)
      return step.error();
    logits.insert(logits.end(), step->begin(), step->end());
  }
  return logits;
}

/// A model, and the level that it is compiled for.
class Models : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Models, KeepTheirNumbers) {
  const auto& [name, isa] = GetParam();
  if (!golden::isAvailable(name))
    GTEST_SKIP() << "no reference model " << name;
  Result<golden::Model> model = golden::load(name);
  ASSERT_TRUE(model.ok()) << model.error().message;
  Result<gguf::View> view = gguf::View::open(model->path);
  ASSERT_TRUE(view.ok()) << view.error().message;
  MLIRContext context;
  ir::ImportOptions options;
  options.contextLength = 256;
  options.kvElement = ir::KvElement::F32;
  auto module = ir::importModel(context, *view, options);
  ASSERT_TRUE(module.ok()) << module.error().message;

  // Of the three step functions, two are compared after each pass, all at the end.
  auto compute = [&](size_t batch) {
    auto logits = interpret(**module, *view, *model, batch);
    EXPECT_TRUE(logits.ok()) << logits.error().message;
    return logits ? *logits : std::vector<float>();
  };
  std::vector<float> atOnce = compute(0), stepwise = compute(5);
  for (const NamedPass& pass : graphPasses) {
    ASSERT_TRUE(succeeded(run(**module, pass, isa))) << pass.name;
    std::vector<float> newAtOnce = compute(0), newStepwise = compute(5);
    if (pass.keepsNumbers) {
      EXPECT_LE(distance(atOnce, newAtOnce), 1e-5) << pass.name;
      EXPECT_LE(distance(stepwise, newStepwise), 1e-5) << pass.name;
    } else if (newAtOnce != atOnce) {
      // Nothing but activations is rounded, so llama.cpp, which also rounds its cache, is the
      // bound.
      double kl = golden::compare(*model, newAtOnce).kl;
      EXPECT_LE(kl, 1.3 * model->yardstick) << pass.name;
      RecordProperty("kl_to_yardstick", std::to_string(kl / model->yardstick));
      EXPECT_LE(golden::compare(*model, newStepwise).kl, 1.3 * model->yardstick) << pass.name;
    }
    atOnce = std::move(newAtOnce);
    stepwise = std::move(newStepwise);
  }
  // With matrix units, activations of many rows are bfloat16 and those of one row bytes.
  if (std::string_view(isa) != "amx")
    EXPECT_LE(distance(atOnce, compute(1)), 1e-5);
  // The passes one by one are the phase, and later phases plan without changing the meaning.
  for (Phase phase : allPhases) {
    if (phase == Phase::Input)
      continue;
    ASSERT_TRUE(succeeded(runPipeline(**module, phase, phase, {.isa = isa})))
        << phaseName(phase).str();
    EXPECT_LE(distance(atOnce, compute(0)), 1e-5) << phaseName(phase).str();
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Models,
                         testing::Combine(testing::Values("llama-f32", "llama-f16", "llama-q4_k_m",
                                                          "llama-q8_0", "llama3-q4_k_m",
                                                          "mistral-q4_k_m", "qwen3-f32",
                                                          "qwen3-q4_k_m"),
                                          testing::Values("avx512vnni", "amx")),
                         [](const auto& info) {
                           std::string name = std::get<0>(info.param);
                           name += std::string("_") + std::get<1>(info.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

//===--- the functions of the pass tests ------------------------------------------------------===//

constexpr size_t rowCount = 5;

class Functions : public testing::TestWithParam<std::pair<const char*, const char*>> {
protected:
  Functions() : seed(std::random_device()()), random(seed), bytes(size_t(40) << 20) {
    context.loadDialect<ir::ChordalDialect, func::FuncDialect, arith::ArithDialect,
                        math::MathDialect>();
    // Weights of any format are finite on these: as f16 about 1, as f32 about 0.01.
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = std::byte(i % 2 ? 0x3C : random() & 0xFF);
  }
  void TearDown() override {
    if (HasFailure())
      std::fprintf(stderr, "seed: %u\n", seed);
  }

  /// Random arguments. Integers come as (position, sequence) or (token, position, sequence, row).
  std::vector<reference::Datum> arguments(func::FuncOp function) {
    std::vector<reference::Datum> result;
    std::normal_distribution<float> normal;
    size_t ids = llvm::count_if(function.getArgumentTypes(), ir::isIds), id = 0;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      if (auto kv = dyn_cast<ir::KvType>(type)) {
        states.push_back({index, kv});
        result.emplace_back(reference::Handle());
        continue;
      }
      std::vector<size_t> shape;
      auto quantized = dyn_cast<ir::QuantizedType>(type);
      for (int64_t size : quantized ? quantized.getShape() : cast<ShapedType>(type).getShape())
        shape.push_back(ShapedType::isDynamic(size) ? rowCount : size_t(size));
      if (ir::isIds(type)) {
        reference::Ints values = reference::Ints::from_shape(shape);
        bool isSequence = id++ == (ids == 4 ? 2 : 1);
        std::iota(values.begin(), values.end(), 0);
        if (isSequence)
          std::fill(values.begin(), values.end(), 0);
        result.emplace_back(std::make_shared<const reference::Ints>(std::move(values)));
      } else {
        reference::Floats values = reference::Floats::from_shape(shape);
        for (float& value : values)
          value = normal(random);
        result.emplace_back(std::make_shared<const reference::Floats>(std::move(values)));
      }
    }
    return result;
  }

  std::vector<reference::Datum> call(ModuleOp module, func::FuncOp function,
                                     std::vector<reference::Datum> arguments) {
    reference::Interpreter interpreter(module, {std::span<const std::byte>(bytes)});
    for (auto [index, type] : states)
      arguments[index] = &interpreter.state("state " + std::to_string(index), type);
    auto results = interpreter.call(function.getSymName(), std::move(arguments));
    EXPECT_TRUE(results.ok()) << results.error().message;
    return results ? *results : std::vector<reference::Datum>();
  }

  unsigned seed;
  std::mt19937 random;
  MLIRContext context;
  std::vector<std::byte> bytes;
  std::vector<std::pair<size_t, ir::KvType>> states;
};

TEST_P(Functions, KeepTheirNumbers) {
  auto [file, passName] = GetParam();
  std::string path = std::string(CHORDAL_TEST_DATA) + "/../passes/" + file;
  OwningOpRef<ModuleOp> before = parseSourceFile<ModuleOp>(path, &context);
  ASSERT_TRUE(before) << path;
  OwningOpRef<ModuleOp> after = before->clone();
  const NamedPass* pass =
      llvm::find_if(graphPasses, [&](const NamedPass& p) { return StringRef(p.name) == passName; });
  ASSERT_NE(pass, std::end(graphPasses));
  ASSERT_TRUE(succeeded(run(*after, *pass)));

  int compared = 0;
  for (auto function : before->getOps<func::FuncOp>()) {
    SCOPED_TRACE(function.getSymName().str());
    states.clear();
    std::vector<reference::Datum> inputs = arguments(function);
    auto wanted = call(*before, function, inputs);
    auto actual = call(*after, function, inputs);
    ASSERT_EQ(wanted.size(), actual.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      auto* floats = std::get_if<reference::SharedFloats>(&wanted[i]);
      auto* others = std::get_if<reference::SharedFloats>(&actual[i]);
      ASSERT_EQ(!floats, !others);
      if (!floats)
        continue; // a state: the attention of the same function has read it
      EXPECT_LE(distance(std::span((*floats)->data(), (*floats)->size()),
                         std::span((*others)->data(), (*others)->size())),
                1e-5)
          << "result " << i;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

INSTANTIATE_TEST_SUITE_P(Passes, Functions,
                         testing::Values(std::pair("merge-projections.mlir", "merge-projections"),
                                         std::pair("fuse-dequantize-matmul.mlir",
                                                   "fuse-dequantize-matmul"),
                                         std::pair("fuse-quantize.mlir", "fuse-quantize"),
                                         std::pair("fuse-epilogues.mlir", "fuse-epilogues"),
                                         std::pair("fuse-rope-append.mlir", "fuse-epilogues"),
                                         std::pair("graph.mlir", "merge-projections")),
                         [](const auto& info) {
                           std::string name = info.param.first;
                           name.resize(name.find('.'));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

} // namespace
} // namespace chordal
