//===- DecodeTest.cpp - decoding against reference data, bit for bit --------------------------===//
//
// Each pair of files holds 8 rows of 512 weights as stored, and the same weights decoded to float:
// random bytes with small, signed, subnormal and very large scales, and real quantised data.
//
//===------------------------------------------------------------------------------------------===//

#include "ir/gguf/Decode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace chordal;

namespace {

constexpr size_t rows = 8, columns = 512;

std::vector<char> readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void checkFolder(const std::string& folder) {
  int checked = 0;
  for (const FormatInfo& info : allFormats()) {
    // (No file has been seen with NVFP4 data; it has a test of its own.)
    if (!canDecode(info.format) || info.format == Format::F32 || info.format == Format::NVFP4)
      continue;
    std::string name(info.name);
    for (char& c : name)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::vector<char> stored = readFile(folder + "/" + name + ".bin");
    std::vector<char> expected = readFile(folder + "/" + name + ".f32");
    size_t rowBytes = columns / info.weightsPerBlock * info.bytesPerBlock;
    ASSERT_EQ(stored.size(), rows * rowBytes) << folder << "/" << name;
    ASSERT_EQ(expected.size(), rows * columns * sizeof(float)) << folder << "/" << name;
    // An odd address: rows need no alignment.
    std::vector<std::byte> shifted(stored.size() + 1);
    std::memcpy(shifted.data() + 1, stored.data(), stored.size());
    std::vector<float> decoded(columns);
    for (size_t row = 0; row < rows; ++row) {
      decodeRow(info.format, shifted.data() + 1 + row * rowBytes, columns, decoded.data());
      for (size_t i = 0; i < columns; ++i) {
        uint32_t want;
        std::memcpy(&want, expected.data() + (row * columns + i) * sizeof(float), sizeof want);
        ASSERT_EQ(std::bit_cast<uint32_t>(decoded[i]), want)
            << info.name << " row " << row << " weight " << i << ": " << decoded[i]
            << " instead of " << std::bit_cast<float>(want);
      }
    }
    ++checked;
  }
  EXPECT_EQ(checked, 24);
}

// Tests every format against the copies in the repository.
TEST(Decode, OwnData) {
  checkFolder(CHORDAL_TEST_DATA "/quant");
}

// Tests every format against the reference data, when it is there.
TEST(Decode, ReferenceData) {
  if (std::string(CHORDAL_SHARED_DATA).empty())
    GTEST_SKIP() << "no reference data (CHORDAL_SHARED_DATA)";
  checkFolder(CHORDAL_SHARED_DATA "/golden/quant");
}

// Tests NVFP4 by its definition: every code with every scale, in every place.
TEST(Decode, NVFP4) {
  const float magnitudes[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6}; // E2M1
  for (int scale = 0; scale < 128; ++scale) {
    int exponent = scale >> 3, fraction = scale & 7; // E4M3
    float value = exponent == 0 ? std::ldexp(float(fraction), -9)
                                : std::ldexp(float(8 + fraction), exponent - 10);
    if (scale == 127) // NaN
      value = 0;
    for (int group = 0; group < 4; ++group) {
      uint8_t block[36] = {0x38, 0x38, 0x38, 0x38}; // 1.0
      block[group] = uint8_t(scale);
      for (int i = 0; i < 8; ++i)
        for (int g = 0; g < 4; ++g)
          block[4 + 8 * g + i] = uint8_t((15 - i) << 4 | i);
      float decoded[64];
      decodeRow(Format::NVFP4, reinterpret_cast<const std::byte*>(block), 64, decoded);
      for (int w = 0; w < 64; ++w) {
        float code = w % 16 < 8 ? magnitudes[w % 8] : -magnitudes[7 - w % 8];
        EXPECT_EQ(decoded[w], (w / 16 == group ? value : 1.0f) * code) << scale << " weight " << w;
      }
    }
  }
}

// Tests that F32 rows are copied as they are, NaN payloads included.
TEST(Decode, F32IsACopy) {
  uint32_t bits[] = {0, 0x80000000, 0x3f800000, 0x7f800001, 0xffc12345, 1};
  float decoded[6];
  decodeRow(Format::F32, reinterpret_cast<const std::byte*>(bits), 6, decoded);
  EXPECT_EQ(std::memcmp(bits, decoded, sizeof bits), 0);
}

// Tests that the formats without a decoder are named as such.
TEST(Decode, Unsupported) {
  for (Format format : {Format::Q8_1, Format::Q8_K, Format::I8, Format::I32, Format::F64})
    EXPECT_FALSE(canDecode(format)) << formatInfo(format).name;
}

} // namespace
