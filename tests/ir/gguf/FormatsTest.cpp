//===- FormatsTest.cpp - the table of formats -------------------------------------------------===//

#include "ir/gguf/Formats.h"
#include "ir/gguf/Blocks.h"
#include "ir/gguf/Checked.h"
#include "ir/gguf/Decode.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

using namespace chordal;

namespace {

// Tests that every format is found by its id and by its name, in any case.
TEST(Formats, LookUpByIdAndName) {
  ASSERT_EQ(allFormats().size(), 33u);
  for (const FormatInfo& info : allFormats()) {
    EXPECT_EQ(&formatInfo(info.format), &info);
    EXPECT_EQ(formatFromId(static_cast<uint32_t>(info.format)), info.format);
    std::string name(info.name);
    EXPECT_EQ(formatFromName(name), info.format);
    for (char& c : name)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_EQ(formatFromName(name), info.format) << name;
  }
}

// Tests that ids never assigned, or withdrawn, and unknown names give nothing.
TEST(Formats, UnknownIdsAndNames) {
  for (uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 41u, 63u, 64u, 256u, 0xffffffffu})
    EXPECT_FALSE(formatFromId(id)) << id;
  for (const char* name : {"", "Q4", "Q4_K_M", "Q4_K ", "F33"})
    EXPECT_FALSE(formatFromName(name)) << name;
}

// Tests that the table agrees with the blocks' structs.
TEST(Formats, BlockSizes) {
  auto check = [](Format format, size_t bytes, int weights) {
    EXPECT_EQ(formatInfo(format).bytesPerBlock, bytes) << formatInfo(format).name;
    EXPECT_EQ(formatInfo(format).weightsPerBlock, uint32_t(weights)) << formatInfo(format).name;
  };
  check(Format::Q4_0, sizeof(BlockQ4_0), BlockQ4_0::weights);
  check(Format::Q4_1, sizeof(BlockQ4_1), BlockQ4_1::weights);
  check(Format::Q5_0, sizeof(BlockQ5_0), BlockQ5_0::weights);
  check(Format::Q5_1, sizeof(BlockQ5_1), BlockQ5_1::weights);
  check(Format::Q8_0, sizeof(BlockQ8_0), BlockQ8_0::weights);
  check(Format::Q2_K, sizeof(BlockQ2_K), BlockQ2_K::weights);
  check(Format::Q3_K, sizeof(BlockQ3_K), BlockQ3_K::weights);
  check(Format::Q4_K, sizeof(BlockQ4_K), BlockQ4_K::weights);
  check(Format::Q5_K, sizeof(BlockQ5_K), BlockQ5_K::weights);
  check(Format::Q6_K, sizeof(BlockQ6_K), BlockQ6_K::weights);
  check(Format::IQ1_S, sizeof(BlockIQ1_S), BlockIQ1_S::weights);
  check(Format::IQ1_M, sizeof(BlockIQ1_M), BlockIQ1_M::weights);
  check(Format::IQ2_XXS, sizeof(BlockIQ2_XXS), BlockIQ2_XXS::weights);
  check(Format::IQ2_XS, sizeof(BlockIQ2_XS), BlockIQ2_XS::weights);
  check(Format::IQ2_S, sizeof(BlockIQ2_S), BlockIQ2_S::weights);
  check(Format::IQ3_XXS, sizeof(BlockIQ3_XXS), BlockIQ3_XXS::weights);
  check(Format::IQ3_S, sizeof(BlockIQ3_S), BlockIQ3_S::weights);
  check(Format::IQ4_NL, sizeof(BlockIQ4_NL), BlockIQ4_NL::weights);
  check(Format::IQ4_XS, sizeof(BlockIQ4_XS), BlockIQ4_XS::weights);
  check(Format::TQ1_0, sizeof(BlockTQ1_0), BlockTQ1_0::weights);
  check(Format::TQ2_0, sizeof(BlockTQ2_0), BlockTQ2_0::weights);
  check(Format::MXFP4, sizeof(BlockMXFP4), BlockMXFP4::weights);
  check(Format::NVFP4, sizeof(BlockNVFP4), BlockNVFP4::weights);
}

// Tests that only quantised formats share scales, in groups that divide their blocks.
TEST(Formats, ScaleGroups) {
  for (const FormatInfo& info : allFormats()) {
    if (info.kind != FormatKind::Quantized) {
      EXPECT_EQ(info.scaleGroup, 0u) << info.name;
      EXPECT_EQ(info.weightsPerBlock, 1u) << info.name;
    } else if (info.scaleGroup != 0) {
      EXPECT_TRUE(info.scaleGroup == 16 || info.scaleGroup == 32) << info.name;
      EXPECT_EQ(info.weightsPerBlock % info.scaleGroup, 0u) << info.name;
    }
  }
  for (Format format : {Format::Q2_K, Format::Q3_K, Format::Q6_K})
    EXPECT_EQ(formatInfo(format).scaleGroup, 16u);
  for (Format format : {Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q5_1, Format::Q8_0,
                        Format::Q4_K, Format::Q5_K})
    EXPECT_EQ(formatInfo(format).scaleGroup, 32u);
}

// Tests the limits of 64-bit arithmetic on sizes.
TEST(Checked, Arithmetic) {
  EXPECT_EQ(checked::add(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_FALSE(checked::add(UINT64_MAX, 1));
  EXPECT_EQ(checked::multiply(1ull << 32, (1ull << 32) - 1), UINT64_MAX - 0xffffffffull);
  EXPECT_FALSE(checked::multiply(1ull << 32, 1ull << 32));
  EXPECT_EQ(checked::multiply(UINT64_MAX, 0), 0u);
  EXPECT_EQ(checked::alignUp(0, 32), 0u);
  EXPECT_EQ(checked::alignUp(33, 32), 64u);
  EXPECT_EQ(checked::alignUp(UINT64_MAX - 31, 32), UINT64_MAX - 31);
  EXPECT_FALSE(checked::alignUp(UINT64_MAX - 30, 32));
  EXPECT_FALSE(checked::alignUp(1, 24));
  EXPECT_FALSE(checked::alignUp(1, 0));
  EXPECT_TRUE(checked::inRange(10, 0, 10));
  EXPECT_FALSE(checked::inRange(11, 0, 10));
  EXPECT_FALSE(checked::inRange(1, UINT64_MAX, 10));
}

} // namespace
