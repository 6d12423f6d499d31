//===- ElementwiseTest.cpp - generated functions, run -----------------------------------------===//
//
// Lowers element-wise code to LLVM, compiles it for every instruction-set level of this machine,
// loads it, and compares what it computes with float64. All levels give the same bits.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/host/Jit.h"
#include "codegen/host/Object.h"
#include "ir/dialect/Chordal.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

namespace chordal::codegen {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

/// Levels whose code this machine runs.
std::vector<kernels::Isa> levels() {
  std::vector<kernels::Isa> result;
  for (kernels::Isa isa : {kernels::Isa::Scalar, kernels::Isa::X86_64_v2, kernels::Isa::X86_64_v3,
                           kernels::Isa::Avx512Vnni, kernels::Isa::Neon})
    if (kernels::isaIncludes(kernels::hostIsa(), isa))
      result.push_back(isa);
  return result;
}

/// Rows of float32 with a distance between them, and canaries all around.
struct Matrix {
  static constexpr size_t rows = 5, columns = 67, stride = 71;
  static constexpr float canary = -12345.0f;
  std::vector<float> data = std::vector<float>(rows * stride, canary);

  float& at(size_t row, size_t column) { return data[row * stride + column]; }
  chordal_view view() { return {reinterpret_cast<char*>(data.data()), stride * sizeof(float)}; }
};

class Elementwise : public testing::Test {
protected:
  Elementwise() : seed(std::random_device()()), random(seed) {
    context.loadDialect<ir::ChordalDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
                        mlir::LLVM::LLVMDialect>();
  }
  void TearDown() override {
    if (HasFailure())
      std::fprintf(stderr, "seed: %u\n", seed);
  }

  /// Compiles the first generated function of `source`.
  void compile(const std::string& source, kernels::Isa isa) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    ASSERT_TRUE(module) << source;
    mlir::PassManager passes(&context);
    passes.addNestedPass<mlir::func::FuncOp>(createFormDispatchesPass());
    passes.addPass(createLowerElementwisePass());
    ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
    std::string name;
    for (auto generated : module->getOps<mlir::LLVM::LLVMFuncOp>())
      name = generated.getSymName().str();
    ASSERT_TRUE(hasGeneratedFunctions(*module));
    auto object = emitObject(*module, {.triple = "", .isa = isa});
    ASSERT_TRUE(object.ok()) << object.error().message;
    auto loaded = Jit::load(std::move(*object));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    jits.push_back(std::move(*loaded));
    auto found = jits.back().lookup(std::vector{name});
    ASSERT_TRUE(found.ok()) << found.error().message;
    function = found->front();
  }

  /// A step function that returns `%r`, computed by `body` from %a, %b and the vector %v.
  static std::string source(const std::string& body) {
    return "!x = tensor<?x67xf32>\n"
           "func.func @f(%a: !x, %b: !x, %v: tensor<67xf32>) -> !x {\n" +
           body + "\n  return %r : !x\n}\n";
  }

  /// Numbers of all magnitudes, and the special ones.
  void fill(std::span<float> values, float scale, bool special) {
    std::normal_distribution<float> normal(0, scale);
    constexpr float specials[] = {0.0f, -0.0f,  1.0f,    -1.0f, nan,
                                  inf,  1e-30f, -1e-30f, 50.0f, -50.0f};
    for (float& value : values)
      value =
          special && random() % 8 == 0 ? specials[random() % std::size(specials)] : normal(random);
  }

  unsigned seed;
  std::mt19937 random;
  mlir::MLIRContext context;
  std::vector<Jit> jits;
  chordal_function function = nullptr;
};

/// One element of the result: exact, or in float64 with the difference that is allowed.
struct Expected {
  double value;
  double tolerance;
};
using Reference = std::function<Expected(float a, float b, float v)>;

/// What float32 arithmetic gives.
Expected exact(float value) {
  return {value, 0};
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
/// The functions, and in float32 steps how far off they may be.
Expected silu(float x) {
  double y = x * sigmoid(x);
  return {y, 1e-6 * std::abs(y) + 1e-30};
}
Expected gelu(float x) {
  // The approximation of erf is within 1.5e-7 (Abramowitz and Stegun 7.1.26).
  return {0.5 * x * std::erfc(-x / std::sqrt(2.0)), 4e-7 * std::max(1.0f, std::abs(x))};
}
Expected geluTanh(float x) {
  double u = std::sqrt(2 / M_PI) * (x + 0.044715 * double(x) * x * x);
  return {x * sigmoid(2 * u), 5e-7 * std::max(1.0f, std::abs(x))};
}
Expected relu(float x) {
  return exact(x < 0 ? 0.0f : x);
}
Expected softcap(float x, double cap) {
  double y = cap * std::tanh(x / cap);
  return {y, 1e-6 * std::abs(y) + 1e-30};
}
Expected times(Expected a, float b) {
  return {a.value * b, (a.tolerance + 2e-7 * std::abs(a.value)) * std::abs(b)};
}

struct Case {
  const char* name;
  const char* body;
  /// Which of a, b and v the function reads, in the order in which it does.
  const char* reads;
  Reference reference;
};

const Case cases[] = {
    {"add", "%r = arith.addf %a, %b : !x", "ab",
     [](float a, float b, float) { return exact(a + b); }},
    {"sub", "%r = arith.subf %b, %a : !x", "ba",
     [](float a, float b, float) { return exact(b - a); }},
    {"mul", "%r = arith.mulf %a, %b : !x", "ab",
     [](float a, float b, float) { return exact(a * b); }},
    {"div", "%r = arith.divf %a, %b : !x", "ab",
     [](float a, float b, float) { return exact(a / b); }},
    {"neg", "%r = arith.negf %a : !x", "a", [](float a, float, float) { return exact(-a); }},
    {"scale", "%r = chordal.scale %a {factor = 0.1} : !x", "a",
     [](float a, float, float) { return exact(a * 0.1f); }},
    {"softcap", "%r = chordal.softcap %a {cap = 30.0} : !x", "a",
     [](float a, float, float) { return softcap(a, 30); }},
    {"softcap_small", "%r = chordal.softcap %a {cap = 0.5} : !x", "a",
     [](float a, float, float) { return softcap(a, 0.5); }},
    {"silu", "%r = chordal.activate %a {activation = silu} : !x", "a",
     [](float a, float, float) { return silu(a); }},
    {"gelu", "%r = chordal.activate %a {activation = gelu} : !x", "a",
     [](float a, float, float) { return gelu(a); }},
    {"gelu_tanh", "%r = chordal.activate %a {activation = gelu_tanh} : !x", "a",
     [](float a, float, float) { return geluTanh(a); }},
    {"relu", "%r = chordal.activate %a {activation = relu} : !x", "a",
     [](float a, float, float) { return relu(a); }},
    {"glu_silu", "%r = chordal.glu %a, %b {activation = silu} : !x", "ab",
     [](float a, float b, float) { return times(silu(a), b); }},
    {"glu_gelu", "%r = chordal.glu %a, %b {activation = gelu} : !x", "ab",
     [](float a, float b, float) { return times(gelu(a), b); }},
    {"glu_gelu_tanh", "%r = chordal.glu %a, %b {activation = gelu_tanh} : !x", "ab",
     [](float a, float b, float) { return times(geluTanh(a), b); }},
    {"glu_relu", "%r = chordal.glu %a, %b {activation = relu} : !x", "ab",
     [](float a, float b, float) { return times(relu(a), b); }},
    {"broadcast", "%r = chordal.broadcast %v, %a : tensor<67xf32>, !x", "v",
     [](float, float, float v) { return exact(v); }},
    {"bias", "%0 = chordal.broadcast %v, %a : tensor<67xf32>, !x\n %r = arith.addf %a, %0 : !x",
     "va", [](float a, float, float v) { return exact(a + v); }},
    {"chain", "%0 = arith.mulf %a, %b : !x\n %1 = arith.addf %0, %a : !x\n %r = arith.negf %1 : !x",
     "ab",
     [](float a, float b, float) {
       volatile float product = a * b; // rounded, as no fused operation would
       return exact(-(product + a));
     }},
    {"square", "%r = arith.mulf %a, %a : !x", "a",
     [](float a, float, float) { return exact(a * a); }},
};

class Ops : public Elementwise, public testing::WithParamInterface<Case> {};

TEST_P(Ops, AgreeWithFloat64) {
  const Case& test = GetParam();
  Matrix a, b;
  std::vector<float> v(Matrix::columns);
  for (size_t row = 0; row < Matrix::rows; ++row) {
    float scale = row == 0 ? 0.1f : row == 1 ? 1.0f : row == 2 ? 8.0f : 20.0f;
    fill({&a.at(row, 0), Matrix::columns}, scale, row % 2 == 1);
    fill({&b.at(row, 0), Matrix::columns}, scale, row == 4);
  }
  fill(v, 1, true);
  struct Range {
    uint64_t rowBegin, rowEnd, columnBegin, columnEnd;
  };
  const Range ranges[] = {{0, 5, 0, 67},  {0, 5, 0, 16}, {1, 3, 3, 20},  {2, 3, 66, 67},
                          {0, 5, 5, 5},   {4, 4, 0, 67}, {3, 5, 17, 33}, {0, 1, 0, 1},
                          {0, 5, 48, 67}, {1, 5, 0, 64}};
  std::vector<std::vector<float>> first; // of the first level, range by range
  for (kernels::Isa isa : levels()) {
    SCOPED_TRACE(std::string(kernels::isaName(isa)));
    ASSERT_NO_FATAL_FAILURE(compile(source(test.body), isa));
    for (size_t i = 0; i < std::size(ranges); ++i) {
      const Range& range = ranges[i];
      Matrix out;
      std::vector<chordal_view> views;
      for (char read : std::string_view(test.reads))
        views.push_back(read == 'a'   ? a.view()
                        : read == 'b' ? b.view()
                                      : chordal_view{reinterpret_cast<char*>(v.data()), 0});
      views.push_back(out.view());
      function(views.data(), range.rowBegin, range.rowEnd, range.columnBegin, range.columnEnd);
      for (size_t row = 0; row < Matrix::rows; ++row)
        for (size_t column = 0; column < Matrix::stride; ++column) {
          float actual = out.at(row, column);
          if (row < range.rowBegin || row >= range.rowEnd || column < range.columnBegin ||
              column >= range.columnEnd) {
            ASSERT_EQ(actual, Matrix::canary) << "outside, at " << row << ", " << column;
            continue;
          }
          float x = a.at(row, column), y = b.at(row, column);
          Expected expected = test.reference(x, y, v[column]);
          // An activation so small that float32 or float64 may make it 0 is followed by 0 times
          // infinity, which is no number, or by infinity: both are right.
          bool vanishes = std::isinf(y) && x < -10;
          if (vanishes && !std::isfinite(expected.value)) {
            ASSERT_FALSE(std::isfinite(actual)) << actual << " of " << x << ", " << y;
          } else if (std::isnan(expected.value)) {
            ASSERT_TRUE(std::isnan(actual)) << actual << " of " << x << ", " << y;
          } else if (std::isinf(expected.value)) {
            ASSERT_EQ(actual, expected.value) << "of " << x << ", " << y;
          } else {
            // Results below the least normal float32 are rounded to its spacing, each step of the
            // way.
            ASSERT_LE(std::abs(actual - expected.value),
                      expected.tolerance + 4.0 * std::numeric_limits<float>::denorm_min())
                << actual << " rather than " << expected.value << " of " << x << ", " << y << ", "
                << v[column];
          }
        }
      if (first.size() == i)
        first.push_back(out.data);
      else
        ASSERT_EQ(std::memcmp(first[i].data(), out.data.data(), out.data.size() * sizeof(float)), 0)
            << "other bits than the first level";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Elementwise, Ops, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

/// The results of `body` for single numbers.
class Extremes : public Elementwise {
protected:
  float apply(const char* body, float x) {
    compile(source(body), kernels::Isa::Scalar);
    if (HasFatalFailure())
      return nan;
    Matrix a, out;
    a.at(0, 0) = x;
    chordal_view views[] = {a.view(), out.view()};
    function(views, 0, 1, 0, 1);
    return out.at(0, 0);
  }
};

TEST_F(Extremes, ActivationsOfLargeNumbers) {
  for (const char* body : {"%r = chordal.activate %a {activation = silu} : !x",
                           "%r = chordal.activate %a {activation = gelu} : !x",
                           "%r = chordal.activate %a {activation = gelu_tanh} : !x"}) {
    SCOPED_TRACE(body);
    for (float x : {100.0f, 1e10f, 3e38f, inf})
      EXPECT_EQ(apply(body, x), x);
    for (float x : {-100.0f, -1e10f, -3e38f})
      EXPECT_NEAR(apply(body, x), 0, 1e-30) << x;
    EXPECT_TRUE(std::isnan(apply(body, nan)));
  }
}

TEST_F(Extremes, SoftcapEndsAtTheCap) {
  const char* body = "%r = chordal.softcap %a {cap = 30.0} : !x";
  for (float x : {1e4f, 3e38f, inf}) {
    EXPECT_EQ(apply(body, x), 30);
    EXPECT_EQ(apply(body, -x), -30);
  }
  EXPECT_EQ(apply(body, 0), 0);
  EXPECT_TRUE(std::isnan(apply(body, nan)));
}

using Epilogue = Elementwise;

// Tests that the tiles of a matmul are the first views, before what is read and written.
TEST_F(Epilogue, TakesTilesFirst) {
  const std::string text = R"mlir(
!x = tensor<?x67xf32>
!w = !chordal.quantized<67x64, "F16">
func.func @f(%a: tensor<?x64xf32>, %w: !w, %h: !x) -> (!x, !x) {
  %0:2 = chordal.fused "matmul_epilogue" (%i = %a, %j = %w, %k = %h) : (tensor<?x64xf32>, !w, !x) -> (!x, !x) {
    %1:2 = chordal.matmul %i, (%j, %j) : (tensor<?x64xf32>, !w, !w) -> (!x, !x)
    %2 = arith.subf %1#1, %k : !x
    %3 = arith.divf %2, %1#0 : !x
    chordal.yield %3, %1#1 : !x, !x
  }
  return %0#0, %0#1 : !x, !x
})mlir";
  for (kernels::Isa isa : levels()) {
    ASSERT_NO_FATAL_FAILURE(compile(text, isa));
    Matrix first, second, read, quotient, copy;
    for (Matrix* matrix : {&first, &second, &read})
      fill(matrix->data, 1, false);
    chordal_view views[] = {first.view(), second.view(), read.view(), quotient.view(), copy.view()};
    function(views, 1, 4, 2, 61);
    for (size_t row = 1; row < 4; ++row)
      for (size_t column = 2; column < 61; ++column) {
        ASSERT_EQ(quotient.at(row, column),
                  (second.at(row, column) - read.at(row, column)) / first.at(row, column));
        ASSERT_EQ(copy.at(row, column), second.at(row, column));
      }
    ASSERT_EQ(copy.at(0, 2), Matrix::canary);
    ASSERT_EQ(copy.at(1, 61), Matrix::canary);
  }
}

TEST_F(Elementwise, UnknownFunctionsAreErrors) {
  ASSERT_NO_FATAL_FAILURE(compile(source("%r = arith.negf %a : !x"), kernels::Isa::Scalar));
  auto found = jits.back().lookup(std::vector<std::string>{"elementwise_addf"});
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.error().message.find("the generated object has no function 'elementwise_addf'"),
            std::string::npos)
      << found.error().message;
}

} // namespace
} // namespace chordal::codegen
