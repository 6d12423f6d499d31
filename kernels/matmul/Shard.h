//===- Shard.h - what one shard of a matmul computes, and its epilogue ------------------------===//
//
// Reads MatmulParameters for the kernels: which rows of which weight a shard computes, where the
// results go, and the call of the epilogue.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"
#include "kernels/matmul/Tiling.h"

namespace chordal::kernels {
namespace {

/// Rows [first, first + count) of one weight, multiplied with all rows of the activations.
struct Tile {
  const uint8_t* weights; ///< the first weight row
  const uint8_t* next;    ///< what is probably read after these rows: to be prefetched
  size_t weightStride;    ///< bytes
  uint32_t count;
  uint32_t columns;
  const uint8_t* x;
  size_t xStride;
  uint32_t rows;
  float* out;       ///< [rows][count]
  size_t outStride; ///< bytes
  uint8_t* scratch;
  const MatmulScratch* layout;
};

CHORDAL_INLINE float* outRow(const Tile& tile, size_t row) {
  return reinterpret_cast<float*>(reinterpret_cast<uint8_t*>(tile.out) + row * tile.outStride);
}

/// The body of a kernel for any number of rows.
template <class Few, class Many> struct FewOrMany : Many {
  static void compute(const Tile& tile) {
    if (tile.rows <= Few::mostRows)
      Few::compute(tile);
    else
      Many::compute(tile);
  }
};

/// Computes a shard with `Body::compute(tile)`. A body that `needsTile` writes its outputTile
/// floats to a row even where the weight has fewer rows, so its results always go by way of
/// scratch.
template <class Body>
CHORDAL_INLINE void computeShard(const chordal_task_args* args, uint32_t shard) {
  const MatmulParameters& p = *reinterpret_cast<const MatmulParameters*>(args->parameters);
  const uint32_t rows = args->n_rows;
  const MatmulScratch layout(p, rows, Body::activations);
  uint8_t* scratch = static_cast<uint8_t*>(args->scratch);

  // The weight, and the tile within it.
  uint32_t weight = 0, index = shard;
  if (!p.paired) {
    for (; weight + 1 < p.weights; ++weight) {
      uint32_t tiles = (p.outputs[weight] + Body::outputTile - 1) / Body::outputTile;
      if (index < tiles)
        break;
      index -= tiles;
    }
  }
  const uint32_t first = index * Body::outputTile;
  const uint32_t left = p.outputs[weight] - first;
  const uint32_t count = left < Body::outputTile ? left : Body::outputTile;
  const uint32_t end = p.paired ? p.weights : weight + 1;

  const chordal_view& x = args->operands[0];
  for (uint32_t w = weight; w < end; ++w) {
    const chordal_view& view = args->operands[1 + w];
    Tile tile;
    tile.weights = static_cast<const uint8_t*>(view.data) + size_t(first) * view.row_bytes;
    tile.next = w + 1 < end ? static_cast<const uint8_t*>(args->operands[2 + w].data) +
                                  size_t(first) * args->operands[2 + w].row_bytes
                            : static_cast<const uint8_t*>(args->operands[1 + weight].data) +
                                  size_t(first + count) * args->operands[1 + weight].row_bytes;
    tile.weightStride = view.row_bytes;
    tile.count = count;
    tile.columns = p.columns;
    tile.x = static_cast<const uint8_t*>(x.data);
    tile.xStride = x.row_bytes;
    tile.rows = rows;
    tile.scratch = scratch;
    tile.layout = &layout;
    tile.out = reinterpret_cast<float*>(scratch + layout.tiles + (w - weight) * layout.tileBytes);
    tile.outStride = tileStride(Body::outputTile) * sizeof(float);
    if (args->functions) {
      Body::compute(tile);
      continue;
    }
    const chordal_view& result = args->operands[1 + p.weights + w];
    float* target = static_cast<float*>(result.data) + first;
    if constexpr (Body::needsTile) {
      Body::compute(tile);
      for (uint32_t r = 0; r < rows; ++r)
        __builtin_memcpy(reinterpret_cast<uint8_t*>(target) + r * result.row_bytes, outRow(tile, r),
                         count * sizeof(float));
    } else {
      tile.out = target;
      tile.outStride = result.row_bytes;
      Body::compute(tile);
    }
  }
  if (!args->functions)
    return;

  // Tiles first, set back so that columns count from the weight's first; then the epilogue's own.
  chordal_view views[maxEpilogueViews];
  uint32_t n = 0;
  for (uint32_t w = weight; w < end; ++w) {
    uint8_t* data = scratch + layout.tiles + (w - weight) * layout.tileBytes;
    views[n].data =
        reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(data) - first * sizeof(float));
    views[n++].row_bytes = tileStride(Body::outputTile) * sizeof(float);
  }
  for (uint32_t v = p.epilogueFirst[weight];
       v < p.epilogueFirst[weight + 1] && n < maxEpilogueViews; ++v)
    views[n++] = args->function_views[v];
  args->functions[weight](views, 0, rows, first, first + count);
}

} // namespace
} // namespace chordal::kernels
