//===- Tiling.h - how attention kernels divide their work and scratch -------------------------===//
//
// Constants that the catalogue and the kernels must agree on, and where a shard's working memory
// lies within the worker's scratch. Nothing here has external linkage, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"

namespace chordal::kernels {
namespace {

/// Query rows (tokens by query heads of a KV head) of one shard, from which attentionRowTile()
/// makes tokens. What is converted of the KV cache serves all rows of a shard, which matters the
/// more the faster these are computed (measured on matrix units, for a head each: 128 tokens twice
/// as fast as 32).
constexpr uint32_t attentionRows = 256;
constexpr uint32_t attentionRowsAmx = 512;

/// Positions that are computed at a time, at most: a block of the KV cache, or two.
constexpr uint32_t attentionPositions = 2 * CHORDAL_KV_BLOCK_POSITIONS;

/// The least blocks of positions that are worth a split of their own.
constexpr uint32_t splitBlocks = 4;

/// Blocks [begin, end) of positions.
struct BlockRange {
  uint32_t begin, end;

  /// Part `split` of `splits` of the range: empty if others have it all.
  inline __attribute__((always_inline)) constexpr BlockRange part(uint32_t split,
                                                                  uint32_t splits) const {
    const uint32_t blocks = end - begin;
    const uint32_t most = (blocks + splitBlocks - 1) / splitBlocks;
    const uint32_t used = splits < most ? splits : most;
    if (split >= used)
      return {end, end};
    return {begin + blocks * split / used, begin + blocks * (split + 1) / used};
  }
};

/// Query rows are padded to this many: the widest panel of any level.
constexpr uint32_t attentionRowPadding = 32;

/// Heads are padded to this many floats: the widest vector of any level, and what matrix units
/// multiply at once.
constexpr uint32_t attentionFeaturePadding = 32;

/// Offsets in bytes of a shard's working memory; each is aligned to CHORDAL_ALIGNMENT.
struct AttentionScratch {
  uint64_t queries;   ///< float: scaled queries, a padded row or column for each query row
  uint64_t outputs;   ///< float: unnormalised results, likewise
  uint64_t keys;      ///< float [positions][key width]: what is computed of K, converted
  uint64_t values;    ///< float [positions][value width]: the same of V
  uint64_t scores;    ///< float [positions][padded rows of a panel]
  uint64_t maxima;    ///< float: for each query row the greatest score so far
  uint64_t sums;      ///< float: for each query row the sum of exponentials so far
  uint64_t positions; ///< int32: for each query row its position
  uint64_t bytes;     ///< in all

  inline __attribute__((always_inline)) constexpr AttentionScratch(const AttentionParameters& p,
                                                                   uint64_t tokens) {
    if (tokens > p.rowTile)
      tokens = p.rowTile;
    uint64_t rows = tokens * (p.heads / p.kvHeads);
    rows = (rows + attentionRowPadding - 1) / attentionRowPadding * attentionRowPadding;
    uint64_t keyWidth = (p.keyDimension + attentionFeaturePadding - 1) / attentionFeaturePadding *
                        attentionFeaturePadding;
    uint64_t valueWidth = (p.valueDimension + attentionFeaturePadding - 1) /
                          attentionFeaturePadding * attentionFeaturePadding;
    // All of these are multiples of 64 bytes: 16 or 32 floats are.
    queries = 0;
    outputs = queries + rows * keyWidth * sizeof(float);
    keys = outputs + rows * valueWidth * sizeof(float);
    values = keys + attentionPositions * keyWidth * sizeof(float);
    scores = values + attentionPositions * valueWidth * sizeof(float);
    maxima = scores + attentionPositions * attentionRowPadding * sizeof(float);
    sums = maxima + rows * sizeof(float);
    positions = sums + rows * sizeof(float);
    bytes = positions + rows * sizeof(int32_t);
  }
};

} // namespace
} // namespace chordal::kernels
