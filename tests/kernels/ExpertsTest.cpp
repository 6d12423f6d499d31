//===- ExpertsTest.cpp - kernels of mixtures of experts against plain arithmetic --------------===//
//
// Tests the router, the grouping of its choices, the matrices of experts and heads, and the sums of
// what experts give.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Decode.h"
#include "tests/kernels/Harness.h"

#include <cmath>
#include <numeric>

namespace chordal::kernels {
namespace {

/// The chosen experts and weights of one row, as the op `router` defines them.
void routeRow(const std::vector<float>& logits, const float* bias, const RouterParameters& p,
              std::vector<uint32_t>& chosen, std::vector<double>& weights) {
  std::vector<double> probability(logits.begin(), logits.end());
  double total = 0;
  for (double& x : probability) {
    if (p.gating == SoftmaxGating)
      total += x = std::exp(x);
    else if (p.gating == SigmoidGating)
      x = 1 / (1 + std::exp(-x));
  }
  for (double& x : probability)
    x = p.gating == SoftmaxGating ? x / total : x;
  std::vector<double> score = probability;
  for (uint32_t e = 0; bias && e < p.experts; ++e)
    score[e] += double(bias[e]);
  auto descending = [](const std::vector<double>& values) {
    std::vector<uint32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return values[a] != values[b] ? values[a] > values[b] : a < b;
    });
    return order;
  };
  if (p.groups > 1) {
    uint32_t length = p.experts / p.groups;
    std::vector<double> sums;
    for (uint32_t g = 0; g < p.groups; ++g) {
      std::vector<double> part(score.begin() + g * length, score.begin() + (g + 1) * length);
      std::vector<uint32_t> order = descending(part);
      sums.push_back(part[order[0]] + (length > 1 ? part[order[1]] : 0));
    }
    std::vector<uint32_t> order = descending(sums);
    for (uint32_t dropped = p.groupsUsed; dropped < p.groups; ++dropped)
      for (uint32_t i = 0; i < length; ++i)
        score[order[dropped] * length + i] = -INFINITY;
  }
  chosen = descending(score);
  chosen.resize(p.used);
  weights.clear();
  for (uint32_t e : chosen)
    weights.push_back(probability[e]);
  if (p.gating == SoftmaxChosenGating) {
    double sum = 0;
    for (double& w : weights)
      sum += w = std::exp(w);
    for (double& w : weights)
      w /= sum;
  }
  double factor = double(p.scale);
  if (p.normalise)
    factor /= std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& w : weights)
    w *= factor;
}

TEST(Router, ChoosesAndWeighs) {
  Random random;
  for (uint32_t gating : {SoftmaxGating, SigmoidGating, SoftmaxChosenGating})
    for (uint32_t variant = 0; variant < 4; ++variant) {
      RouterParameters p{};
      p.experts = 24;
      p.used = 1 + random.below(6);
      p.gating = gating;
      p.normalise = variant & 1;
      p.hasBias = variant >> 1;
      p.scale = 2.5f;
      p.groups = variant == 3 ? 4 : 1;
      p.groupsUsed = variant == 3 ? 2 : 1;
      p.rowTile = kernelAt(Family::Router, Isa::Scalar).tile;
      const uint32_t rows = 7;
      Rows<float> logits(rows, p.experts), bias(1, p.experts), weights(rows, p.used);
      Rows<int32_t> chosen(rows, p.used);
      logits.fill(random, 2);
      bias.fill(random, 0.3f);
      std::vector<chordal_view> operands = {logits.view()};
      if (p.hasBias)
        operands.push_back(bias.view());
      operands.push_back(chosen.view());
      operands.push_back(weights.view());
      runKernel(kernelAt(Family::Router, Isa::Scalar), p, operands, rows, tiles(rows, p.rowTile));
      for (uint32_t row = 0; row < rows; ++row) {
        std::vector<uint32_t> expected;
        std::vector<double> expectedWeights;
        routeRow(std::vector<float>(logits[row], logits[row] + p.experts),
                 p.hasBias ? bias[0] : nullptr, p, expected, expectedWeights);
        for (uint32_t k = 0; k < p.used; ++k) {
          EXPECT_EQ(uint32_t(chosen[row][k]), expected[k]) << "gating " << gating << " row " << row;
          EXPECT_TRUE(std::abs(double(weights[row][k]) - expectedWeights[k]) <=
                      1e-5 * std::abs(expectedWeights[k]))
              << weights[row][k] << " instead of " << expectedWeights[k];
        }
      }
    }
}

// Whatever the logits are, each token has valid and different experts.
TEST(Router, NumbersThatAreNone) {
  RouterParameters p{};
  p.experts = 8;
  p.used = 4;
  p.scale = 1;
  p.groups = p.groupsUsed = 1;
  p.rowTile = kernelAt(Family::Router, Isa::Scalar).tile;
  Rows<float> logits(3, p.experts), weights(3, p.used);
  Rows<int32_t> chosen(3, p.used);
  for (uint32_t e = 0; e < p.experts; ++e) {
    logits[0][e] = NAN;
    logits[1][e] = -INFINITY;
    logits[2][e] = e == 3 ? NAN : float(e);
  }
  runKernel(kernelAt(Family::Router, Isa::Scalar), p,
            {logits.view(), chosen.view(), weights.view()}, 3, tiles(3, p.rowTile));
  for (uint32_t row = 0; row < 3; ++row) {
    std::vector<bool> seen(p.experts);
    for (uint32_t k = 0; k < p.used; ++k) {
      ASSERT_LT(uint32_t(chosen[row][k]), p.experts);
      EXPECT_FALSE(seen[size_t(chosen[row][k])]);
      seen[size_t(chosen[row][k])] = true;
    }
  }
}

/// Random different experts for each row, and the routes that group_routes makes of them.
struct Routes {
  Rows<int32_t> chosen, routes;

  Routes(Random& random, uint32_t rows, uint32_t experts, uint32_t used)
      : chosen(rows, used), routes(rows, 3 * used + 2) {
    for (uint32_t row = 0; row < rows; ++row) {
      std::vector<int32_t> all(experts);
      std::iota(all.begin(), all.end(), 0);
      std::shuffle(all.begin(), all.end(), random);
      std::copy_n(all.begin(), used, chosen[row]);
    }
    GroupRoutesParameters p{experts, used};
    runKernel(kernelAt(Family::GroupRoutes, Isa::Scalar), p, {chosen.view(), routes.view()}, rows,
              1);
  }
};

TEST(GroupRoutes, SortsPairsByExpert) {
  Random random;
  const uint32_t rows = 9, experts = 12, used = 3;
  Routes r(random, rows, experts, used);
  ExpertRoutes routes(r.routes[0]);
  uint32_t next = 0, group = 0;
  for (uint32_t e = 0; e < experts; ++e) {
    std::vector<int32_t> pairs;
    for (uint32_t row = 0; row < rows; ++row)
      for (uint32_t k = 0; k < used; ++k)
        if (r.chosen[row][k] == int32_t(e))
          pairs.push_back(int32_t(row * used + k));
    if (pairs.empty())
      continue;
    ASSERT_LT(group, routes.count);
    EXPECT_EQ(routes.experts[group], int32_t(e));
    EXPECT_EQ(routes.offsets[group], int32_t(next));
    for (int32_t pair : pairs)
      EXPECT_EQ(routes.pairs[next++], pair);
    ++group;
  }
  EXPECT_EQ(group, routes.count);
  EXPECT_EQ(routes.offsets[group], int32_t(rows * used));
}

/// Matrices [count * outputs, columns] of a format, and what they decode to.
struct Matrices {
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  uint64_t rowBytes;

  Matrices(Random& random, Format format, uint32_t rows, uint32_t columns)
      : values(size_t(rows) * columns),
        rowBytes(format == Format::F32 ? columns * 4 : columns / 32 * 34) {
    bytes.resize(rows * rowBytes);
    if (format == Format::F32) {
      std::normal_distribution<float> normal;
      for (float& v : values)
        v = normal(random);
      std::memcpy(bytes.data(), values.data(), bytes.size());
      return;
    }
    // Q8_0: a half as scale and 32 signed bytes.
    for (uint8_t& b : bytes)
      b = uint8_t(random.below(256));
    for (size_t block = 0; block < bytes.size(); block += 34) {
      bytes[block] = uint8_t(random.below(256));
      bytes[block + 1] = 0x24; // about 2^-6
    }
    for (uint32_t r = 0; r < rows; ++r)
      decodeRow(format, reinterpret_cast<const std::byte*>(bytes.data()) + r * rowBytes, columns,
                values.data() + size_t(r) * columns);
  }
  chordal_view view() { return {bytes.data(), rowBytes}; }
};

/// Compares the kernel of each level with a sum in float64, for one shape.
void testExperts(Random& random, Format format, uint32_t rows, bool routed, bool shared,
                 bool hasBias, uint32_t weights) {
  const bool quantized = format != Format::F32;
  const uint32_t used = 3;
  ExpertMatmulParameters p{};
  p.columns = quantized ? 64 : 40;
  p.weights = weights;
  p.outputs = 45;
  p.outputTile = kernelAt(Family::ExpertMatmul, Isa::Scalar, format).tile;
  p.experts = routed ? 5 : used;
  p.used = used;
  p.groups = std::min(p.experts, rows * used);
  p.routed = routed;
  p.sharedInput = shared;
  p.hasBias = hasBias;
  Routes routes(random, rows, p.experts, used);
  const uint32_t width = shared ? p.columns : used * p.columns;
  Rows<float> x(rows, width, 0);
  x.fill(random);
  // Q8 rows, and the values that they stand for.
  const uint64_t stride = activationStride(Q8Row::bytes(width));
  std::vector<uint64_t> storage(rows * stride / 8);
  chordal_view input = x.view();
  if (quantized) {
    input = {storage.data(), stride};
    QuantizeParameters q{width, kernelAt(Family::Quantize, Isa::Scalar).tile};
    runKernel(kernelAt(Family::Quantize, Isa::Scalar), q, {x.view(), input}, rows,
              tiles(rows, q.rowTile));
    for (uint32_t row = 0; row < rows; ++row) {
      auto* q8 = reinterpret_cast<uint8_t*>(storage.data()) + row * stride;
      for (uint32_t i = 0; i < width; ++i) {
        float scale;
        std::memcpy(&scale, q8 + Q8Row::scaleOffset(width) + i / 32 * 4, 4);
        x[row][i] = scale * float(int8_t(q8[i]));
      }
    }
  }
  std::vector<Matrices> matrices, biases;
  for (uint32_t w = 0; w < weights; ++w) {
    matrices.emplace_back(random, format, p.experts * p.outputs, p.columns);
    biases.emplace_back(random, Format::F32, p.experts, p.outputs);
  }
  for (Isa isa : levels(Family::ExpertMatmul)) {
    const KernelInfo& kernel = kernelAt(Family::ExpertMatmul, isa, format, rows);
    Rows<float> first(rows, used * p.outputs), second(rows, used * p.outputs);
    std::vector<chordal_view> operands = {input};
    if (routed)
      operands.push_back(routes.routes.view());
    for (Matrices& m : matrices)
      operands.push_back(m.view());
    for (Matrices& b : biases)
      if (hasBias)
        operands.push_back(b.view());
    operands.push_back(first.view());
    if (weights == 2)
      operands.push_back(second.view());
    runKernel(kernel, p, operands, rows, p.groups * tiles(p.outputs, p.outputTile), nullptr, true);
    for (uint32_t w = 0; w < weights; ++w)
      for (uint32_t row = 0; row < rows; ++row)
        for (uint32_t k = 0; k < used; ++k) {
          size_t expert = routed ? size_t(routes.chosen[row][k]) : k;
          for (uint32_t o = 0; o < p.outputs; ++o) {
            const float* weight = &matrices[w].values[(expert * p.outputs + o) * p.columns];
            const float* in = x[row] + (shared ? 0 : k * p.columns);
            double sum = hasBias ? double(biases[w].values[expert * p.outputs + o]) : 0;
            double size = std::abs(sum);
            for (uint32_t c = 0; c < p.columns; ++c) {
              sum += double(weight[c]) * double(in[c]);
              size += std::abs(double(weight[c]) * double(in[c]));
            }
            double actual = double((w ? second : first)[row][k * p.outputs + o]);
            ASSERT_TRUE(std::abs(actual - sum) <= 1e-5 * size)
                << kernel.name << ": " << actual << " instead of " << sum << ", row " << row
                << " part " << k << " output " << o;
          }
        }
  }
}

TEST(ExpertMatmul, EachTokenWithItsExperts) {
  Random random;
  for (Format format : {Format::F32, Format::Q8_0})
    for (uint32_t rows : {1u, 2u, 23u})
      for (bool shared : {true, false}) {
        testExperts(random, format, rows, true, shared, false, shared ? 2 : 1);
        testExperts(random, format, rows, true, shared, true, shared ? 2 : 1);
      }
}

TEST(ExpertMatmul, AMatrixForEachHead) {
  Random random;
  for (Format format : {Format::F32, Format::Q8_0})
    for (uint32_t rows : {1u, 2u, 23u})
      testExperts(random, format, rows, false, false, false, 1);
}

TEST(ExpertRows, SumsPartsAndJoins) {
  Random random;
  const uint32_t rows = 6, columns = 13, used = 3;
  Rows<float> x(rows, used * columns), weights(rows, used), sum(rows, columns);
  x.fill(random);
  weights.fill(random);
  const uint32_t tile = kernelAt(Family::Combine, Isa::Scalar).tile;
  runKernel(kernelAt(Family::Combine, Isa::Scalar), CombineParameters{columns, used, tile},
            {x.view(), weights.view(), sum.view()}, rows, tiles(rows, tile));
  Rows<float> part(rows, used * 5), joined(rows, used * (columns + 5));
  runKernel(kernelAt(Family::HeadSlice, Isa::Scalar),
            HeadSliceParameters{used, columns, 4, 5, tile}, {x.view(), part.view()}, rows,
            tiles(rows, tile));
  runKernel(kernelAt(Family::HeadJoin, Isa::Scalar), HeadJoinParameters{used, columns, 5, tile},
            {x.view(), part.view(), joined.view()}, rows, tiles(rows, tile));
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t c = 0; c < columns; ++c) {
      double expected = 0;
      for (uint32_t k = 0; k < used; ++k)
        expected += double(weights[row][k]) * double(x[row][k * columns + c]);
      EXPECT_TRUE(std::abs(double(sum[row][c]) - expected) <= 1e-5);
    }
    for (uint32_t h = 0; h < used; ++h) {
      for (uint32_t c = 0; c < 5; ++c) {
        EXPECT_EQ(part[row][h * 5 + c], x[row][h * columns + 4 + c]);
        EXPECT_EQ(joined[row][h * (columns + 5) + columns + c], part[row][h * 5 + c]);
      }
      for (uint32_t c = 0; c < columns; ++c)
        EXPECT_EQ(joined[row][h * (columns + 5) + c], x[row][h * columns + c]);
    }
  }
}

} // namespace
} // namespace chordal::kernels
