//===- Tiling.h - how matmul kernels divide their work and scratch ----------------------------===//
//
// Constants that the catalogue and the kernels must agree on, and where a shard's working memory
// lies within the worker's scratch.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"

namespace chordal::kernels {

/// Rows of a weight matrix in one shard (outputTile).
constexpr uint32_t matmulTile = 32;

/// The same for gemv: it reads from several places of the tile at once, and the longer these are
/// the less often the processor's prefetching starts anew (measured with two threads: 64 rows a
/// tenth faster than 32; with 128, few threads gain little and many lack shards).
constexpr uint32_t gemvTile = 64;

/// What the kernels named gemv are for.
constexpr uint32_t gemvRows = 1;

/// Up to this many rows of quantised activations are multiplied with packed weights, as gemv does;
/// for more, unpacking pays (measured at AVX-512: two rows are half as fast again as with
/// unpacking, four a quarter, five about the same).
constexpr uint32_t fewRows = 4;

/// Columns that gemm unpacks at a time: the unpacked tile stays in the first-level cache while all
/// rows of activations pass over it. Multiples of 256, the longest block.
constexpr uint32_t gemmColumns = 512;
constexpr uint32_t gemmFloatColumns = 256;

/// The same for the GEMM on matrix units (GemmAmx.h): a larger tile, since what limits it are the
/// activations, which pass from the last-level cache once for each tile (measured: 64 rows 15 %
/// slower). Fewer rows of activations than one tile of theirs take the other GEMM.
constexpr uint32_t amxTile = 128;
constexpr uint32_t amxColumns = 256; ///< half as many of weights in two parts
constexpr uint32_t amxMinRows = 17;

/// Floats from row to row of a tile of results in scratch. Rows a power of two apart would share
/// few sets of the first-level cache (measured for amxTile: a tenth).
constexpr uint32_t tileStride(uint32_t outputTile) {
  return outputTile % amxTile == 0 ? outputTile + 16 : outputTile;
}

/// Offsets in bytes of a shard's working memory; each is aligned to CHORDAL_ALIGNMENT.
struct MatmulScratch {
  uint64_t tiles = 0; ///< results: float [weights if paired, else 1][rows][tileStride()]
  uint64_t tileBytes; ///< from one weight's tile to the next
  uint64_t codes;     ///< unpacked weights: bytes (or floats) [gemmColumns][matmulTile], or what
                      ///< GemmAmx.h says
  uint64_t scales;    ///< float [gemmColumns / 16][3][matmulTile], see Unpack.h
  uint64_t prepared;  ///< derived from activations: 1 KiB for 256 columns of fewRows rows (gemv),
                      ///< or words [rows][gemmColumns / 16] (gemm)
  uint64_t bytes;     ///< in all

  // Always inlined, since kernels of all instruction-set levels use it.
  [[gnu::always_inline]] constexpr MatmulScratch(const MatmulParameters& p, uint64_t rows,
                                                 Activations activations) {
    if (BF16x16Rows::parts(activations) > 0) {
      // Whole tiles of rows are written; 32 rows of weights at a time are bfloat16.
      tileBytes = (rows + 31) / 32 * 32 * tileStride(amxTile) * sizeof(float);
      codes = tileBytes * (p.paired ? p.weights : 1);
      scales = prepared = bytes = codes + 32 * amxColumns * 2;
      return;
    }
    const bool quantized = activations == Activations::Q8;
    tileBytes = rows * tileStride(p.outputTile) * sizeof(float);
    codes = tileBytes * (p.paired ? p.weights : 1);
    uint64_t groups = quantized ? gemmColumns / 16 : 0;
    scales = codes + matmulTile * (quantized ? gemmColumns : gemmFloatColumns * sizeof(float));
    prepared = scales + groups * 3 * matmulTile * sizeof(float);
    const uint64_t gemv = (uint64_t(p.columns) + 255) / 256 * 1024 * fewRows,
                   gemm = rows * groups * 4;
    bytes = prepared + (!quantized ? 0 : gemv > gemm ? gemv : gemm);
  }
};

} // namespace chordal::kernels
