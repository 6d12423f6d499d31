//===- HalfTest.cpp - conversions of half and bfloat16 ----------------------------------------===//

#include "ir/gguf/Half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace chordal;

namespace {

/// The value by its definition, in double.
double halfByDefinition(uint16_t half) {
  int exponent = (half >> 10) & 31;
  int fraction = half & 1023;
  double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

bool isHalfNan(uint16_t half) {
  return (half & 0x7fff) > 0x7c00;
}
bool isBfloatNan(uint16_t bfloat) {
  return (bfloat & 0x7fff) > 0x7f80;
}

// Tests all 65536 halves against the definition, and that they survive the way to float and back.
TEST(Half, EveryHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t half = uint16_t(bits);
    float value = halfToFloat(half);
    if (isHalfNan(half)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(isHalfNan(floatToHalf(value))) << bits;
      continue;
    }
    if ((half & 0x7fff) == 0x7c00)
      ASSERT_TRUE(std::isinf(value));
    else
      ASSERT_TRUE(double(value) == halfByDefinition(half)) << bits;
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << bits;
    ASSERT_EQ(floatToHalf(value), half) << bits;
  }
}

/// Checks that `half` is the nearest to `value`, even on a tie, by comparing with its neighbours.
void expectNearestHalf(float value, uint16_t half) {
  ASSERT_FALSE(isHalfNan(half)) << value;
  ASSERT_EQ((half & 0x8000) != 0, std::signbit(value)) << value;
  double magnitude = std::fabs(double(value));
  uint16_t bits = half & 0x7fff;
  if (bits == 0x7c00) {
    ASSERT_TRUE(magnitude >= 65520) << value;
    return;
  }
  double distance = std::fabs(magnitude - halfByDefinition(bits));
  // Above the largest half counts the value the next exponent would give.
  double above = std::fabs(magnitude - halfByDefinition(uint16_t(bits + 1)));
  double below = bits == 0 ? 1e30 : std::fabs(magnitude - halfByDefinition(uint16_t(bits - 1)));
  ASSERT_TRUE(distance < above || (distance == above && bits % 2 == 0)) << value;
  ASSERT_TRUE(distance < below || (distance == below && bits % 2 == 0)) << value;
}

// Tests the midpoints between neighbouring halves and the floats next to them.
TEST(Half, RoundsToNearestEven) {
  for (uint16_t bits = 0; bits < 0x7c00; ++bits) {
    float middle = float((halfByDefinition(bits) + halfByDefinition(uint16_t(bits + 1))) / 2);
    for (float value : {middle, std::nextafter(middle, 0.f), std::nextafter(middle, 1e9f)}) {
      expectNearestHalf(value, floatToHalf(value));
      expectNearestHalf(-value, floatToHalf(-value));
    }
  }
}

TEST(Half, RandomFloats) {
  uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 200000; ++i) {
    float value = std::bit_cast<float>(uint32_t(random()));
    if (!std::isnan(value))
      expectNearestHalf(value, floatToHalf(value));
  }
}

TEST(Half, Extremes) {
  EXPECT_EQ(floatToHalf(65519.996f), 0x7bff);
  EXPECT_EQ(floatToHalf(65520.f), 0x7c00);
  EXPECT_EQ(floatToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(floatToHalf(0x1p-25f), 0);
  EXPECT_EQ(floatToHalf(std::nextafter(0x1p-25f, 1.f)), 1);
  EXPECT_EQ(floatToHalf(-0.f), 0x8000);
  EXPECT_EQ(floatToHalf(std::numeric_limits<float>::denorm_min()), 0);
  // A NaN whose payload is only in the bits that are cut must stay a NaN.
  EXPECT_TRUE(isHalfNan(floatToHalf(std::bit_cast<float>(0x7f800001u))));
  EXPECT_TRUE(isBfloatNan(floatToBfloat(std::bit_cast<float>(0x7f800001u))));
}

// Tests bfloat16 in the same ways.
TEST(Bfloat, EveryBfloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t bfloat = uint16_t(bits);
    float value = bfloatToFloat(bfloat);
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    if (isBfloatNan(bfloat)) {
      ASSERT_TRUE(isBfloatNan(floatToBfloat(value)));
      continue;
    }
    ASSERT_EQ(floatToBfloat(value), bfloat);
    if ((bfloat & 0x7f80) == 0x7f80)
      continue;
    // The midpoint to the next one goes to the even one, its neighbours to the nearer one.
    ASSERT_EQ(floatToBfloat(std::bit_cast<float>(bits << 16 | 0x8000)),
              uint16_t(bits % 2 == 0 ? bits : bits + 1));
    ASSERT_EQ(floatToBfloat(std::bit_cast<float>(bits << 16 | 0x7fff)), bits);
    ASSERT_EQ(floatToBfloat(std::bit_cast<float>(bits << 16 | 0x8001)), uint16_t(bits + 1));
  }
}

} // namespace
