//===- SamplerTest.cpp - the choice of the next token -----------------------------------------===//
//
// Tests each filter by what it keeps, the draw by its frequencies against probabilities computed
// here, and that what cannot be sampled is refused.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/sample/Sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

using namespace chordal;
using namespace chordal::sample;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

/// Options that change nothing: plain sampling from softmax(logits).
SamplerOptions plain(uint64_t seed = 1) {
  return {.temperature = 1, .topK = 0, .topP = 1, .minP = 0, .repeatPenalty = 1, .seed = seed};
}

Sampler make(const SamplerOptions& options) {
  Sampler sampler;
  auto done = sampler.init(options);
  EXPECT_TRUE(done.ok()) << (done ? "" : done.error().message);
  return sampler;
}

int32_t draw(Sampler& sampler, std::span<const float> logits) {
  auto token = sampler.sample(logits);
  EXPECT_TRUE(token.ok()) << (token ? "" : token.error().message);
  return token ? *token : -1;
}

/// What a sampler with these options should draw from, by the definitions: sort, cut, renormalise.
std::vector<double> expectedProbabilities(std::vector<float> logits,
                                          const SamplerOptions& options) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t left, size_t right) {
    return logits[left] != logits[right] ? logits[left] > logits[right] : left < right;
  });
  if (options.topK != 0 && options.topK < order.size())
    order.resize(options.topK);
  auto weight = [&](size_t i, double temperature) {
    return std::exp((double(logits[i]) - logits[order[0]]) / temperature);
  };
  double total = 0, sum = 0;
  for (size_t i : order)
    total += weight(i, 1);
  size_t kept = 0;
  while (kept < order.size() && (options.topP == 1 || sum < options.topP * total))
    sum += weight(order[kept++], 1);
  order.resize(kept);
  std::erase_if(order, [&](size_t i) { return weight(i, 1) < options.minP * (1 - 1e-6); });
  std::vector<double> probabilities(logits.size());
  total = 0;
  for (size_t i : order)
    total += probabilities[i] = weight(i, options.temperature);
  for (double& each : probabilities)
    each /= total;
  return probabilities;
}

} // namespace

TEST(Sampler, DrawsWithTheRightFrequencies) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 2);
  for (int round = 0; round != 24; ++round) {
    std::vector<float> logits(5 + random() % 60);
    for (float& logit : logits)
      logit = normal(random);
    SamplerOptions options = plain(random());
    options.temperature = 0.25f + static_cast<float>(random() % 8) / 4;
    if (random() % 2)
      options.topK = 1 + random() % logits.size();
    if (random() % 2)
      options.topP = 0.05f + static_cast<float>(random() % 90) / 100;
    if (random() % 2)
      options.minP = static_cast<float>(random() % 50) / 100;
    auto expected = expectedProbabilities(logits, options);
    Sampler sampler = make(options);
    const int draws = 20000;
    std::vector<int> counts(logits.size());
    for (int i = 0; i != draws; ++i)
      ++counts[static_cast<size_t>(draw(sampler, logits))];
    for (size_t i = 0; i != logits.size(); ++i) {
      // Six standard deviations: one false alarm in ten million. Counts of rare tokens are not
      // normally distributed: four more than expected are as unlikely. What cannot be drawn never
      // is.
      double deviation = std::sqrt(draws * expected[i] * (1 - expected[i]));
      EXPECT_NEAR(counts[i], draws * expected[i], 6 * deviation + (expected[i] > 0 ? 4 : 0))
          << "token " << i << " of " << logits.size() << ", round " << round;
    }
  }
}

TEST(Sampler, IsGreedyAtTemperatureZero) {
  SamplerOptions options;
  options.temperature = 0;
  Sampler sampler = make(options);
  EXPECT_EQ(draw(sampler, std::vector<float>{1, 3, 2, 3}), 1); // the lower id of equal ones
  EXPECT_EQ(draw(sampler, std::vector<float>{-infinity, -5}), 1);
  EXPECT_EQ(draw(sampler, std::vector<float>{-0.0f, 0.0f}), 0);
}

TEST(Sampler, BreaksTiesByTheLowestId) {
  SamplerOptions options = plain();
  options.topK = 2;
  Sampler sampler = make(options);
  std::vector<float> logits(100, 1.0f);
  std::map<int32_t, int> counts;
  for (int i = 0; i != 200; ++i)
    ++counts[draw(sampler, logits)];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.begin()->first, 0);
  EXPECT_EQ(counts.rbegin()->first, 1);
}

TEST(Sampler, RepeatsItsSequenceForASeed) {
  std::vector<float> logits(50);
  for (size_t i = 0; i != logits.size(); ++i)
    logits[i] = static_cast<float>(i % 7);
  auto sequence = [&](Sampler& sampler) {
    std::vector<int32_t> tokens;
    for (int i = 0; i != 64; ++i)
      tokens.push_back(draw(sampler, logits));
    return tokens;
  };
  Sampler first = make(plain(7)), second = make(plain(7)), other = make(plain(8));
  auto tokens = sequence(first);
  EXPECT_EQ(tokens, sequence(second));
  EXPECT_NE(tokens, sequence(other));
  first.reset();
  EXPECT_EQ(tokens, sequence(first));
}

TEST(Random, GivesTheSameNumbersEverywhere) {
  // splitmix64(0) begins 0xE220A8397B1DCDAF; xoshiro256** over the first four of its numbers gives:
  Random random(0);
  EXPECT_EQ(random.next(), 0x99EC5F36CB75F2B4u);
  EXPECT_EQ(random.next(), 0xBF6E1F784956452Au);
  Random unit(42);
  double sum = 0;
  for (int i = 0; i != 10000; ++i) {
    double value = unit.uniform();
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(Sampler, PenalizesRepetition) {
  SamplerOptions options;
  options.temperature = 0;
  options.repeatPenalty = 2;
  options.repeatLastN = 2;
  Sampler sampler = make(options);
  std::vector<float> logits{4, 3, -1};
  EXPECT_EQ(draw(sampler, logits), 0);
  sampler.accept(0);
  EXPECT_EQ(draw(sampler, logits), 1); // 4/2 < 3
  sampler.accept(1);
  EXPECT_EQ(draw(sampler, logits), 0); // 4/2 > 3/2
  sampler.accept(1);                   // token 0 leaves the window
  sampler.accept(99);                  // no such token: no effect
  EXPECT_EQ(draw(sampler, logits), 0);
  std::vector<float> negative{-1, -1.5f, -9};
  sampler.reset();
  EXPECT_EQ(draw(sampler, negative), 0);
  sampler.accept(0);
  EXPECT_EQ(draw(sampler, negative), 1); // -1*2 < -1.5
  sampler.accept(0);
  EXPECT_EQ(draw(sampler, negative), 1); // once in the window is as much as twice
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  for (float temperature : {0.0f, 1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    Sampler sampler = make(options);
    for (std::vector<float> logits : {std::vector<float>{1, notANumber, 2},
                                      {notANumber},
                                      {1, infinity},
                                      {},
                                      {-infinity, -infinity}}) {
      EXPECT_FALSE(sampler.sample(logits).ok());
      EXPECT_FALSE(topLogprobs(logits, 3).ok());
      EXPECT_FALSE(logprobOf(logits, 0).ok());
    }
    auto token = sampler.sample(std::vector<float>{1, notANumber, 2});
    EXPECT_NE(token.error().message.find("token 1"), std::string::npos) << token.error().message;
  }
}

TEST(Sampler, NeverDrawsAMaskedToken) {
  Sampler sampler = make(plain());
  std::vector<float> logits(100, -infinity);
  logits[42] = -1000;
  for (int i = 0; i != 100; ++i)
    EXPECT_EQ(draw(sampler, logits), 42);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  Sampler sampler;
  auto refused = [&](auto change, const char* name) {
    SamplerOptions options;
    change(options);
    auto done = sampler.init(options);
    EXPECT_FALSE(done.ok()) << name;
    if (!done)
      EXPECT_NE(done.error().message.find(name), std::string::npos) << done.error().message;
  };
  for (float value : {-1.0f, infinity, notANumber})
    refused([&](SamplerOptions& o) { o.temperature = value; }, "temperature");
  for (float value : {0.0f, 1.1f, notANumber})
    refused([&](SamplerOptions& o) { o.topP = value; }, "top-p");
  for (float value : {-0.1f, 1.1f, notANumber})
    refused([&](SamplerOptions& o) { o.minP = value; }, "min-p");
  for (float value : {0.0f, -1.0f, notANumber})
    refused([&](SamplerOptions& o) { o.repeatPenalty = value; }, "penalty");
  refused([&](SamplerOptions& o) { o.repeatLastN = ~0u; }, "window");
}

TEST(Logprobs, AreThoseOfSoftmax) {
  std::mt19937_64 random(std::random_device{}());
  std::normal_distribution<float> normal(0, 5);
  std::vector<float> logits(1000);
  for (float& logit : logits)
    logit = std::round(normal(random) * 4) / 4; // many ties
  double most = *std::ranges::max_element(logits), sum = 0;
  for (float logit : logits)
    sum += std::exp(logit - most);
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t left, int32_t right) {
    float a = logits[static_cast<size_t>(left)], b = logits[static_cast<size_t>(right)];
    return a != b ? a > b : left < right;
  });
  auto top = topLogprobs(logits, 50);
  ASSERT_TRUE(top.ok());
  ASSERT_EQ(top->size(), 50u);
  for (size_t i = 0; i != 50; ++i) {
    const TokenLogprob& each = (*top)[i];
    EXPECT_EQ(each.token, order[i]);
    EXPECT_NEAR(each.logprob, logits[static_cast<size_t>(each.token)] - most - std::log(sum), 1e-5);
    EXPECT_EQ(*logprobOf(logits, each.token), each.logprob);
  }
  EXPECT_EQ(topLogprobs(logits, 5000)->size(), 1000u);
  EXPECT_TRUE(topLogprobs(logits, 0)->empty());
  EXPECT_FALSE(logprobOf(logits, 1000).ok());
  EXPECT_FALSE(logprobOf(logits, -1).ok());
}
