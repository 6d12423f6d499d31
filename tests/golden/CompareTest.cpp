//===- CompareTest.cpp - the judge, judged ----------------------------------------------------===//
//
// Tests that the comparison with reference logits passes what is right and nothing else.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/golden/Golden.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace chordal::golden {
namespace {

const std::string name = "llama-f32"; // in the repository

/// What a function gets right except for one logit.
LogitsFunction offBy(float difference) {
  return [=](const Model& model, const RunOptions&) {
    std::vector<float> logits = model.logits;
    logits[logits.size() / 2] += difference;
    return logits;
  };
}

TEST(Golden, TheReferenceItselfPasses) {
  expectExact({name}, offBy(0));
  expectWithinYardstick({name}, offBy(0));
}

TEST(Golden, WhatIsOffFails) {
  static LogitsFunction logits;
  for (float difference : {0.01f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                           std::numeric_limits<float>::infinity()}) {
    logits = offBy(difference);
    EXPECT_NONFATAL_FAILURE(expectExact({name}, logits), "max |d|");
  }
  logits = [](const Model& model, const RunOptions&) {
    return std::vector<float>(model.logits.size());
  };
  EXPECT_NONFATAL_FAILURE(expectExact({name}, logits), "max |d|");
}

TEST(Golden, WrongSizesAndNansAreInfinitelyFar) {
  Result<Model> model = load(name);
  ASSERT_TRUE(model.ok()) << model.error().message;
  std::vector<float> logits = model->logits;
  EXPECT_EQ(compare(*model, logits).maxAbs, 0);
  EXPECT_EQ(compare(*model, logits).kl, 0);
  EXPECT_EQ(compare(*model, logits).top1, 1);
  logits[7] = NAN;
  EXPECT_EQ(compare(*model, logits).kl, std::numeric_limits<double>::infinity());
  logits.pop_back();
  EXPECT_EQ(compare(*model, logits).maxAbs, std::numeric_limits<double>::infinity());
  EXPECT_EQ(compare(*model, {}).kl, std::numeric_limits<double>::infinity());
}

TEST(Golden, TheDivergenceIsThatOfTwoCoins) {
  // Even odds against 3 : 1. KL = ln 2 - (ln 3 + ln 1) / 2 + ... by hand: ln(4 / (2 sqrt 3)).
  Model coins;
  coins.vocabulary = 2;
  coins.tokens = {0};
  coins.logits = {5, 5};
  std::vector<float> other = {std::log(3.0f), 0};
  EXPECT_NEAR(compare(coins, other).kl, std::log(2 / std::sqrt(3.0)), 1e-7);
}

TEST(Golden, AMissingModelIsAnError) {
  EXPECT_FALSE(load("no-such-model").ok());
}

} // namespace
} // namespace chordal::golden
