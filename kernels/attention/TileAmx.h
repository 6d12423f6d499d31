//===- TileAmx.h - attention of many query rows on matrix units -------------------------------===//
//
// The same flash attention as Tile.h, for panels of 32 rows, with both products on AMX. What is
// multiplied is split into two bfloat16, a high part and the rest, and the three larger of the four
// products are summed, so the result is as good as float32's (a half is the sum of its parts).
//
//   queries  [feature / 2][high of 16 rows, of 16 more, low, low][row][feature % 2]
//   keys     high, then low: [position][feature], as in the cache
//   values   high, then low: [feature][position]
//   weights  as queries, of positions: they take the place of the scores
//
// Positions of a block that are not there are zeros: their weights are.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Tile.h"
#include "kernels/isa/Amx.h"

namespace chordal::kernels {
namespace {

constexpr uint32_t panelRows = 32;
/// Bytes of one pair of features (or positions) of a panel: high and low parts.
constexpr size_t pairBytes = panelRows * 2 * 2 * 2;
static_assert(lanes == 16);

/// 16 x 16 results for each half of a panel: out (rows of panelRows floats) = [out +] a * b, `a`
/// being the high parts of 16 rows of `width` numbers, the low ones `aLow` bytes after.
CHORDAL_INLINE void multiply16(const uint8_t* a, size_t aStride, size_t aLow, const uint8_t* b,
                               uint32_t width, bool adds, float* out) {
  constexpr size_t stride = panelRows * sizeof(float);
  if (adds) {
    _tile_loadd(0, out, stride);
    _tile_loadd(1, out + 16, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
  }
  for (uint32_t k = 0; k < width; k += 32, a += 64, b += 16 * pairBytes) {
    _tile_loadd(2, a, aStride);
    _tile_loadd(4, b, pairBytes);
    _tile_dpbf16ps(0, 2, 4);
    _tile_loadd(5, b + 64, pairBytes);
    _tile_dpbf16ps(1, 2, 5);
    _tile_loadd(3, a + aLow, aStride);
    _tile_dpbf16ps(0, 3, 4);
    _tile_dpbf16ps(1, 3, 5);
    _tile_loadd(6, b + 128, pairBytes);
    _tile_dpbf16ps(0, 2, 6);
    _tile_loadd(7, b + 192, pairBytes);
    _tile_dpbf16ps(1, 2, 7);
  }
  _tile_stored(0, out, stride);
  _tile_stored(1, out + 16, stride);
}

constexpr uint32_t padded(uint32_t n) {
  return (n + 31) / 32 * 32;
}

/// 16 elements of the cache, of which n are there.
CHORDAL_INLINE __m512 loadPart(const uint16_t* p, uint32_t n) {
  return (__m512)(n >= 16 ? loadHalves(p) : loadHalvesPartial(p, n));
}
CHORDAL_INLINE uint32_t rest(uint32_t all, uint32_t at) {
  return all > at ? all - at : 0;
}

/// Queries of one panel of rows, scaled. `query(row)` gives a row's features.
template <typename Query>
inline void packQueries(uint32_t dimension, float scale, Query query, uint8_t* out) {
  for (uint32_t d = 0; d < dimension; d += 32, out += 16 * pairBytes)
    for (uint32_t half = 0; half < 2; ++half) {
      __m512i high[16], low[16];
      for (uint32_t r = 0; r < 16; ++r) {
        const float* q = query(half * 16 + r) + d;
        const uint32_t first = rest(dimension, d), second = rest(dimension, d + 16);
        const __m512 a = (__m512)(first >= 16 ? load(q) : loadPartial(q, first));
        const __m512 b = second >= 16 ? (__m512)load(q + 16)
                         : second > 0 ? (__m512)loadPartial(q + 16, second)
                                      : _mm512_setzero_ps();
        split(a * scale, b * scale, high[r], low[r]);
      }
      transpose16(high);
      transpose16(low);
      for (uint32_t pair = 0; pair < 16; ++pair) {
        _mm512_storeu_si512(out + pair * pairBytes + half * 64, high[pair]);
        _mm512_storeu_si512(out + pair * pairBytes + 128 + half * 64, low[pair]);
      }
    }
}

/// `there` positions of keys, split; zeros up to a multiple of 16.
inline void packKeys(const uint16_t* keys, uint32_t dimension, uint32_t there, uint8_t* out) {
  const size_t stride = padded(dimension) * 2, low = blockPositions * stride;
  for (uint32_t j = 0; j < (there + 15) / 16 * 16; ++j)
    for (uint32_t d = 0; d < dimension; d += 32) {
      __m512 a = _mm512_setzero_ps(), b = a;
      if (j < there) {
        a = loadPart(keys + size_t(j) * dimension + d, rest(dimension, d));
        if (d + 16 < dimension)
          b = loadPart(keys + size_t(j) * dimension + d + 16, rest(dimension, d + 16));
      }
      __m512i high, rest;
      split(a, b, high, rest);
      _mm512_storeu_si512(out + j * stride + d * 2, high);
      _mm512_storeu_si512(out + low + j * stride + d * 2, rest);
    }
}

/// `there` positions of values, split and transposed; zeros up to a multiple of 32.
inline void packValues(const uint16_t* values, uint32_t dimension, uint32_t there, uint8_t* out) {
  constexpr size_t stride = blockPositions * 2;
  const size_t low = padded(dimension) * stride;
  for (uint32_t d = 0; d < dimension; d += 16)
    for (uint32_t j = 0; j < there; j += 32) {
      __m512i columns[2][16];
      for (uint32_t half = 0; half < 2; ++half) {
        for (uint32_t i = 0; i < 16; ++i) {
          const uint32_t position = j + half * 16 + i;
          columns[half][i] =
              position < there
                  ? (__m512i)loadPart(values + size_t(position) * dimension + d, rest(dimension, d))
                  : _mm512_setzero_si512();
        }
        transpose16(columns[half]);
      }
      for (uint32_t i = 0; i < 16; ++i) {
        __m512i high, rest;
        split((__m512)columns[0][i], (__m512)columns[1][i], high, rest);
        _mm512_storeu_si512(out + (d + i) * stride + j * 2, high);
        _mm512_storeu_si512(out + low + (d + i) * stride + j * 2, rest);
      }
    }
}

/// Weights [positions][panelRows] to pairs of positions, in place; zeros from `count` up to a
/// multiple of 32.
CHORDAL_INLINE void packWeights(float* weights, size_t count) {
  // Words 0 to 15 are of one position, 16 to 31 of the next.
  alignas(64) static constexpr uint16_t interleaved[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(interleaved);
  for (size_t j = 0; j < (count + 31) / 32 * 32; j += 2) {
    float* at = weights + j * panelRows;
    __m512i high[2], low[2];
    for (int half = 0; half < 2; ++half) {
      const __m512 a = j < count ? _mm512_loadu_ps(at + half * 16) : _mm512_setzero_ps();
      const __m512 b =
          j + 1 < count ? _mm512_loadu_ps(at + panelRows + half * 16) : _mm512_setzero_ps();
      split(a, b, high[half], low[half]);
    }
    for (int half = 0; half < 2; ++half) {
      _mm512_storeu_si512(at + half * 16, _mm512_permutexvar_epi16(order, high[half]));
      _mm512_storeu_si512(at + panelRows + half * 16, _mm512_permutexvar_epi16(order, low[half]));
    }
  }
}

/// Adds the positions of a block that are there to a panel.
inline void attendBlockAmx(const AttentionContext& context, const Panel& panel, const uint8_t* keys,
                           const uint8_t* values, int32_t base, uint32_t there, bool masked,
                           float* scores) {
  const AttentionParameters& p = context.parameters;
  const uint32_t keyWidth = padded(p.keyDimension);
  const auto* queries = reinterpret_cast<const uint8_t*>(panel.queries);
  for (uint32_t j = 0; j < there; j += 16)
    multiply16(keys + j * keyWidth * 2, keyWidth * 2, blockPositions * keyWidth * 2, queries,
               keyWidth, false, scores + j * panelRows);
  Floats factor[2];
  weigh<2>(context, panel, base, there, masked, scores, factor);
  packWeights(scores, there);
  for (uint32_t i = 0; i < p.valueDimension; ++i)
    for (int v = 0; v < 2; ++v) {
      float* at = panel.results + i * panelRows + v * lanes;
      store(at, load(at) * factor[v]);
    }
  constexpr size_t stride = blockPositions * 2;
  const uint32_t positions = (there + 31) / 32 * 32;
  for (uint32_t i = 0; i < p.valueDimension; i += 16)
    multiply16(values + i * stride, stride, padded(p.valueDimension) * stride,
               reinterpret_cast<const uint8_t*>(scores), positions, true,
               panel.results + i * panelRows);
}

/// Attention of `tokens` tokens from `first` on: one sequence, consecutive positions.
inline void attendRunAmx(const AttentionContext& context, uint32_t first, uint32_t tokens) {
  const AttentionParameters& p = context.parameters;
  const uint32_t rows = tokens * context.group;
  const uint32_t panels = (rows + panelRows - 1) / panelRows;
  const uint32_t keyWidth = padded(p.keyDimension), valueWidth = padded(p.valueDimension);
  const int32_t firstPosition = context.position(first);
  const int32_t lastPosition = firstPosition + int32_t(tokens) - 1;
  const SequenceBlocks blocks = context.blocks(first);
  const float* sinks = context.sinks();

  float* queries = context.scratch(context.at.queries);
  float* results = context.scratch(context.at.outputs);
  float* maxima = context.scratch(context.at.maxima);
  float* sums = context.scratch(context.at.sums);
  auto* positions = reinterpret_cast<int32_t*>(context.scratch(context.at.positions));
  float* scores = context.scratch(context.at.scores);
  auto* keys = reinterpret_cast<uint8_t*>(context.scratch(context.at.keys));
  auto* values = reinterpret_cast<uint8_t*>(context.scratch(context.at.values));

  // Rows by token, then head. Those that pad the last panel are copies of the last one.
  auto actual = [&](uint32_t row) { return row < rows ? row : rows - 1; };
  for (uint32_t row = 0; row < panels * panelRows; ++row) {
    positions[row] = firstPosition + int32_t(actual(row) / context.group);
    maxima[row] = sinks ? sinks[actual(row) % context.group] : negativeInfinity;
    sums[row] = sinks ? 1.0f : 0.0f;
  }
  for (uint32_t i = 0; i < panels; ++i)
    packQueries(
        p.keyDimension, context.scale,
        [&](uint32_t r) {
          const uint32_t row = actual(i * panelRows + r);
          return context.query(first + row / context.group) +
                 size_t(row % context.group) * p.keyDimension;
        },
        reinterpret_cast<uint8_t*>(queries + size_t(i) * panelRows * keyWidth));
  __builtin_memset(results, 0, size_t(panels) * panelRows * valueWidth * sizeof(float));

  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  uint32_t block = uint32_t(context.firstPosition(firstPosition)) / blockPositions;
  for (; block <= uint32_t(lastPosition) / blockPositions; ++block) {
    const auto base = int32_t(block * blockPositions);
    // Nothing from lastPosition + 1 on is touched: it may never have been written.
    auto there = uint32_t(lastPosition + 1 - base);
    if (there > blockPositions)
      there = blockPositions;
    packKeys(context.cache<HalfElement>(3, blocks[block], p.keyDimension), p.keyDimension, there,
             keys);
    packValues(context.cache<HalfElement>(4, blocks[block], p.valueDimension), p.valueDimension,
               there, values);
    for (uint32_t i = 0; i < panels; ++i) {
      Panel panel = {queries + size_t(i) * panelRows * keyWidth,
                     results + size_t(i) * panelRows * valueWidth, maxima + i * panelRows,
                     sums + i * panelRows, positions + i * panelRows};
      const int32_t low = panel.positions[0], high = panel.positions[panelRows - 1];
      if (base > high || base + int32_t(there) <= context.firstPosition(low))
        continue;
      const uint32_t seen = high + 1 - base < int32_t(there) ? uint32_t(high + 1 - base) : there;
      const bool masked = base + int32_t(seen) - 1 > low || base < context.firstPosition(high);
      attendBlockAmx(context, panel, keys, values, base, seen, masked, scores);
    }
  }
  _tile_release();

  for (uint32_t row = 0; row < rows; row += 16)
    for (uint32_t i = 0; i < p.valueDimension; i += 16) {
      const float* column = results + size_t(row / panelRows) * panelRows * valueWidth +
                            i * panelRows + row % panelRows;
      __m512i v[16];
      for (uint32_t k = 0; k < 16; ++k)
        v[k] = _mm512_loadu_si512(column + k * panelRows);
      transpose16(v);
      const uint32_t width = rest(p.valueDimension, i);
      for (uint32_t r = 0; r < 16 && row + r < rows; ++r) {
        float* out = context.result(first + (row + r) / context.group) +
                     size_t((row + r) % context.group) * p.valueDimension + i;
        const Floats result = (Floats)v[r] * (1.0f / sums[row + r]);
        if (width >= 16)
          store(out, result);
        else
          storePartial(out, result, width);
      }
    }
}

} // namespace
} // namespace chordal::kernels
