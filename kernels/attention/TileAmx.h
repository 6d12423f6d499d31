//===- TileAmx.h - attention of many query rows on matrix units -------------------------------===//
//
// The same flash attention as Tile.h, for panels of 32 rows and two blocks of positions at a time,
// with both products on AMX. Queries, keys and values are each split into two bfloat16, a high part
// and the rest (a half is their sum), and so are weights, or they are rounded to one (`parts`).
// Small products of two rests are left out. With two parts of weights results are as good as
// float32's. One is for results that become one bfloat16 as well before they are multiplied; what
// they are divided by is the sum of the rounded weights then.
//
//   queries  [feature / 2][high of 16 rows, of 16 more, low, low][row][feature % 2]
//   keys     high, then low: [position][feature], as in the cache
//   values   high, then low: [feature][position]
//   weights  as queries, of positions, with as many parts; they take the place of the scores
//
// Scores are in units of log2(e), so that weights are powers of two. Positions of a block that are
// not there are zeros: their weights are.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Tile.h"
#include "kernels/isa/Amx.h"

namespace chordal::kernels {
namespace {

constexpr uint32_t panelRows = 32;
static_assert(lanes == 16);

/// Bytes of a pair of features, or positions, of a panel: high parts, and low ones if there are
/// two.
constexpr size_t pairBytes(int parts) {
  return panelRows * 2 * 2 * parts;
}

/// 32 x 32 results: out (rows of panelRows floats) = [out +] a * b. `a` has the high parts of 32
/// rows of `width` numbers, the low ones `aLow` bytes after; `b` has as many parts as it says.
template <int bParts>
CHORDAL_INLINE void multiply32(const uint8_t* a, size_t aStride, size_t aLow, const uint8_t* b,
                               uint32_t width, bool adds, float* out) {
  constexpr size_t stride = panelRows * sizeof(float), bStride = pairBytes(bParts);
  float* second = out + 16 * panelRows;
  if (adds) {
    _tile_loadd(0, out, stride);
    _tile_loadd(1, out + 16, stride);
    _tile_loadd(2, second, stride);
    _tile_loadd(3, second + 16, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (uint32_t k = 0; k < width; k += 32, a += 64, b += 16 * bStride) {
    const uint8_t* a2 = a + 16 * aStride;
    _tile_loadd(6, b, bStride);
    _tile_loadd(4, a + aLow, aStride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + 64, bStride);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a2 + aLow, aStride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(4, a, aStride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a2, aStride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    if constexpr (bParts == 2) {
      _tile_loadd(6, b + 128, bStride);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(2, 5, 6);
      _tile_loadd(7, b + 192, bStride);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, out, stride);
  _tile_stored(1, out + 16, stride);
  _tile_stored(2, second, stride);
  _tile_stored(3, second + 16, stride);
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
  for (uint32_t d = 0; d < dimension; d += 32, out += 16 * pairBytes(2))
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
        _mm512_storeu_si512(out + pair * pairBytes(2) + half * 64, high[pair]);
        _mm512_storeu_si512(out + pair * pairBytes(2) + 128 + half * 64, low[pair]);
      }
    }
}

/// `there` positions of keys, split; zeros up to a multiple of 32.
inline void packKeys(const uint16_t* keys, uint32_t dimension, uint32_t there, uint8_t* out) {
  const size_t stride = padded(dimension) * 2, low = attentionPositions * stride;
  for (uint32_t j = 0; j < padded(there); ++j)
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

/// `there` positions of values, split and transposed; zeros up to multiples of 32.
inline void packValues(const uint16_t* values, uint32_t dimension, uint32_t there, uint8_t* out) {
  constexpr size_t stride = attentionPositions * 2;
  const size_t low = padded(dimension) * stride;
  for (uint32_t d = 0; d < padded(dimension); d += 16)
    for (uint32_t j = 0; j < there; j += 32) {
      __m512i columns[2][16];
      for (uint32_t half = 0; half < 2; ++half) {
        for (uint32_t i = 0; i < 16; ++i) {
          const uint32_t position = j + half * 16 + i;
          columns[half][i] =
              position < there && d < dimension
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

/// 2^x, as exact as weights of so many parts need; 0 where x is -inf, NaN stays NaN.
template <int parts> CHORDAL_INLINE __m512 exp2(__m512 x) {
  using namespace polynomials;
  const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); // x - floor(x)
  __m512 y;
  auto add = [&](float coefficient) { y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(coefficient)); };
  if constexpr (parts == 1) {
    y = _mm512_set1_ps(exp2B3);
    add(exp2B2), add(exp2B1), add(exp2B0);
  } else {
    y = _mm512_set1_ps(exp2E5);
    add(exp2E4), add(exp2E3), add(exp2E2), add(exp2E1), add(exp2E0);
  }
  return _mm512_scalef_ps(y, x); // y * 2^floor(x)
}

/// How far a score may be above what weights are relative to before all that was summed so far is
/// scaled: weights are at most 2 to that power.
constexpr float maximumSlack = 8;

/// Makes weights of the scores of `count` positions from `base` on, in place; zeros up to a
/// multiple of 32 positions. Scales the panel's results and sums where maxima have grown much.
template <int parts>
CHORDAL_INLINE void weighAmx(const AttentionContext& context, const Panel& panel, int32_t base,
                             uint32_t count, bool masked, float* scores) {
  const AttentionParameters& p = context.parameters;
  hideScores<2>(context, panel, base, count, masked, p.softcap * polynomials::log2e, scores);
  const __m512 lowest = _mm512_set1_ps(negativeInfinity);
  __m512 greatest[2] = {lowest, lowest}, maximum[2], total[2];
  for (uint32_t j = 0; j < count; ++j)
    for (int v = 0; v < 2; ++v)
      greatest[v] = _mm512_max_ps(_mm512_loadu_ps(scores + j * panelRows + v * lanes), greatest[v]);
  bool grows = false;
  for (int v = 0; v < 2; ++v) {
    maximum[v] = _mm512_loadu_ps(panel.maxima + v * lanes);
    total[v] = _mm512_loadu_ps(panel.sums + v * lanes);
    grows |= _mm512_cmp_ps_mask(greatest[v], maximum[v] + maximumSlack, _CMP_GT_OQ) != 0;
  }
  if (grows) {
    __m512 factor[2];
    for (int v = 0; v < 2; ++v) {
      const __m512 next = _mm512_max_ps(greatest[v], maximum[v]);
      factor[v] = exp2<parts>(maximum[v] - (__m512)referenceOf((Floats)next));
      total[v] *= factor[v];
      maximum[v] = next;
      _mm512_storeu_ps(panel.maxima + v * lanes, next);
    }
    for (uint32_t i = 0; i < p.valueDimension; ++i)
      for (int v = 0; v < 2; ++v) {
        float* at = panel.results + i * panelRows + v * lanes;
        _mm512_storeu_ps(at, _mm512_loadu_ps(at) * factor[v]);
      }
  }

  // Words 0 to 15 are of one position, 16 to 31 of the next.
  alignas(64) static constexpr uint16_t interleaved[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(interleaved);
  const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
  const __m512 references[2] = {(__m512)referenceOf((Floats)maximum[0]),
                                (__m512)referenceOf((Floats)maximum[1])};
  constexpr size_t pair = pairBytes(parts) / sizeof(float);
  auto weighPair = [&](uint32_t j, bool isWhole) {
    const float* from = scores + j * panelRows;
    float* to = scores + j / 2 * pair;
    __m512i high[2], low[2];
    for (int v = 0; v < 2; ++v) {
      const __m512 first = exp2<parts>(_mm512_loadu_ps(from + v * lanes) - references[v]);
      const __m512 second =
          isWhole ? exp2<parts>(_mm512_loadu_ps(from + panelRows + v * lanes) - references[v])
                  : _mm512_setzero_ps();
      if constexpr (parts == 1)
        high[v] = toBfloat(first, second);
      else
        split(first, second, high[v], low[v]);
      high[v] = _mm512_permutexvar_epi16(order, high[v]);
      if constexpr (parts == 1)
        total[v] = _mm512_dpbf16_ps(total[v], (__m512bh)high[v], ones);
      else
        total[v] += first + second;
    }
    for (int v = 0; v < 2; ++v) {
      _mm512_storeu_si512(to + v * lanes, high[v]);
      if constexpr (parts == 2)
        _mm512_storeu_si512(to + panelRows + v * lanes, _mm512_permutexvar_epi16(order, low[v]));
    }
  };
  uint32_t j = 0;
  for (; j + 2 <= count; j += 2)
    weighPair(j, true);
  if (j < count) {
    weighPair(j, false);
    j += 2;
  }
  for (; j < padded(count); j += 2)
    for (size_t i = 0; i < pair; i += lanes)
      _mm512_storeu_ps(scores + j / 2 * pair + i, _mm512_setzero_ps());
  for (int v = 0; v < 2; ++v)
    _mm512_storeu_ps(panel.sums + v * lanes, total[v]);
}

/// Adds `count` positions to a panel.
template <int parts>
inline void attendPositionsAmx(const AttentionContext& context, const Panel& panel,
                               const uint8_t* keys, const uint8_t* values, int32_t base,
                               uint32_t count, bool masked, float* scores) {
  const AttentionParameters& p = context.parameters;
  const uint32_t keyWidth = padded(p.keyDimension), valueWidth = padded(p.valueDimension);
  const auto* queries = reinterpret_cast<const uint8_t*>(panel.queries);
  for (uint32_t j = 0; j < count; j += 32)
    multiply32<2>(keys + j * keyWidth * 2, keyWidth * 2, attentionPositions * keyWidth * 2, queries,
                  keyWidth, false, scores + j * panelRows);
  weighAmx<parts>(context, panel, base, count, masked, scores);
  constexpr size_t stride = attentionPositions * 2;
  for (uint32_t i = 0; i < p.valueDimension; i += 32)
    multiply32<parts>(values + i * stride, stride, valueWidth * stride,
                      reinterpret_cast<const uint8_t*>(scores), padded(count), true,
                      panel.results + i * panelRows);
}

/// Attention of `tokens` tokens from `first` on: one sequence, consecutive positions.
template <int parts>
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
    maxima[row] =
        sinks ? sinks[actual(row) % context.group] * polynomials::log2e : negativeInfinity;
    sums[row] = sinks ? 1.0f : 0.0f;
  }
  const float scale = p.softcap > 0 ? context.scale : context.scale * polynomials::log2e;
  for (uint32_t i = 0; i < panels; ++i)
    packQueries(
        p.keyDimension, scale,
        [&](uint32_t r) {
          const uint32_t row = actual(i * panelRows + r);
          return context.query(first + row / context.group) +
                 size_t(row % context.group) * p.keyDimension;
        },
        reinterpret_cast<uint8_t*>(queries + size_t(i) * panelRows * keyWidth));
  __builtin_memset(results, 0, size_t(panels) * panelRows * valueWidth * sizeof(float));

  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  constexpr uint32_t stepBlocks = attentionPositions / blockPositions;
  const BlockRange range = context.blockRange(context.firstPosition(firstPosition), lastPosition);
  for (uint32_t block = range.begin; block < range.end; block += stepBlocks) {
    const auto base = int32_t(block * blockPositions);
    // Nothing from lastPosition + 1 on is touched: it may never have been written.
    const uint32_t left = uint32_t(lastPosition + 1 - base);
    const uint32_t most = (range.end - block) * blockPositions;
    const uint32_t wanted = most < attentionPositions ? most : attentionPositions;
    const uint32_t there = left < wanted ? left : wanted;
    for (uint32_t at = 0; at < there; at += blockPositions) {
      const uint32_t physical = blocks[block + at / blockPositions];
      const uint32_t count = there - at < blockPositions ? there - at : blockPositions;
      packKeys(context.cache<HalfElement>(3, physical, p.keyDimension), p.keyDimension, count,
               keys + at * keyWidth * 2);
      packValues(context.cache<HalfElement>(4, physical, p.valueDimension), p.valueDimension, count,
                 values + at * 2);
    }
    for (uint32_t i = 0; i < panels; ++i) {
      Panel panel = {queries + size_t(i) * panelRows * keyWidth,
                     results + size_t(i) * panelRows * valueWidth, maxima + i * panelRows,
                     sums + i * panelRows, positions + i * panelRows};
      const int32_t low = panel.positions[0], high = panel.positions[panelRows - 1];
      if (base > high || base + int32_t(there) <= context.firstPosition(low))
        continue;
      const uint32_t seen = high + 1 - base < int32_t(there) ? uint32_t(high + 1 - base) : there;
      const bool masked = base + int32_t(seen) - 1 > low || base < context.firstPosition(high);
      attendPositionsAmx<parts>(context, panel, keys, values, base, seen, masked, scores);
    }
  }
  _tile_release();

  // Sums become what results are multiplied with.
  for (uint32_t row = 0; row < rows; ++row)
    sums[row] = context.finish(first + row / context.group, row % context.group,
                               maxima[row] / polynomials::log2e, sums[row]);
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
        float* out =
            context.result(first + (row + r) / context.group, (row + r) % context.group) + i;
        const Floats result = (Floats)v[r] * sums[row + r];
        if (width >= 16)
          store(out, result);
        else
          storePartial(out, result, width);
      }
    }
}

} // namespace
} // namespace chordal::kernels
