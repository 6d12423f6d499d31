//===- Rows.h - kernels that work row by row --------------------------------------------------===//
//
// The bodies of norm, quantize, rope_table and rope_append, compiled once for each level by
// Rows<level>.cpp. Operands and parameters are stated in Kernels.h.
//
// Everything is in an anonymous namespace, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"
#include "kernels/math/VectorMath.h"
#include "kernels/rows/Quantize.h"

namespace chordal::kernels {
namespace {

/// Row `row` of a view.
template <typename T> CHORDAL_INLINE T* rowOf(const chordal_view& view, uint64_t row) {
  return reinterpret_cast<T*>(static_cast<char*>(view.data) + row * view.row_bytes);
}

/// The end of the rows of a shard that begins at `begin`.
CHORDAL_INLINE uint32_t tileEnd(const chordal_task_args* args, uint32_t begin, uint32_t tile) {
  return args->n_rows - begin < tile ? args->n_rows : begin + tile;
}

/// 1 / sqrt(mean of squares + epsilon), the factor of an RMS norm.
CHORDAL_INLINE float rmsFactor(const float* x, uint32_t n, float epsilon) {
  return 1.0f / __builtin_elementwise_sqrt(sumOfSquares(x, n) / float(n) + epsilon);
}

/// out = x * factor * weight; out may be x.
CHORDAL_INLINE void scaleRow(const float* x, float factor, const float* weight, uint32_t n,
                             float* out) {
  uint32_t i = 0;
  for (; i + lanes <= n; i += lanes)
    store(out + i, load(x + i) * factor * load(weight + i));
  if (i < n)
    storePartial(out + i, loadPartial(x + i, n - i) * factor * loadPartial(weight + i, n - i),
                 n - i);
}

inline void normShard(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const NormParameters*>(args->parameters);
  const chordal_view* operands = args->operands;
  const float* weight = static_cast<const float*>(operands[1].data);
  const chordal_view& quantized = operands[p.writeFloat ? 3 : 2];
  uint32_t begin = shard * p.rowTile, end = tileEnd(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row) {
    const float* x = rowOf<const float>(operands[0], row);
    float factor = rmsFactor(x, p.columns, p.epsilon);
    if (p.writeFloat)
      scaleRow(x, factor, weight, p.columns, rowOf<float>(operands[2], row));
    if (!p.writeQ8)
      continue;
    Q8Parts out(rowOf<void>(quantized, row), p.columns);
    for (size_t g = 0; g < p.columns / 32; ++g) {
      Floats group[groupVectors];
      for (int i = 0; i < groupVectors; ++i) {
        size_t at = 32 * g + i * lanes;
        group[i] = load(x + at) * factor * load(weight + at);
      }
      quantizeGroup(group, out, g);
    }
  }
}

inline void quantizeShard(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const QuantizeParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = tileEnd(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row)
    quantizeRow(rowOf<const float>(args->operands[0], row), p.columns,
                Q8Parts(rowOf<void>(args->operands[1], row), p.columns));
}

inline void ropeTableShard(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const RopeTableParameters*>(args->parameters);
  const auto* position = static_cast<const int32_t*>(args->operands[0].data);
  const auto* frequency = static_cast<const float*>(args->operands[1].data);
  uint32_t begin = shard * p.rowTile, end = tileEnd(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row) {
    float* out = rowOf<float>(args->operands[2], row);
    // A position below 2^29 times a float is exact in double.
    double at = position[row];
    for (uint32_t j = 0; j < p.half; ++j)
      cosSin(at * double(frequency[j]), p.magnitude, out[2 * j], out[2 * j + 1]);
  }
}

/// Rotates a head: pairs (a, b) to (a cos - b sin, b cos + a sin); features beyond the pairs pass.
/// The table holds cos and sin of each pair, interleaved. Plain loops that the compiler vectorises.
CHORDAL_INLINE void rotate(const float* __restrict x, const float* __restrict table,
                           const RopeAppendParameters& p, float* __restrict out) {
  uint32_t half = p.halfRotary;
  if (p.halfSplit) {
    for (uint32_t j = 0; j < half; ++j) {
      float c = table[2 * j], s = table[2 * j + 1], a = x[j], b = x[half + j];
      out[j] = a * c - b * s;
      out[half + j] = b * c + a * s;
    }
  } else {
    for (uint32_t j = 0; j < half; ++j) {
      float c = table[2 * j], s = table[2 * j + 1], a = x[2 * j], b = x[2 * j + 1];
      out[2 * j] = a * c - b * s;
      out[2 * j + 1] = b * c + a * s;
    }
  }
  for (uint32_t i = 2 * half; i < p.keyDimension; ++i)
    out[i] = x[i];
}

/// A head of a token in the KV cache.
template <typename T>
CHORDAL_INLINE T* cacheRow(const chordal_view& state, const RopeAppendParameters& p,
                           const chordal_task_args* args, uint32_t token, uint32_t head,
                           uint32_t dimension) {
  auto position = uint32_t(static_cast<const int32_t*>(args->operands[4].data)[token]);
  auto sequence = uint32_t(static_cast<const int32_t*>(args->operands[5].data)[token]);
  uint32_t block = args->step->sequences[sequence].kv_blocks[position / CHORDAL_KV_BLOCK_POSITIONS];
  uint64_t row =
      uint64_t(head) * CHORDAL_KV_BLOCK_POSITIONS + position % CHORDAL_KV_BLOCK_POSITIONS;
  return reinterpret_cast<T*>(static_cast<char*>(state.data) + block * state.row_bytes) +
         row * dimension;
}

CHORDAL_INLINE void writeCache(float* row, const float* x, uint32_t dimension) {
  __builtin_memcpy(row, x, dimension * sizeof(float));
}
CHORDAL_INLINE void writeCache(uint16_t* row, const float* x, uint32_t dimension) {
  storeHalves(row, x, dimension);
}

/// T: the cache's elements, float or uint16_t (the bits of halves).
template <typename T> inline void ropeAppendShard(const chordal_task_args* args, uint32_t token) {
  const auto& p = *reinterpret_cast<const RopeAppendParameters*>(args->parameters);
  const chordal_view* operands = args->operands;
  const float* table = rowOf<const float>(operands[3], token);
  const uint32_t n = p.keyDimension;
  float* head = static_cast<float*>(args->scratch);
  float* rotated = head + n;

  // Heads pass through scratch: the result may overwrite q.
  auto prepare = [&](const float* x, const chordal_view* norm) {
    if (p.normalise)
      scaleRow(x, rmsFactor(x, n, p.epsilon), static_cast<const float*>(norm->data), n, head);
    else
      __builtin_memcpy(head, x, n * sizeof(float));
  };
  for (uint32_t h = 0; h < p.heads; ++h) {
    prepare(rowOf<const float>(operands[0], token) + h * n, operands + 9);
    rotate(head, table, p, rowOf<float>(operands[6], token) + h * n);
  }
  for (uint32_t h = 0; h < p.kvHeads; ++h) {
    prepare(rowOf<const float>(operands[1], token) + h * n, operands + 10);
    rotate(head, table, p, rotated);
    writeCache(cacheRow<T>(operands[7], p, args, token, h, n), rotated, n);
    const float* value = rowOf<const float>(operands[2], token) + h * p.valueDimension;
    writeCache(cacheRow<T>(operands[8], p, args, token, h, p.valueDimension), value,
               p.valueDimension);
  }
}

} // namespace
} // namespace chordal::kernels
