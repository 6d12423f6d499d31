//===- LimitsTest.cpp - the loops that kernels are compared with ------------------------------===//
//
// A loop that reads less than all, or multiplies less than it says, would make kernels look better
// than they are.
//
//===------------------------------------------------------------------------------------------===//
#include "bench/Limits.h"

#include <gtest/gtest.h>

#include <vector>

namespace chordal::bench {
namespace {

TEST(Limits, readsEveryLine) {
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  for (size_t lines : {16u, 64u, 208u}) {
    std::vector<Line> memory(lines, Line{});
    std::span all(memory[0].bytes, lines * sizeof(Line));
    for (ReadPattern pattern : readPatterns) {
      EXPECT_EQ(readAll(all, pattern), 0u);
      for (size_t i = 0; i < lines; ++i) {
        memory[i].bytes[i % 64] = std::byte(1);
        EXPECT_NE(readAll(all, pattern), 0u)
            << "line " << i << " of " << lines << ", " << pattern.streams << " streams";
        memory[i].bytes[i % 64] = std::byte(0);
      }
    }
  }
}

TEST(Limits, measuresRates) {
  std::vector<std::byte> memory(100000, std::byte(1));
  std::span<const std::byte> all = memory, none;
  for (unsigned threads : {1u, 3u})
    for (ReadPattern pattern : readPatterns)
      EXPECT_GT(readRate(std::span(&all, 1), threads, pattern), 0);
  EXPECT_EQ(readRate(std::span(&none, 1), 2, readPatterns[0]), 0);
  for (unsigned level = 0; level <= unsigned(kernels::Isa::NeonI8mm); ++level) {
    auto isa = kernels::Isa(level);
    if (!kernels::isaIncludes(kernels::hostIsa(), isa))
      continue;
    for (Arithmetic arithmetic : {Arithmetic::Int8, Arithmetic::Float32, Arithmetic::BFloat16})
      EXPECT_EQ(operationRate(isa, arithmetic, 2) > 0, multiply(isa, arithmetic) > 0);
  }
}

TEST(Limits, hasLoopsForTheLevelsWithKernels) {
  using kernels::Isa;
  for (Isa isa : {Isa::X86_64_v3, Isa::Avx512Vnni, Isa::Neon, Isa::NeonDotprod, Isa::NeonI8mm})
    if (kernels::isaIncludes(kernels::hostIsa(), isa)) {
      EXPECT_GT(multiply(isa, Arithmetic::Int8), 0u);
      EXPECT_GT(multiply(isa, Arithmetic::Float32), 0u);
    }
}

} // namespace
} // namespace chordal::bench
