//===- RopeTest.cpp - rotary frequencies ------------------------------------------------------===//
//
// Tests the frequencies against the papers' formulas, evaluated another way (in long double, pair
// by pair from wavelengths), and the rules for their edges.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace chordal::ir {
namespace {

RopeFrequencies frequenciesOf(const RopeParameters& rope, const std::vector<float>& factors = {}) {
  Result<RopeFrequencies> result = ropeFrequencies(rope, factors);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result.ok() ? *result : RopeFrequencies{};
}

/// Within one unit in the last place of float32; false for NaN.
void expectClose(const std::vector<float>& actual, const std::vector<long double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_TRUE(std::abs(actual[i] - expected[i]) <= std::abs(expected[i]) * 6.0e-8L)
        << "pair " << i << ": " << actual[i] << ", expected " << expected[i];
}

/// base^(-2j/n) by repeated multiplication.
std::vector<long double> plain(uint32_t n, double base) {
  std::vector<long double> result = {1};
  long double ratio = std::exp2(-2.0L / n * std::log2(static_cast<long double>(base)));
  while (result.size() < n / 2)
    result.push_back(result.back() * ratio);
  return result;
}

TEST(Rope, WithoutScaling) {
  std::random_device device;
  unsigned seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    uint32_t n = 2 * std::uniform_int_distribution<uint32_t>(1, 128)(random);
    double base = std::uniform_real_distribution<double>(2, 1e6)(random);
    RopeFrequencies result = frequenciesOf({n, base, {}});
    expectClose(result.inverse, plain(n, base));
    EXPECT_EQ(result.magnitude, 1.0f);
  }
}

TEST(Rope, LinearScalingDividesAll) {
  RopeScaling scaling{.type = RopeScalingType::Linear, .factor = 8, .attentionFactor = 1.25};
  RopeFrequencies result = frequenciesOf({64, 10000, scaling});
  std::vector<long double> expected = plain(64, 10000);
  for (long double& f : expected)
    f /= 8;
  expectClose(result.inverse, expected);
  EXPECT_EQ(result.magnitude, 1.25f);
}

TEST(Rope, FactorsDivideBeforeScaling) {
  std::vector<float> factors = {1, 1, 2, 8};
  std::vector<long double> expected = plain(8, 500000);
  for (size_t i = 0; i < 4; ++i)
    expected[i] /= factors[i];
  expectClose(frequenciesOf({8, 500000, {}}, factors).inverse, expected);
}

TEST(Rope, YarnFollowsThePaper) {
  // Pair j turns r = L f / (2 pi) times within the original context. The published implementation
  // rounds the ends of the ramp outwards to whole pairs: find them by search.
  for (uint32_t n : {24u, 64u, 128u})
    for (double factor : {4.0, 40.0}) {
      const double base = 10000;
      const uint32_t original = 4096;
      std::vector<long double> own = plain(n, base);
      auto turns = [&](long double pair) {
        return original * std::pow(static_cast<long double>(base), -2 * pair / n) /
               (2 * std::numbers::pi_v<long double>);
      };
      int low = 0, high = 0;
      while (low + 1 < int(n) && turns(low + 1) >= 32)
        ++low;
      while (high < int(n) - 1 && turns(high) > 1)
        ++high;
      std::vector<long double> expected;
      for (size_t j = 0; j < own.size(); ++j) {
        long double slow =
            std::clamp((static_cast<long double>(j) - low) / (high - low), 0.0L, 1.0L);
        expected.push_back(own[j] / factor * slow + own[j] * (1 - slow));
      }
      RopeScaling scaling{.type = RopeScalingType::Yarn,
                          .factor = factor,
                          .originalContextLength = original,
                          .attentionFactor = 2};
      RopeFrequencies result = frequenciesOf({n, base, scaling});
      expectClose(result.inverse, expected);
      EXPECT_FLOAT_EQ(result.magnitude, float(2 * (0.1 * std::log(factor) + 1)));
      EXPECT_EQ(result.inverse.front(), 1.0f);                            // fast: left alone
      EXPECT_FLOAT_EQ(result.inverse.back(), float(own.back() / factor)); // slow: divided
    }
}

TEST(Rope, YarnWithoutExtrapolationIsLinear) {
  RopeScaling scaling{.type = RopeScalingType::Yarn,
                      .factor = 4,
                      .originalContextLength = 128,
                      .extrapolationFactor = 0};
  RopeFrequencies yarn = frequenciesOf({64, 10000, scaling});
  scaling.type = RopeScalingType::Linear;
  RopeFrequencies linear = frequenciesOf({64, 10000, scaling});
  EXPECT_EQ(yarn.inverse, linear.inverse);
  EXPECT_EQ(yarn.magnitude, 1.0f);
}

TEST(Rope, YarnWithAShortContextHasNoRampToDivideBy) {
  // Every pair turns less than once: all are divided, and nothing divides by the empty ramp.
  RopeScaling scaling{.type = RopeScalingType::Yarn, .factor = 4, .originalContextLength = 1};
  RopeFrequencies result = frequenciesOf({16, 10000, scaling});
  for (float f : result.inverse)
    EXPECT_TRUE(f > 0 && f <= 1) << f;
}

TEST(Rope, Errors) {
  RopeParameters rope{8, 10000, {}};
  auto messageFor = [&](std::vector<float> factors) {
    Result<RopeFrequencies> result = ropeFrequencies(rope, factors);
    return result.ok() ? std::string("no error") : result.error().message;
  };
  EXPECT_EQ(messageFor({1, 1, 1}),
            "there are 3 rotary factors, but 4 pairs of features are rotated");
  EXPECT_EQ(messageFor({1, 1, 0, 1}), "rotary factor 2 is 0, but must be finite and positive");
  EXPECT_EQ(messageFor({1, 1, 1, -2}), "rotary factor 3 is -2, but must be finite and positive");
  EXPECT_EQ(messageFor({NAN, 1, 1, 1}), "rotary factor 0 is nan, but must be finite and positive");
  EXPECT_NE(messageFor({1e-40f, 1, 1, 1}).find("rotary frequency 0 is"), std::string::npos);
}

} // namespace
} // namespace chordal::ir
