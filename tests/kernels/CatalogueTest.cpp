//===- CatalogueTest.cpp - the catalogue's entries for rows and attention ---------------------===//
#include "tests/kernels/Harness.h"

#include <set>

namespace chordal::kernels {
namespace {

TEST(Catalogue, namesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const KernelInfo& kernel : catalogue()) {
    EXPECT_TRUE(names.insert(kernel.name).second) << kernel.name;
    EXPECT_TRUE(kernel.name.ends_with("." + std::string(isaName(kernel.isa)))) << kernel.name;
    EXPECT_EQ(kernelNamed(kernel.name), &kernel);
    // Routes are grouped in one piece, whatever the rows.
    EXPECT_EQ(kernel.tile == 0, kernel.family == Family::GroupRoutes) << kernel.name;
    if (kernel.isa == Isa::Scalar || isaIncludes(hostIsa(), kernel.isa))
      EXPECT_NE(find(std::string(kernel.name).c_str()), nullptr) << kernel.name;
  }
  EXPECT_EQ(kernelNamed("attention.F16"), nullptr);
  EXPECT_EQ(find("attention.F16"), nullptr);
  EXPECT_EQ(find(""), nullptr);
}

TEST(Catalogue, refusesKernelsThatTheMachineCannotRun) {
  for (const KernelInfo& kernel : catalogue()) {
    const std::string name(kernel.name);
    EXPECT_EQ(find(name.c_str()) != nullptr, find(name.c_str(), hostIsa()) != nullptr) << name;
    for (Isa machine : {Isa::Scalar, Isa::X86_64_v2, Isa::X86_64_v3, Isa::Avx512Vnni, Isa::Neon})
      if (!isaIncludes(machine, kernel.isa))
        EXPECT_EQ(find(name.c_str(), machine), nullptr) << name << " on " << isaName(machine);
  }
  EXPECT_NE(find("norm.scalar", Isa::Scalar), nullptr);
}

TEST(Catalogue, selectsTheHighestLevelOfTheMachine) {
  auto name = [](Family family, Isa isa, Format format, Activations activations = Activations::Q8) {
    const KernelInfo* kernel = select(family, isa, format, activations, 100);
    return kernel ? kernel->name : "";
  };
  EXPECT_EQ(name(Family::Attention, Isa::Scalar, Format::F16, Activations::F32),
            "attention.F16.scalar");
  EXPECT_EQ(name(Family::Attention, Isa::X86_64_v2, Format::F32, Activations::F32),
            "attention.F32.scalar");
  EXPECT_EQ(name(Family::Attention, Isa::X86_64_v3, Format::F16, Activations::F32),
            "attention.F16.x86-64-v3");
  EXPECT_EQ(name(Family::Attention, Isa::Amx, Format::F16, Activations::F32), "attention.F16.amx");
  EXPECT_EQ(name(Family::Attention, Isa::Amx, Format::F16, Activations::BF16x16),
            "attention.F16.BF16x16.amx");
  EXPECT_EQ(name(Family::Attention, Isa::Amx, Format::F32, Activations::F32),
            "attention.F32.avx512vnni");
  EXPECT_EQ(name(Family::Attention, Isa::Neon, Format::F16, Activations::F32),
            "attention.F16.neon");
  EXPECT_EQ(name(Family::Attention, Isa::NeonI8mm, Format::F16, Activations::F32),
            "attention.F16.neon");
  EXPECT_EQ(name(Family::Matmul, Isa::NeonDotprod, Format::Q4_K), "matmul.Q4_K.gemm.neon-dotprod");
  EXPECT_EQ(name(Family::Matmul, Isa::NeonI8mm, Format::Q4_K), "matmul.Q4_K.gemm.neon-i8mm");
  EXPECT_EQ(name(Family::Matmul, Isa::Neon, Format::Q4_K), "matmul.Q4_K.gemm.neon");
  EXPECT_EQ(name(Family::Matmul, Isa::X86_64_v2, Format::Q4_K), "matmul.Q4_K.gemm.x86-64-v2");
  EXPECT_EQ(name(Family::Attention, Isa::Amx, Format::Q8_0, Activations::F32), "");
  EXPECT_EQ(name(Family::RopeAppend, Isa::Avx512Vnni, Format::F32), "rope_append.F32.avx512vnni");
  EXPECT_EQ(name(Family::Norm, Isa::X86_64_v3, Format::Q4_K), "norm.x86-64-v3");
  EXPECT_EQ(name(Family::Quantize, Isa::Avx512Vnni, Format::F32), "quantize.avx512vnni");
  EXPECT_EQ(name(Family::Quantize, Isa::Amx, Format::F32), "quantize.avx512vnni");
  EXPECT_EQ(select(Family::Quantize, Isa::Amx, Format::F32, Activations::BF16x16, 100)->name,
            "quantize.BF16x16.amx");
  EXPECT_EQ(select(Family::Norm, Isa::Avx512Vnni, Format::F32, Activations::BF16x16, 100), nullptr);
  EXPECT_EQ(name(Family::RopeTable, Isa::Avx512Vnni, Format::F32), "rope_table.avx512vnni");
  EXPECT_EQ(name(Family::Embed, Isa::Avx512Vnni, Format::Q4_K), "embed.scalar");
  EXPECT_EQ(name(Family::Gather, Isa::Neon, Format::F32), "gather.scalar");
}

TEST(Catalogue, scratchGrowsWithTheShard) {
  const KernelInfo& kernel = kernelAt(Family::Attention, Isa::Scalar, Format::F16, 512);
  auto bytes = [&](uint32_t group, uint32_t dimension, uint32_t rows) {
    AttentionParameters parameters = {2 * group, 2, dimension, dimension, 1, 0, 0, CHORDAL_F16, 32};
    return scratchBytes(kernel, reinterpret_cast<const uint32_t*>(&parameters), rows);
  };
  EXPECT_LT(bytes(4, 64, 1), bytes(4, 64, 32));
  EXPECT_EQ(bytes(4, 64, 32), bytes(4, 64, 512)); // a shard is never more than a tile
  EXPECT_LT(bytes(4, 64, 32), bytes(8, 64, 32));
  EXPECT_LT(bytes(4, 64, 32), bytes(4, 128, 32));
  EXPECT_EQ(bytes(7, 37, 9) % CHORDAL_ALIGNMENT, 0u);
}

} // namespace
} // namespace chordal::kernels
