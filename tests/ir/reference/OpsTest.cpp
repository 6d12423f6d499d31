//===- OpsTest.cpp - each op against a small computation of its own ---------------------------===//
//
// Random inputs; the expectations are written anew from the dialect's descriptions.
//
//===------------------------------------------------------------------------------------------===//
#include "Fixture.h"

#include "ir/gguf/Half.h"

#include <complex>
#include <map>

namespace chordal::reference {
namespace {

using Ops = ReferenceTest;

TEST_F(Ops, Elementwise) {
  const struct {
    const char* op;
    double (*expected)(double, double);
  } binary[] = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.maximumf", [](double a, double b) { return a > b ? a : b; }},
      {"arith.minimumf", [](double a, double b) { return a < b ? a : b; }},
      {"arith.maxnumf", [](double a, double b) { return a > b ? a : b; }},
      {"arith.minnumf", [](double a, double b) { return a < b ? a : b; }},
      {"math.powf", [](double a, double b) { return std::exp(b * std::log(a)); }},
  };
  Floats x = xt::abs(randomFloats({3, 7})) + 0.1f, y = randomFloats({3, 7});
  for (auto& [op, expected] : binary) {
    SCOPED_TRACE(op);
    Floats r =
        compute("%x: tensor<?x7xf32>, %y: tensor<?x7xf32>", "tensor<?x7xf32>",
                "%r = " + std::string(op) + " %x, %y : tensor<?x7xf32>", {datum(x), datum(y)});
    expectRows(r, 3, 7, [&](size_t t, size_t c) { return expected(x(t, c), y(t, c)); });
  }

  const struct {
    const char* op;
    double (*expected)(double);
  } unary[] = {
      {"arith.negf", [](double a) { return 0 - a; }},
      {"math.absf", [](double a) { return a < 0 ? -a : a; }},
      {"math.ceil", [](double a) { return -std::floor(-a); }},
      {"math.floor", [](double a) { return -std::ceil(-a); }},
      {"math.roundeven", [](double a) { return std::floor(a + 0.5); }}, // no ties among these
      {"math.cos", [](double a) { return std::polar(1.0, a).real(); }},
      {"math.sin", [](double a) { return std::polar(1.0, a).imag(); }},
      {"math.erf", [](double a) { return 1 - std::erfc(a); }},
      {"math.exp", [](double a) { return std::pow(std::numbers::e, a); }},
      {"math.exp2", [](double a) { return std::pow(2.0, a); }},
      {"math.expm1", [](double a) { return std::exp(a) - 1; }},
      {"math.log", [](double a) { return std::log2(a) / std::log2(std::numbers::e); }},
      {"math.log1p", [](double a) { return std::log(1 + a); }},
      {"math.log2", [](double a) { return std::log(a) / std::log(2.0); }},
      {"math.sqrt", [](double a) { return std::pow(a, 0.5); }},
      {"math.rsqrt", [](double a) { return std::pow(a, -0.5); }},
      {"math.tanh", [](double a) { return 1 - 2 / (std::exp(2 * a) + 1); }},
  };
  for (auto& [op, expected] : unary) {
    SCOPED_TRACE(op);
    Floats r = compute("%x: tensor<?x7xf32>", "tensor<?x7xf32>",
                       "%r = " + std::string(op) + " %x : tensor<?x7xf32>", {datum(x)});
    expectRows(r, 3, 7, [&](size_t t, size_t c) { return expected(x(t, c)); });
  }

  Floats r = compute("%x: tensor<?x7xf32>, %y: tensor<?x7xf32>", "tensor<?x7xf32>",
                     "%r = math.fma %x, %y, %y : tensor<?x7xf32>", {datum(x), datum(y)});
  expectRows(r, 3, 7, [&](size_t t, size_t c) { return double(x(t, c)) * y(t, c) + y(t, c); });
}

TEST_F(Ops, ElementwiseErrors) {
  load("func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {\n"
       "%r = arith.addf %x, %y : tensor<?x4xf32>\nreturn %r : tensor<?x4xf32>\n}");
  EXPECT_NE(failure({datum(randomFloats({2, 4})), datum(randomFloats({3, 4}))})
                .find("arith.addf: the operands have different numbers of rows"),
            std::string::npos);
  load("func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {\n"
       "%r = math.atan %x : tensor<?x4xf32>\nreturn %r : tensor<?x4xf32>\n}");
  EXPECT_NE(failure({datum(randomFloats({2, 4}))})
                .find("math.atan: the interpreter does not know this op"),
            std::string::npos);
}

TEST_F(Ops, Matmul) {
  // More columns than a multiple of eight, so that every part of the sum is used.
  Floats x = randomFloats({3, 21}), w = randomFloats({5, 21}), v = randomFloats({2, 21});
  std::vector<uint16_t> halves;
  for (float& value : v) {
    halves.push_back(floatToHalf(value));
    value = halfToFloat(halves.back());
  }
  declareWeight("w", "!chordal.quantized<5x21, \"F32\">", w);
  declareWeight("v", "!chordal.quantized<2x21, \"F16\">", halves.data(), halves.size() * 2);
  auto expected = [&](const Floats& matrix) {
    return [&](size_t t, size_t r) {
      double sum = 0;
      for (size_t c = 0; c < 21; ++c)
        sum += double(x(t, c)) * matrix(r, c);
      return sum;
    };
  };
  load(
      symbols +
      R"(func.func @f(%x: tensor<?x21xf32>) -> (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x5xf32>) {
    %w = chordal.load_weight @w : !chordal.quantized<5x21, "F32">
    %v = chordal.load_weight @v : !chordal.quantized<2x21, "F16">
    %a, %b = chordal.matmul %x, (%w, %v) : (tensor<?x21xf32>, !chordal.quantized<5x21, "F32">, !chordal.quantized<2x21, "F16">) -> (tensor<?x5xf32>, tensor<?x2xf32>)
    %d = chordal.dequantize %w : !chordal.quantized<5x21, "F32"> -> tensor<5x21xf32>
    %c = chordal.matmul %x, (%d) : (tensor<?x21xf32>, tensor<5x21xf32>) -> tensor<?x5xf32>
    return %a, %b, %c : tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x5xf32>
  })");
  auto results = run({datum(x)});
  ASSERT_EQ(results.size(), 3u);
  expectRows(*std::get<SharedFloats>(results[0]), 3, 5, expected(w));
  expectRows(*std::get<SharedFloats>(results[1]), 3, 2, expected(v));
  EXPECT_EQ(*std::get<SharedFloats>(results[2]), *std::get<SharedFloats>(results[0]));
}

TEST_F(Ops, EmbedAndDequantize) {
  // Q8_0: a half for the scale, then 32 signed bytes.
  constexpr size_t rows = 6, blocks = 2;
  std::vector<uint8_t> stored;
  Floats values = makeRows(rows, blocks * 32);
  for (size_t b = 0; b < rows * blocks; ++b) {
    uint16_t scale = floatToHalf(std::abs(randomFloats({1})(0)));
    stored.push_back(uint8_t(scale));
    stored.push_back(uint8_t(scale >> 8));
    for (size_t i = 0; i < 32; ++i) {
      auto q = int8_t(random());
      stored.push_back(uint8_t(q));
      values.data()[b * 32 + i] = halfToFloat(scale) * float(q);
    }
  }
  std::string type = "!chordal.quantized<6x64, \"Q8_0\">";
  declareWeight("w", type, stored.data(), stored.size());
  std::string body = "%w = chordal.load_weight @w : " + type +
                     "\n%r = chordal.embed %t, %w : "
                     "tensor<?xi32>, " +
                     type + " -> tensor<?x64xf32>";
  std::vector<int32_t> tokens = {5, 0, 3, 5};
  Floats r = compute("%t: tensor<?xi32>", "tensor<?x64xf32>", body, {datum(makeInts(tokens))});
  expectRows(r, 4, 64, [&](size_t t, size_t c) { return values(size_t(tokens[t]), c); }, 0);
  EXPECT_NE(failure({datum(makeInts({1, 6}))}).find("has 6 rows, so none for token 6"),
            std::string::npos);
  EXPECT_NE(failure({datum(makeInts({-1}))}).find("none for token -1"), std::string::npos);

  Floats d = compute("", "tensor<6x64xf32>",
                     "%w = chordal.load_weight @w : " + type +
                         "\n%r = chordal.dequantize %w : " + type + " -> tensor<6x64xf32>",
                     {});
  expectRows(d, 6, 64, [&](size_t t, size_t c) { return values(t, c); }, 0);
}

TEST_F(Ops, WeightErrors) {
  file.resize(100);
  std::string use = "func.func @f() -> tensor<4xf32> {\n%r = chordal.load_weight @w : "
                    "tensor<4xf32>\nreturn %r : tensor<4xf32>\n}\n";
  load("chordal.weight @w : tensor<4xf32> = #chordal.span<shard = 0, offset = 85, bytes = 16>\n" +
       use);
  EXPECT_NE(failure({}).find("weight 'w': shard 0 has no 16 bytes at 85"), std::string::npos);
  load("chordal.weight @w : tensor<4xf32> = #chordal.span<shard = 1, offset = 0, bytes = 16>\n" +
       use);
  EXPECT_NE(failure({}).find("weight 'w': shard 1 has no 16 bytes at 0"), std::string::npos);
}

TEST_F(Ops, RmsNorm) {
  Floats x = randomFloats({3, 24}), w = randomFloats({24}), g = randomFloats({8});
  auto expected = [&](size_t group, const Floats* weight) {
    return [&x, group, weight](size_t t, size_t c) {
      double sum = 0;
      for (size_t i = c / group * group; i < c / group * group + group; ++i)
        sum += std::pow(double(x(t, i)), 2);
      return x(t, c) / std::sqrt(sum / double(group) + 0.125) *
             (weight ? double((*weight)(c % group)) : 1.0);
    };
  };
  std::string type = "tensor<?x24xf32>";
  expectRows(compute("%x: " + type, type, "%r = chordal.rms_norm %x {epsilon = 0.125} : " + type,
                     {datum(x)}),
             3, 24, expected(24, nullptr));
  expectRows(
      compute("%x: " + type + ", %w: tensor<24xf32>", type,
              "%r = chordal.rms_norm %x, %w {epsilon = 0.125} : " + type + ", tensor<24xf32>",
              {datum(x), datum(w)}),
      3, 24, expected(24, &w));
  expectRows(compute("%x: " + type + ", %w: tensor<8xf32>", type,
                     "%r = chordal.rms_norm %x, %w {epsilon = 0.125, group = 8} : " + type +
                         ", tensor<8xf32>",
                     {datum(x), datum(g)}),
             3, 24, expected(8, &g));
}

TEST_F(Ops, LayerNorm) {
  Floats x = randomFloats({3, 24}), w = randomFloats({12}), b = randomFloats({12});
  auto expected = [&](bool bias) {
    return [&, bias](size_t t, size_t c) {
      double sum = 0, squares = 0;
      for (size_t i = c / 12 * 12; i < c / 12 * 12 + 12; ++i) {
        sum += x(t, i);
        squares += double(x(t, i)) * x(t, i);
      }
      double mean = sum / 12, variance = squares / 12 - mean * mean;
      return (x(t, c) - mean) / std::sqrt(variance + 0.125) * w(c % 12) +
             (bias ? double(b(c % 12)) : 0.0);
    };
  };
  std::string type = "tensor<?x24xf32>", vector = "tensor<12xf32>";
  expectRows(compute("%x: " + type + ", %w: " + vector, type,
                     "%r = chordal.layer_norm %x, %w {epsilon = 0.125, group = 12} : " + type +
                         ", " + vector,
                     {datum(x), datum(w)}),
             3, 24, expected(false));
  expectRows(compute("%x: " + type + ", %w: " + vector + ", %b: " + vector, type,
                     "%r = chordal.layer_norm %x, %w, %b {epsilon = 0.125, group = 12} : " + type +
                         ", " + vector + ", " + vector,
                     {datum(x), datum(w), datum(b)}),
             3, 24, expected(true));
}

TEST_F(Ops, Quantize) {
  Floats x = randomFloats({4, 64});
  for (size_t c = 0; c < 32; ++c)
    x(2, c) = 0; // a group without a scale
  Floats r =
      compute("%x: tensor<?x64xf32>", "tensor<?x64xf32>",
              "%q = chordal.quantize %x : tensor<?x64xf32> -> !chordal.quantized<?x64, \"Q8\">\n"
              "%r = chordal.dequantize %q : !chordal.quantized<?x64, \"Q8\"> -> tensor<?x64xf32>",
              {datum(x)});
  expectRows(
      r, 4, 64,
      [&](size_t t, size_t c) {
        float largest = 0;
        for (size_t i = c / 32 * 32; i < c / 32 * 32 + 32; ++i)
          largest = std::fmax(largest, std::fabs(x(t, i)));
        if (largest == 0)
          return 0.0f;
        float scale = largest / 127, quotient = x(t, c) / scale;
        float floor = std::floor(quotient), rest = quotient - floor;
        bool up = rest > 0.5f || (rest == 0.5f && std::fmod(floor, 2.0f) != 0);
        return (floor + (up ? 1 : 0)) * scale;
      },
      0);
}

TEST_F(Ops, Rope) {
  // Two heads of 10 features, of which 6 are rotated, as complex numbers.
  Floats x = randomFloats({4, 20}), f = xt::abs(randomFloats({3}));
  std::vector<int32_t> position = {0, 7, 3, 1000};
  for (bool halfSplit : {false, true}) {
    Floats r = compute(
        "%x: tensor<?x20xf32>, %p: tensor<?xi32>, %f: tensor<3xf32>", "tensor<?x20xf32>",
        std::string("%t = chordal.rope_table %p, %f {magnitude = 1.5 : f32} : (tensor<?xi32>, "
                    "tensor<3xf32>) -> tensor<?x6xf32>\n"
                    "%r = chordal.rope %x, %t {head_dim = 10, style = ") +
            (halfSplit ? "half_split" : "interleaved") + "} : tensor<?x20xf32>, tensor<?x6xf32>",
        {datum(x), datum(makeInts(position)), datum(f)});
    expectRows(r, 4, 20, [&](size_t t, size_t c) {
      size_t head = c / 10 * 10, i = c % 10;
      if (i >= 6)
        return double(x(t, c));
      size_t pair = halfSplit ? i % 3 : i / 2;
      bool imaginary = halfSplit ? i >= 3 : i % 2 == 1;
      size_t first = head + (halfSplit ? pair : 2 * pair);
      std::complex<double> z(x(t, first), x(t, halfSplit ? first + 3 : first + 1));
      z *= std::polar(1.5, position[t] * double(f(pair)));
      return imaginary ? z.imag() : z.real();
    });
  }
}

class Attention : public ReferenceTest {
protected:
  static constexpr size_t kvHeads = 2, keyDim = 6, valueDim = 5, heads = 4;

  /// Appends and attends step by step, and compares with all that was appended so far.
  void check(const std::string& settings, std::optional<float> softcap,
             std::optional<int64_t> window, bool half) {
    std::string element = half ? "f16" : "f32";
    std::string kv = "!chordal.kv<2 x 6 / 5, k = " + element + ", v = " + element + ">";
    load("chordal.state @kv.0 : " + kv +
         "\nfunc.func @f(%q: tensor<?x24xf32>, %k: tensor<?x12xf32>, "
         "%v: tensor<?x10xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: " +
         kv +
         " {chordal.state = @kv.0}) -> (tensor<?x20xf32>, tensor<?x20xf32>) {\n%n = "
         "chordal.kv_append %kv, %k, %v, %p, "
         "%s : " +
         kv + ", tensor<?x12xf32>, tensor<?x10xf32>\n%r = chordal.attention %q, %n, %p, %s {" +
         settings + "} : tensor<?x24xf32>, " + kv +
         "\n%i = chordal.attention %q, %n, %p, %s {splits = 3, " + settings +
         "} : tensor<?x24xf32>, " + kv +
         "\n%c = chordal.attention_combine %i {splits = 3, head_dim = 5} : tensor<?x84xf32>"
         "\nreturn %r, %c : tensor<?x20xf32>, tensor<?x20xf32>\n}\n");
    // (sequence, position) of each row of each step; rows of one step see each other.
    std::vector<std::vector<std::pair<int, int>>> steps = {
        {{0, 0}, {0, 1}, {7, 0}}, {{7, 1}}, {{0, 2}, {7, 2}, {0, 3}, {0, 4}}, {{0, 5}}};
    std::map<std::pair<int, int>, std::pair<std::vector<float>, std::vector<float>>> cache;
    auto rounded = [&](float x) { return half ? halfToFloat(floatToHalf(x)) : x; };
    for (const auto& step : steps) {
      size_t rows = step.size();
      Floats q = randomFloats({rows, heads * keyDim}, 2),
             k = randomFloats({rows, kvHeads * keyDim}),
             v = randomFloats({rows, kvHeads * valueDim});
      std::vector<int32_t> positions, sequences;
      for (size_t t = 0; t < rows; ++t) {
        sequences.push_back(step[t].first);
        positions.push_back(step[t].second);
        auto& [keys, values] = cache[step[t]];
        for (size_t i = 0; i < kvHeads * keyDim; ++i)
          keys.push_back(rounded(k(t, i)));
        for (size_t i = 0; i < kvHeads * valueDim; ++i)
          values.push_back(rounded(v(t, i)));
      }
      auto results = run({datum(q), datum(k), datum(v), datum(makeInts(positions)),
                          datum(makeInts(sequences)), Handle()});
      ASSERT_EQ(results.size(), 2u);
      for (const Datum& result : results) // at once, and from parts
        expectRows(*std::get<SharedFloats>(result), rows, heads * valueDim,
                   [&](size_t t, size_t c) {
                     size_t head = c / valueDim, kvHead = head / 2;
                     double sum = 0, total = 0;
                     for (int p = 0; p <= positions[t]; ++p) {
                       if (window && positions[t] - p >= *window)
                         continue;
                       auto& [keys, values] = cache.at({sequences[t], p});
                       double score = 0;
                       for (size_t i = 0; i < keyDim; ++i)
                         score += double(q(t, head * keyDim + i)) * keys[kvHead * keyDim + i];
                       score *= 0.75;
                       if (softcap)
                         score = *softcap * std::tanh(score / *softcap);
                       total += std::exp(score);
                       sum += std::exp(score) * values[kvHead * valueDim + c % valueDim];
                     }
                     return sum / total;
                   });
    }
  }
};

TEST_F(Attention, Plain) {
  check("scale = 0.75", {}, {}, false);
}
TEST_F(Attention, Half) {
  check("scale = 0.75", {}, {}, true);
}
TEST_F(Attention, Softcap) {
  check("scale = 0.75, softcap = 1.5", 1.5f, {}, false);
}
TEST_F(Attention, Window) {
  check("scale = 0.75, window = 2", {}, 2, false);
}

TEST_F(Attention, Errors) {
  std::string kv = "!chordal.kv<2 x 6 / 5, k = f32, v = f32>";
  load(
      "chordal.state @kv.0 : " + kv +
      "\nfunc.func @f(%k: tensor<?x12xf32>, "
      "%v: tensor<?x10xf32>, %p: tensor<?xi32>, %kv: " +
      kv +
      " {chordal.state = @kv.0}) -> tensor<?x10xf32> {\n%n = chordal.kv_append %kv, %k, %v, %p, %p "
      ": " +
      kv +
      ", tensor<?x12xf32>, tensor<?x10xf32>\n%r = chordal.attention %k, %n, %p, %p {scale = 1.0} : "
      "tensor<?x12xf32>, " +
      kv + "\nreturn %r : tensor<?x10xf32>\n}\n");
  auto inputs = [&](int32_t position) {
    return std::vector<Datum>{datum(randomFloats({1, 12})), datum(randomFloats({1, 10})),
                              datum(makeInts({position})), Handle()};
  };
  EXPECT_EQ(failure(inputs(2)), "chordal.attention: position 0 of sequence 2 has not been stored");
  EXPECT_EQ(failure(inputs(-1)), "chordal.kv_append: position -1 is negative");
}

TEST_F(Ops, Activations) {
  Floats x = randomFloats({3, 9}, 3), u = randomFloats({3, 9});
  const std::map<std::string, double (*)(double)> functions = {
      {"silu", [](double v) { return v / (1 + std::exp(-v)); }},
      {"gelu", [](double v) { return v * 0.5 * std::erfc(-v * std::sqrt(0.5)); }},
      {"gelu_tanh",
       [](double v) {
         double inner = std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * std::pow(v, 3));
         return v / (1 + std::exp(-2 * inner)); // x/2 (1 + tanh z) is x sigmoid(2z)
       }},
      {"relu", [](double v) { return v > 0 ? v : 0; }}};
  for (auto& [name, function] : functions) {
    SCOPED_TRACE(name);
    auto& expected = function;
    Floats a = compute("%x: tensor<?x9xf32>", "tensor<?x9xf32>",
                       "%r = chordal.activate %x {activation = " + name + "} : tensor<?x9xf32>",
                       {datum(x)});
    expectRows(a, 3, 9, [&](size_t t, size_t c) { return expected(x(t, c)); });
    Floats g = compute("%x: tensor<?x9xf32>, %u: tensor<?x9xf32>", "tensor<?x9xf32>",
                       "%r = chordal.glu %x, %u {activation = " + name + "} : tensor<?x9xf32>",
                       {datum(x), datum(u)});
    expectRows(g, 3, 9, [&](size_t t, size_t c) { return expected(x(t, c)) * u(t, c); });
  }
}

TEST_F(Ops, ScaleSoftcapBroadcastConstant) {
  Floats x = randomFloats({3, 4}, 3), v = randomFloats({4});
  expectRows(compute("%x: tensor<?x4xf32>", "tensor<?x4xf32>",
                     "%r = chordal.scale %x {factor = -2.5} : tensor<?x4xf32>", {datum(x)}),
             3, 4, [&](size_t t, size_t c) { return -2.5 * x(t, c); });
  expectRows(compute("%x: tensor<?x4xf32>", "tensor<?x4xf32>",
                     "%r = chordal.softcap %x {cap = 2.0} : tensor<?x4xf32>", {datum(x)}),
             3, 4,
             [&](size_t t, size_t c) { return 2 * (1 - 2 / (std::exp(double(x(t, c))) + 1)); });
  expectRows(
      compute("%x: tensor<?x4xf32>, %v: tensor<4xf32>", "tensor<?x4xf32>",
              "%r = chordal.broadcast %v, %x : tensor<4xf32>, tensor<?x4xf32>",
              {datum(x), datum(v)}),
      3, 4, [&](size_t, size_t c) { return v(c); }, 0);
  symbols = "chordal.constant @c dense<[1.0, -0.5, 0.1, 1.0e-30]> : tensor<4xf32>\n";
  const float constants[] = {1.0f, -0.5f, 0.1f, 1e-30f};
  expectRows(
      compute("%x: tensor<?x4xf32>", "tensor<?x4xf32>",
              "%c = chordal.load_constant @c : tensor<4xf32>\n"
              "%r = chordal.broadcast %c, %x : tensor<4xf32>, tensor<?x4xf32>",
              {datum(x)}),
      3, 4, [&](size_t, size_t c) { return constants[c]; }, 0);
  Floats d = compute("", "tensor<1x2xf32>",
                     "%r = arith.constant dense<[[0.1, 3.0]]> : tensor<1x2xf32>", {});
  expectRows(d, 1, 2, [&](size_t, size_t c) { return c == 0 ? 0.1f : 3.0f; }, 0);
}

TEST_F(Ops, GatherRows) {
  Floats x = randomFloats({5, 3});
  std::vector<int32_t> index = {4, 0, 4};
  Floats r = compute("%x: tensor<?x3xf32>, %i: tensor<?xi32>", "tensor<?x3xf32>",
                     "%r = chordal.gather_rows %x, %i : tensor<?x3xf32>, tensor<?xi32>",
                     {datum(x), datum(makeInts(index))});
  expectRows(r, 3, 3, [&](size_t t, size_t c) { return x(size_t(index[t]), c); }, 0);
  EXPECT_EQ(failure({datum(x), datum(makeInts({5}))}),
            "chordal.gather_rows: there is no row 5 among 5");
  EXPECT_EQ(failure({datum(x), datum(makeInts({-1}))}),
            "chordal.gather_rows: there is no row -1 among 5");

  load("func.func @f(%p: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xi32> {\n"
       "%r = chordal.gather_rows %p, %i : tensor<?xi32>, tensor<?xi32>\nreturn %r : "
       "tensor<?xi32>\n}");
  auto results = run({datum(makeInts({10, 11, 12})), datum(makeInts({2, 2, 1}))});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(*std::get<SharedInts>(results[0]), makeInts({12, 12, 11}));
}

TEST_F(Ops, RegionsAndSchedule) {
  Floats x = randomFloats({3, 32});
  declareWeight("w", "tensor<32xf32>", randomFloats({32}));
  load(symbols + R"(func.func @f(%x: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
    %arena = chordal.arena 4096 : !chordal.arena
    %s = chordal.slice %arena at 0, 1024 : !chordal.slice
    %event = chordal.prefetch @w : !chordal.event
    chordal.await %event
    %y = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s) (%a = %x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
      %0, %1 = chordal.fused "k" (%b = %a) : (tensor<?x32xf32>) -> (tensor<?x32xf32>, !chordal.quantized<?x32, "Q8">) {
        %2 = chordal.scale %b {factor = 2.0} : tensor<?x32xf32>
        %3 = chordal.quantize %2 : tensor<?x32xf32> -> !chordal.quantized<?x32, "Q8">
        chordal.yield %2, %3 : tensor<?x32xf32>, !chordal.quantized<?x32, "Q8">
      }
      %4 = arith.addf %0, %a : tensor<?x32xf32>
      chordal.yield %4 : tensor<?x32xf32>
    }
    chordal.release @w
    return %y, %x : tensor<?x32xf32>, tensor<?x32xf32>
  })");
  std::vector<std::string> seen;
  interpreter->observe([&](mlir::Operation* op, const std::vector<Datum>&) {
    seen.push_back(op->getName().getStringRef().str());
  });
  auto results = run({datum(x)});
  ASSERT_EQ(results.size(), 2u);
  expectRows(*std::get<SharedFloats>(results[0]), 3, 32,
             [&](size_t t, size_t c) { return 3 * x(t, c); });
  expectRows(
      *std::get<SharedFloats>(results[1]), 3, 32, [&](size_t t, size_t c) { return x(t, c); }, 0);
  EXPECT_EQ(seen, (std::vector<std::string>{"chordal.arena", "chordal.slice", "chordal.prefetch",
                                            "chordal.await", "chordal.scale", "chordal.quantize",
                                            "chordal.fused", "arith.addf", "chordal.dispatch",
                                            "chordal.release"}));
}

} // namespace
} // namespace chordal::reference
