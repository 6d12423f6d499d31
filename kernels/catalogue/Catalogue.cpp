//===- Catalogue.cpp - which kernels exist ----------------------------------------------------===//
//
// The table made from Kernels.def, the levels of instruction sets, and the choice of a kernel.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/catalogue/Catalogue.h"

#include "kernels/attention/Tiling.h"
#include "kernels/experts/Tiling.h"
#include "kernels/matmul/Tiling.h"

#include <array>
#include <cassert>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace chordal::kernels {
namespace {

constexpr uint32_t anyRows = ~0u;

constexpr KernelInfo table[] = {
#define CHORDAL_KERNEL(isa, symbol, name, family, format, activations, minRows, maxRows, tile)     \
  {name,    Family::family, Isa::isa, Format::format, Activations::activations,                    \
   minRows, maxRows,        tile},
#include "kernels/catalogue/Kernels.def"
#undef CHORDAL_KERNEL
};

constexpr std::array<std::string_view, 8> isaNames = {
    "scalar", "x86-64-v2", "x86-64-v3", "avx512vnni", "amx", "neon", "neon-dotprod", "neon-i8mm"};

constexpr std::array<std::string_view, 4> activationsNames = {"F32", "Q8", "BF16x16", "BF16x16x2"};

/// Whether kernels of the family differ by Activations.
bool hasActivations(Family family) {
  return family == Family::Matmul || family == Family::ExpertMatmul || family == Family::Norm ||
         family == Family::Quantize || family == Family::Attention ||
         family == Family::AttentionCombine;
}

/// Whether kernels of the family differ by Format.
bool hasFormat(Family family) {
  return family == Family::Matmul || family == Family::ExpertMatmul ||
         family == Family::RopeAppend || family == Family::Attention;
}

#if defined(__x86_64__)

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

/// The register states that the operating system saves (XCR0).
uint64_t savedStates() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

/// Linux hands out the state of tile registers on request only: arch_prctl(ARCH_REQ_XCOMP_PERM,
/// XFEATURE_XTILEDATA), which holds for all threads of the process.
bool mayUseTiles() {
#if defined(__linux__)
  long result = 158; // SYS_arch_prctl
  __asm__ volatile("syscall" : "+a"(result) : "D"(0x1023), "S"(18) : "rcx", "r11", "memory");
  return result == 0;
#else
  return false;
#endif
}

constexpr bool has(uint32_t word, std::initializer_list<int> bits) {
  for (int bit : bits)
    if (!(word >> bit & 1))
      return false;
  return true;
}

// Bits as the Intel manual (volume 2, CPUID) and the x86-64 psABI's levels give them.
Isa detect() {
  Registers one = cpuid(1, 0);
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT.
  if (!has(one.ecx, {0, 9, 13, 19, 20, 23}))
    return Isa::Scalar;
  Registers seven = cpuid(7, 0);
  Registers extended = cpuid(0x80000001, 0);
  // FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT.
  if (!has(one.ecx, {12, 22, 27, 28, 29}) || !has(seven.ebx, {3, 5, 8}) || !has(extended.ecx, {5}))
    return Isa::X86_64_v2;
  uint64_t saved = savedStates();
  if ((saved & 0x6) != 0x6) // SSE and AVX registers
    return Isa::X86_64_v2;
  // AVX512 F, DQ, BW, VL; VNNI; the mask and upper vector registers.
  if (!has(seven.ebx, {16, 17, 30, 31}) || !has(seven.ecx, {11}) || (saved & 0xe0) != 0xe0)
    return Isa::X86_64_v3;
  // AMX-BF16, AMX-TILE; AVX512-BF16; the tile registers.
  if (!has(seven.edx, {22, 24}) || !has(cpuid(7, 1).eax, {5}) || (saved & 0x60000) != 0x60000 ||
      !mayUseTiles())
    return Isa::Avx512Vnni;
  return Isa::Amx;
}

#elif defined(__aarch64__) && defined(__linux__)

// Bits as Linux's documentation of the ELF hardware capabilities of arm64 names them: ASIMDDP, and
// in the second word I8MM.
Isa detect() {
  if (!(getauxval(AT_HWCAP) >> 20 & 1))
    return Isa::Neon;
  return getauxval(AT_HWCAP2) >> 13 & 1 ? Isa::NeonI8mm : Isa::NeonDotprod;
}

#elif defined(__aarch64__)
Isa detect() {
  return Isa::Neon;
}
#else
Isa detect() {
  return Isa::Scalar;
}
#endif

} // namespace

std::string_view isaName(Isa isa) {
  return isaNames[size_t(isa)];
}

std::optional<Isa> isaFromName(std::string_view name) {
  for (size_t i = 0; i < isaNames.size(); ++i)
    if (isaNames[i] == name)
      return Isa(i);
  return std::nullopt;
}

Isa hostIsa() {
  static const Isa isa = detect();
  return isa;
}

bool isaIncludes(Isa machine, Isa kernel) {
  if (kernel == Isa::Scalar)
    return true;
  bool arm = kernel >= Isa::Neon;
  return (machine >= Isa::Neon) == arm && machine >= kernel;
}

std::span<const KernelInfo> catalogue() {
  return table;
}

const KernelInfo* kernelNamed(std::string_view name) {
  for (const KernelInfo& kernel : table)
    if (kernel.name == name)
      return &kernel;
  return nullptr;
}

/// The kernel of the highest level; `activations` null: of any activations.
static const KernelInfo* best(Family family, Isa isa, Format format, const Activations* activations,
                              uint32_t maxRows) {
  const KernelInfo* best = nullptr;
  for (const KernelInfo& kernel : table) {
    if (kernel.family != family || !isaIncludes(isa, kernel.isa) || maxRows < kernel.minRows ||
        maxRows > kernel.maxRows || (hasFormat(family) && kernel.format != format) ||
        (activations && hasActivations(family) && kernel.activations != *activations))
      continue;
    if (!best || kernel.isa > best->isa)
      best = &kernel;
  }
  return best;
}

const KernelInfo* select(Family family, Isa isa, Format format, Activations activations,
                         uint32_t maxRows) {
  return best(family, isa, format, &activations, maxRows);
}

Activations bestActivations(Family family, Isa isa, Format format, uint32_t maxRows) {
  const KernelInfo* kernel = best(family, isa, format, nullptr, maxRows);
  return kernel ? kernel->activations : Activations::F32;
}

bool wantsQuantizedActivations(Format format) {
  return select(Family::Matmul, Isa::Scalar, format, Activations::Q8, 1) != nullptr;
}

bool reads(Format format, Activations activations) {
  for (const KernelInfo& kernel : table)
    if (kernel.family == Family::Matmul && kernel.format == format &&
        kernel.activations == activations)
      return true;
  return false;
}

std::string_view activationsName(Activations activations) {
  return activationsNames[size_t(activations)];
}

std::optional<Activations> activationsFromName(std::string_view name) {
  for (size_t i = 0; i < activationsNames.size(); ++i)
    if (activationsNames[i] == name)
      return Activations(i);
  return std::nullopt;
}

uint32_t attentionRowTile(const KernelInfo& kernel, uint32_t group) {
  uint32_t tokens = 32;
  while (tokens < 128 && 2 * tokens * group <= kernel.tile)
    tokens *= 2;
  return tokens;
}

uint64_t scratchBytes(const KernelInfo& kernel, const uint32_t* parameters, uint32_t maxRows) {
  switch (kernel.family) {
  case Family::Matmul:
    return MatmulScratch(*reinterpret_cast<const MatmulParameters*>(parameters), maxRows,
                         kernel.activations)
        .bytes;
  case Family::Embed:
  case Family::Norm:
  case Family::Quantize:
  case Family::Gather:
  case Family::RopeTable:
  case Family::Combine:
  case Family::HeadSlice:
  case Family::HeadJoin:
    return 0;
  case Family::Router: {
    // Probabilities and scores of a token's experts, and sums of their groups.
    const auto& p = *reinterpret_cast<const RouterParameters*>(parameters);
    return (2 * uint64_t(p.experts) + p.groups) * sizeof(float);
  }
  case Family::GroupRoutes:
    return reinterpret_cast<const GroupRoutesParameters*>(parameters)->experts * sizeof(uint32_t);
  case Family::ExpertMatmul:
    return ExpertScratch(*reinterpret_cast<const ExpertMatmulParameters*>(parameters), maxRows,
                         kernel.activations)
        .bytes;
  case Family::RopeAppend: {
    // A head before and after its rotation.
    uint64_t dimension = reinterpret_cast<const RopeAppendParameters*>(parameters)->keyDimension;
    return 2 * dimension * sizeof(float);
  }
  case Family::AttentionCombine: {
    // The result of a token before it is quantised.
    const auto& p = *reinterpret_cast<const AttentionCombineParameters*>(parameters);
    return uint64_t(p.heads) * p.dimension * sizeof(float);
  }
  case Family::Attention:
    return AttentionScratch(*reinterpret_cast<const AttentionParameters*>(parameters), maxRows)
        .bytes;
  }
  return 0;
}

} // namespace chordal::kernels
