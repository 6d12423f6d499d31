//===- Catalogue.h - which kernels exist ------------------------------------------------------===//
//
// The table of hand-written kernels that the compiler chooses from: for every family, weight format
// and instruction-set level the kernel's name and what it wants. Plain C++, without the kernels
// themselves, so that passes can choose kernels for a machine they do not run on.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"

#include <optional>
#include <span>
#include <string_view>

namespace chordal::kernels {

/// Instruction-set levels, as `--isa` names them.
enum class Isa : uint8_t {
  Scalar,
  X86_64_v2,
  X86_64_v3,
  Avx512Vnni,
  Amx,
  Neon,
  NeonDotprod,
  NeonI8mm
};

std::string_view isaName(Isa isa);
std::optional<Isa> isaFromName(std::string_view name);
/// The highest level that the machine this runs on has (asks the CPU and the operating system).
Isa hostIsa();
/// Whether kernels of level `kernel` run on a machine of level `machine`.
bool isaIncludes(Isa machine, Isa kernel);

enum class Family : uint8_t {
  Embed,
  Norm,
  Quantize,
  Gather,
  Matmul,
  RopeTable,
  RopeAppend,
  Attention,
  AttentionCombine,
  Router,
  GroupRoutes,
  ExpertMatmul,
  Combine,
  HeadSlice,
  HeadJoin
};

struct KernelInfo {
  std::string_view
      name; ///< "matmul.Q4_K.gemv.avx512vnni", "attention.F16.x86-64-v3", "norm.scalar"
  Family family;
  Isa isa;
  Format format; ///< Matmul, ExpertMatmul: the weights' format; RopeAppend, Attention: the KV
                 ///< cache's; others: F32
  Activations activations; ///< Matmul, ExpertMatmul: what it reads; Norm, Quantize,
                           ///< AttentionCombine: what it quantises to; Attention: what its results,
                           ///< float32, may be rounded to by whoever reads them; others: F32
  uint32_t minRows, maxRows; ///< token counts it is meant for
  uint32_t tile;             ///< outputTile of a matmul, rowTile of others; Attention: query rows
                             ///< of a shard, see attentionRowTile()
};

std::span<const KernelInfo> catalogue();
/// The kernel of that name; null if there is none.
const KernelInfo* kernelNamed(std::string_view name);

/// The best kernel for steps of up to `maxRows` tokens on a machine of level `isa`; null if there
/// is none (the scalar level has all formats that any level has).
const KernelInfo* select(Family family, Isa isa, Format format, Activations activations,
                         uint32_t maxRows);

/// The activations that the best matmul (or ExpertMatmul) of this format reads.
Activations bestActivations(Family family, Isa isa, Format format, uint32_t maxRows);

/// Whether matmul of this format wants quantised activations, of which format ever, at every level.
bool wantsQuantizedActivations(Format format);

/// Whether any matmul of this format reads such activations.
bool reads(Format format, Activations activations);

/// The name of activations in the IR ("Q8").
std::string_view activationsName(Activations activations);
std::optional<Activations> activationsFromName(std::string_view name);

/// The rowTile of an attention kernel where `group` query heads share a KV head.
uint32_t attentionRowTile(const KernelInfo& kernel, uint32_t group);

/// Bytes of worker scratch that a task of this kernel needs (parameters: the family's struct).
uint64_t scratchBytes(const KernelInfo& kernel, const uint32_t* parameters, uint32_t maxRows);

} // namespace chordal::kernels
