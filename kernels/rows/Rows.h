//===- Rows.h - kernels that work row by row --------------------------------------------------===//
//
// The bodies of norm, quantize, attention_combine, rope_table and rope_append, compiled once for
// each level by Rows<level>.cpp. Operands and parameters are stated in Kernels.h.
//
// Everything is in an anonymous namespace, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"
#include "kernels/math/VectorMath.h"
#include "kernels/rows/Combine.h"
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

/// The sum of n floats, in a fixed order.
CHORDAL_INLINE float sumOf(const float* x, uint32_t n) {
  Floats partial[2] = {};
  uint32_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes)
    for (int k = 0; k < 2; ++k)
      partial[k] += load(x + i + k * lanes);
  for (; i + lanes <= n; i += lanes)
    partial[0] += load(x + i);
  if (i < n)
    partial[1] += loadPartial(x + i, n - i);
  return sum(partial[0] + partial[1]);
}

/// The sum of the squares of n differences from the mean, in a fixed order.
CHORDAL_INLINE float sumOfSquaredDeviations(const float* x, float mean, uint32_t n) {
  Floats partial[2] = {};
  uint32_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes)
    for (int k = 0; k < 2; ++k) {
      Floats v = load(x + i + k * lanes) - mean;
      partial[k] = mulAdd(v, v, partial[k]);
    }
  for (; i + lanes <= n; i += lanes) {
    Floats v = load(x + i) - mean;
    partial[0] = mulAdd(v, v, partial[0]);
  }
  float rest = 0;
  for (; i < n; ++i)
    rest += (x[i] - mean) * (x[i] - mean);
  return sum(partial[0] + partial[1]) + rest;
}

/// A norm of a row: y = (x - mean) * factor * weight + bias. An RMS norm (not `centred`) subtracts
/// no mean and has no bias.
template <bool centred> struct Normaliser {
  const float* weight;
  const float* bias; // may be null
  float mean = 0, factor;

  CHORDAL_INLINE Normaliser(const float* x, uint32_t n, float epsilon, const float* weight,
                            const float* bias = nullptr)
      : weight(weight), bias(bias) {
    float squares;
    if constexpr (centred) {
      mean = sumOf(x, n) / float(n);
      squares = sumOfSquaredDeviations(x, mean, n);
    } else {
      squares = sumOfSquares(x, n);
    }
    factor = 1.0f / __builtin_elementwise_sqrt(squares / float(n) + epsilon);
  }

  /// Columns `at` and on; `loader` loads them.
  template <typename Loader>
  CHORDAL_INLINE Floats at(const float* x, uint32_t at, Loader loader) const {
    if constexpr (!centred)
      return loader(x + at) * factor * loader(weight + at);
    Floats y = (loader(x + at) - mean) * factor * loader(weight + at);
    return bias ? y + loader(bias + at) : y;
  }

  /// All columns; out may be x.
  CHORDAL_INLINE void apply(const float* x, uint32_t n, float* out) const {
    uint32_t i = 0;
    for (; i + lanes <= n; i += lanes)
      store(out + i, at(x, i, load));
    if (i < n)
      storePartial(out + i, at(x, i, [&](const float* p) { return loadPartial(p, n - i); }), n - i);
  }
};

template <bool centred>
CHORDAL_INLINE void normRows(const chordal_task_args* args, const NormParameters& p, uint32_t begin,
                             uint32_t end) {
  const chordal_view* operands = args->operands;
  const float* weight = static_cast<const float*>(operands[1].data);
  const float* bias = p.hasBias ? static_cast<const float*>(operands[2].data) : nullptr;
  const chordal_view* outputs = operands + (p.hasBias ? 3 : 2);
  const chordal_view& quantized = outputs[p.writeFloat ? 1 : 0];
  for (uint32_t row = begin; row < end; ++row) {
    const float* x = rowOf<const float>(operands[0], row);
    Normaliser<centred> norm(x, p.columns, p.epsilon, weight, bias);
    if (p.writeFloat)
      norm.apply(x, p.columns, rowOf<float>(outputs[0], row));
    if (!p.writeQuantized)
      continue;
    Q8Parts out(rowOf<void>(quantized, row), p.columns);
    for (uint32_t g = 0; g < p.columns / 32; ++g) {
      Floats group[groupVectors];
      for (int i = 0; i < groupVectors; ++i)
        group[i] = norm.at(x, 32 * g + i * lanes, load);
      quantizeGroup(group, out, g);
    }
  }
}

inline void normShard(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const NormParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = tileEnd(args, begin, p.rowTile);
  if (p.subtractMean)
    normRows<true>(args, p, begin, end);
  else
    normRows<false>(args, p, begin, end);
}

inline void quantizeShard(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const QuantizeParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = tileEnd(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row)
    quantizeRow(rowOf<const float>(args->operands[0], row), p.columns,
                Q8Parts(rowOf<void>(args->operands[1], row), p.columns));
}

inline void attentionCombineShard(const chordal_task_args* args, uint32_t token) {
  const auto& p = *reinterpret_cast<const AttentionCombineParameters*>(args->parameters);
  const chordal_view* outputs = args->operands + 1;
  const auto* partial = rowOf<const float>(args->operands[0], token);
  auto* out = p.writeFloat ? rowOf<float>(outputs[0], token) : static_cast<float*>(args->scratch);
  for (uint32_t head = 0; head < p.heads; ++head)
    combineHead(p, partial, head, out + size_t(head) * p.dimension);
  const uint32_t columns = p.heads * p.dimension;
  if (p.writeQuantized)
    quantizeRow(out, columns, Q8Parts(rowOf<void>(outputs[p.writeFloat ? 1 : 0], token), columns));
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
  const chordal_sequence& sequence =
      args->step->sequences[static_cast<const int32_t*>(args->operands[5].data)[token]];
  uint32_t block = position / CHORDAL_KV_BLOCK_POSITIONS;
  block = p.ringBlocks ? sequence.slot * p.ringBlocks + block % p.ringBlocks
                       : sequence.kv_blocks[block];
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
  auto prepare = [&](const float* x, const chordal_view* norm, uint32_t h) {
    if (p.normalise == NoHeadNorm) {
      __builtin_memcpy(head, x, n * sizeof(float));
      return;
    }
    const float* weight = static_cast<const float*>(norm->data) + (p.weightPerHead ? h * n : 0);
    if (p.normalise == LayerHeadNorm)
      Normaliser<true>(x, n, p.epsilon, weight).apply(x, n, head);
    else
      Normaliser<false>(x, n, p.epsilon, weight).apply(x, n, head);
  };
  for (uint32_t h = 0; h < p.heads; ++h) {
    prepare(rowOf<const float>(operands[0], token) + h * n, operands + 9, h);
    rotate(head, table, p, rowOf<float>(operands[6], token) + h * n);
  }
  for (uint32_t h = 0; h < p.kvHeads; ++h) {
    prepare(rowOf<const float>(operands[1], token) + h * n, operands + 10, h);
    rotate(head, table, p, rotated);
    writeCache(cacheRow<T>(operands[7], p, args, token, h, n), rotated, n);
    const float* value = rowOf<const float>(operands[2], token) + h * p.valueDimension;
    writeCache(cacheRow<T>(operands[8], p, args, token, h, p.valueDimension), value,
               p.valueDimension);
  }
}

} // namespace
} // namespace chordal::kernels

/// Defines the kernels of a level; the names are those of Kernels.def.
#define CHORDAL_DEFINE_ROWS(level)                                                                 \
  void norm##level(const chordal_task_args* args, uint32_t shard) {                                \
    normShard(args, shard);                                                                        \
  }                                                                                                \
  void quantize##level(const chordal_task_args* args, uint32_t shard) {                            \
    quantizeShard(args, shard);                                                                    \
  }                                                                                                \
  void attentionCombine##level(const chordal_task_args* args, uint32_t token) {                    \
    attentionCombineShard(args, token);                                                            \
  }                                                                                                \
  void ropeTable##level(const chordal_task_args* args, uint32_t shard) {                           \
    ropeTableShard(args, shard);                                                                   \
  }                                                                                                \
  void ropeAppendF16##level(const chordal_task_args* args, uint32_t token) {                       \
    ropeAppendShard<uint16_t>(args, token);                                                        \
  }                                                                                                \
  void ropeAppendF32##level(const chordal_task_args* args, uint32_t token) {                       \
    ropeAppendShard<float>(args, token);                                                           \
  }
