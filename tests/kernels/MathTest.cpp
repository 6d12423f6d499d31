//===- MathTest.cpp - exp, tanh, sin and cos against float64 ----------------------------------===//
#include "ir/gguf/Half.h"
#include "tests/kernels/Harness.h"

#include <bit>
#include <cmath>

namespace chordal::kernels {

#define CHORDAL_LEVEL(name)                                                                        \
  namespace name {                                                                                 \
  void expAll(const float*, size_t, float*);                                                       \
  void tanhAll(const float*, size_t, float*);                                                      \
  void toHalves(const float*, size_t, uint16_t*);                                                  \
  void toFloats(const uint16_t*, size_t, float*);                                                  \
  int sumRows(const float*, float*);                                                               \
  }
CHORDAL_LEVEL(scalar)
#if defined(__x86_64__)
CHORDAL_LEVEL(avx2)
CHORDAL_LEVEL(avx512)
#endif
#undef CHORDAL_LEVEL

namespace {

struct Level {
  Isa isa;
  void (*exp)(const float*, size_t, float*);
  void (*tanh)(const float*, size_t, float*);
  void (*toHalves)(const float*, size_t, uint16_t*);
  void (*toFloats)(const uint16_t*, size_t, float*);
  int (*sumRows)(const float*, float*);
};

std::vector<Level> mathLevels() {
  std::vector<Level> result;
#define CHORDAL_LEVEL(isa, name)                                                                   \
  if (isaIncludes(hostIsa(), isa))                                                                 \
    result.push_back(                                                                              \
        {isa, name::expAll, name::tanhAll, name::toHalves, name::toFloats, name::sumRows});
  CHORDAL_LEVEL(Isa::Scalar, scalar)
#if defined(__x86_64__)
  CHORDAL_LEVEL(Isa::X86_64_v3, avx2)
  CHORDAL_LEVEL(Isa::Avx512Vnni, avx512)
#endif
#undef CHORDAL_LEVEL
  return result;
}

/// The distance from the exact value in units of the last place of the float nearest to it.
double ulps(float value, double exact) {
  float nearest = float(exact);
  double unit = std::nextafter(std::fabs(nearest), INFINITY) - std::fabs(nearest);
  return std::fabs(double(value) - exact) / unit;
}

/// The greatest distance over every `step`-th float from `first` to `last` (bits, ascending).
double worst(void (*function)(const float*, size_t, float*), double (*exact)(double), float first,
             float last, uint32_t step) {
  constexpr size_t batch = 1024;
  uint32_t bits = std::bit_cast<uint32_t>(first), end = std::bit_cast<uint32_t>(last);
  double result = 0;
  std::vector<float> x(batch), y(batch);
  while (bits <= end) {
    for (float& value : x) {
      value = std::bit_cast<float>(std::min(bits, end));
      bits += step;
    }
    function(x.data(), batch, y.data());
    for (size_t i = 0; i < batch; ++i) {
      double distance = ulps(y[i], exact(x[i]));
      if (!(distance <= result))
        result = distance; // a NaN stays and fails
    }
  }
  return result;
}

TEST(Math, expWithinTwoUlps) {
  for (const Level& level : mathLevels()) {
    SCOPED_TRACE(isaName(level.isa));
    double negative = worst(level.exp, std::exp, -1e-12f, -87.0f, 173);
    double positive = worst(level.exp, std::exp, 1e-12f, 88.0f, 173);
    EXPECT_LE(negative, 2.0);
    EXPECT_LE(positive, 2.0);
    RecordProperty(std::string(isaName(level.isa)), std::to_string(negative));
  }
}

TEST(Math, expAtTheEnds) {
  float x[16] = {-INFINITY, -1e30f, -88.0f, -87.5f, 0.0f, -0.0f, NAN, -NAN}, y[16];
  for (const Level& level : mathLevels()) {
    SCOPED_TRACE(isaName(level.isa));
    level.exp(x, 16, y);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(y[i], 0.0f) << x[i];
    EXPECT_EQ(y[4], 1.0f);
    EXPECT_EQ(y[5], 1.0f);
    EXPECT_TRUE(std::isnan(y[6]));
    EXPECT_TRUE(std::isnan(y[7]));
  }
}

TEST(Math, tanhWithinThreeUlps) {
  float x[16] = {-INFINITY, INFINITY, -0.0f, NAN}, y[16];
  for (const Level& level : mathLevels()) {
    SCOPED_TRACE(isaName(level.isa));
    double positive = worst(level.tanh, std::tanh, 1e-12f, 50.0f, 173);
    EXPECT_LE(positive, 3.0);
    RecordProperty(std::string(isaName(level.isa)), std::to_string(positive));
    EXPECT_LE(worst(level.tanh, std::tanh, -1e-12f, -50.0f, 173), 3.0);
    level.tanh(x, 16, y);
    EXPECT_EQ(y[0], -1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(std::bit_cast<uint32_t>(y[2]), 0x80000000u);
    EXPECT_TRUE(std::isnan(y[3]));
  }
}

TEST(Math, halvesBothWays) {
  std::vector<uint16_t> halves(65536 + 5), back(halves.size());
  std::vector<float> floats(halves.size() + 16);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = uint16_t(i);
  for (const Level& level : mathLevels()) {
    SCOPED_TRACE(isaName(level.isa));
    level.toFloats(halves.data(), halves.size(), floats.data());
    for (size_t i = 0; i < halves.size(); ++i) {
      float expected = halfToFloat(halves[i]);
      if (std::isnan(expected))
        ASSERT_TRUE(std::isnan(floats[i])) << i;
      else
        ASSERT_EQ(std::bit_cast<uint32_t>(floats[i]), std::bit_cast<uint32_t>(expected)) << i;
    }
    level.toHalves(floats.data(), halves.size(), back.data());
    for (size_t i = 0; i < halves.size(); ++i) {
      if (std::isnan(floats[i]))
        ASSERT_TRUE(std::isnan(halfToFloat(back[i]))) << i;
      else
        ASSERT_EQ(back[i], halves[i]) << i;
    }
  }
}

TEST(Math, floatsRoundToTheNearestHalf) {
  Random random;
  std::vector<float> floats;
  for (int i = 0; i < 200000; ++i)
    floats.push_back(std::bit_cast<float>(uint32_t(random())));
  for (uint32_t half = 0; half < 0x7c00; ++half) { // ties and their neighbours
    float middle = (halfToFloat(uint16_t(half)) +
                    (half == 0x7bff ? 65536.0f : halfToFloat(uint16_t(half + 1)))) /
                   2;
    for (float value : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)}) {
      floats.push_back(value);
      floats.push_back(-value);
    }
  }
  std::vector<uint16_t> halves(floats.size());
  for (const Level& level : mathLevels()) {
    SCOPED_TRACE(isaName(level.isa));
    level.toHalves(floats.data(), floats.size(), halves.data());
    for (size_t i = 0; i < floats.size(); ++i) {
      if (std::isnan(floats[i]))
        ASSERT_TRUE(std::isnan(halfToFloat(halves[i])));
      else
        ASSERT_EQ(halves[i], floatToHalf(floats[i])) << floats[i];
    }
  }
}

TEST(Math, sumsOfEachVector) {
  Random random;
  std::vector<float> x(256), sums(16);
  for (float& value : x)
    value = float(random.below(2000)) - 1000; // sums are exact
  for (const Level& level : mathLevels()) {
    int n = level.sumRows(x.data(), sums.data());
    for (int i = 0; i < n; ++i) {
      float expected = 0;
      for (int j = 0; j < n; ++j)
        expected += x[i * n + j];
      EXPECT_EQ(sums[i], expected) << isaName(level.isa) << " row " << i;
    }
  }
}

} // namespace
} // namespace chordal::kernels
