//===- Tile.h - attention of many query rows --------------------------------------------------===//
//
// Flash attention for a run of tokens of one sequence at consecutive positions. A row is one query
// head of one token. Rows lie in the lanes of vectors, everywhere: queries, scores and results are
// stored as columns of a panel of a few vectors, keys and values are broadcast. So K needs no
// transposition, the softmax no sums across lanes, and any head dimension is as good as another.
//
//   scores [positions][panel]  = K [positions][keyDimension] * queries [keyDimension][panel]
//   results [valueDimension][panel] = results * factor + transpose(V) * exp(scores - maximum)
//
// Blocks of the KV cache are the outer loop: a block is converted to float once for all panels.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Context.h"

namespace chordal::kernels {
namespace {

/// Positions (of K) or features (of V) whose accumulators are in registers at once, beside a
/// panel's vectors of rows.
#if CHORDAL_FLOATS_AVX512
constexpr int tileWidth = 8;
#elif CHORDAL_FLOATS_AVX2
constexpr int tileWidth = 6;
#else
constexpr int tileWidth = 4;
#endif

/// scores[j] = sum over features of keys[j] * queries, for N positions.
template <int V, int N>
CHORDAL_INLINE void scoreTile(const float* queries, const float* keys, size_t dimension,
                              float* scores) {
  Floats sum[N][V] = {};
  const float* key[N];
  for (int j = 0; j < N; ++j) {
    key[j] = keys + j * dimension;
    // A register for each position: otherwise the compiler computes the addresses from one another
    // in the loop, on the ports that the products need.
    __asm__("" : "+r"(key[j]));
  }
  for (size_t d = 0; d < dimension; ++d)
    for (int j = 0; j < N; ++j)
      for (int v = 0; v < V; ++v)
        sum[j][v] = mulAdd(broadcast(key[j][d]), load(queries + (d * V + v) * lanes), sum[j][v]);
  for (int j = 0; j < N; ++j)
    for (int v = 0; v < V; ++v)
      store(scores + (j * V + v) * lanes, sum[j][v]);
}

/// results[i] = results[i] * factor + sum over positions of weights * values[.][i], N features.
template <int V, int N>
CHORDAL_INLINE void valueTile(const float* weights, const float* values, size_t dimension,
                              size_t positions, const Floats (&factor)[V], float* results) {
  Floats sum[N][V];
  for (int i = 0; i < N; ++i)
    for (int v = 0; v < V; ++v)
      sum[i][v] = load(results + (i * V + v) * lanes) * factor[v];
  for (size_t j = 0; j < positions; ++j)
    for (int i = 0; i < N; ++i)
      for (int v = 0; v < V; ++v)
        sum[i][v] = mulAdd(broadcast(values[j * dimension + i]),
                           load(weights + (j * V + v) * lanes), sum[i][v]);
  for (int i = 0; i < N; ++i)
    for (int v = 0; v < V; ++v)
      store(results + (i * V + v) * lanes, sum[i][v]);
}

/// A panel: V vectors of rows.
struct Panel {
  const float* queries;     ///< [keyDimension][V * lanes], scaled
  float* results;           ///< [valueDimension][V * lanes]
  float* maxima;            ///< [V * lanes]
  float* sums;              ///< [V * lanes]
  const int32_t* positions; ///< [V * lanes]
};

/// Scores of `count` positions from `base` on: tanh(score) * softcap, if there is a softcap, and
/// -inf where a row must not see the position.
template <int V>
CHORDAL_INLINE void hideScores(const AttentionContext& context, const Panel& panel, int32_t base,
                               size_t count, bool masked, float softcap, float* scores) {
  if (!(softcap > 0) && !masked)
    return;
  for (int v = 0; v < V; ++v) {
    Ints last = loadInts(panel.positions + v * lanes);
    // A row at `last` sees positions in (last - window, last].
    Ints before = context.window == 0 ? broadcast(-1) : last - int32_t(context.window);
    for (size_t j = 0; j < count; ++j) {
      float* at = scores + (j * V + v) * lanes;
      Floats s = load(at);
      if (softcap > 0)
        s = tanh(s) * softcap;
      if (masked) {
        Ints position = broadcast(base + int32_t(j));
        s = ((position > last) | (position <= before)) ? broadcast(negativeInfinity) : s;
      }
      store(at, s);
    }
  }
}

/// Scores of `count` positions from `base` on become weights relative to the greatest score that a
/// row has seen; `factor` is what sums so far have to be multiplied with.
template <int V>
CHORDAL_INLINE void weigh(const AttentionContext& context, const Panel& panel, int32_t base,
                          size_t count, bool masked, float* scores, Floats (&factor)[V]) {
  constexpr int width = V * lanes;
  Floats blockMaximum[V], reference[V], total[V];
  for (int v = 0; v < V; ++v)
    blockMaximum[v] = broadcast(negativeInfinity);
  hideScores<V>(context, panel, base, count, masked, context.parameters.softcap, scores);
  for (size_t j = 0; j < count; ++j)
    for (int v = 0; v < V; ++v)
      blockMaximum[v] = greater(load(scores + j * width + v * lanes), blockMaximum[v]);
  for (int v = 0; v < V; ++v) {
    Floats maximum = load(panel.maxima + v * lanes);
    advanceMaximum(blockMaximum[v], maximum, reference[v], factor[v]);
    store(panel.maxima + v * lanes, maximum);
    total[v] = load(panel.sums + v * lanes) * factor[v];
  }
  for (size_t j = 0; j < count; ++j)
    for (int v = 0; v < V; ++v) {
      float* at = scores + j * width + v * lanes;
      Floats weight = exp(load(at) - reference[v]);
      store(at, weight);
      total[v] += weight;
    }
  for (int v = 0; v < V; ++v)
    store(panel.sums + v * lanes, total[v]);
}

/// Adds positions [begin, end) of a block, counted from the block's first position `base`, to a
/// panel. keys and values are the block's.
template <int V>
inline void attendBlock(const AttentionContext& context, const Panel& panel, const float* keys,
                        const float* values, int32_t base, uint32_t begin, uint32_t end,
                        bool masked, float* scores, Prefetch& next) {
  const AttentionParameters& p = context.parameters;
  constexpr int width = V * lanes;
  keys += size_t(begin) * p.keyDimension;
  values += size_t(begin) * p.valueDimension;
  base += int32_t(begin);
  const size_t count = end - begin, keyDimension = p.keyDimension,
               valueDimension = p.valueDimension;
  size_t j = 0;
  for (; j + tileWidth <= count; j += tileWidth) {
    scoreTile<V, tileWidth>(panel.queries, keys + j * keyDimension, keyDimension,
                            scores + j * width);
    next.advance();
  }
  for (; j + 4 <= count; j += 4)
    scoreTile<V, 4>(panel.queries, keys + j * keyDimension, keyDimension, scores + j * width);
  for (; j < count; ++j)
    scoreTile<V, 1>(panel.queries, keys + j * keyDimension, keyDimension, scores + j * width);

  Floats factor[V];
  weigh<V>(context, panel, base, count, masked, scores, factor);

  size_t i = 0;
  for (; i + tileWidth <= valueDimension; i += tileWidth) {
    valueTile<V, tileWidth>(scores, values + i, valueDimension, count, factor,
                            panel.results + i * width);
    next.advance();
  }
  for (; i + 4 <= valueDimension; i += 4)
    valueTile<V, 4>(scores, values + i, valueDimension, count, factor, panel.results + i * width);
  for (; i < valueDimension; ++i)
    valueTile<V, 1>(scores, values + i, valueDimension, count, factor, panel.results + i * width);
}

/// Attention of `tokens` tokens from `first` on: one sequence, consecutive positions.
template <typename Element, int V>
inline void attendRun(const AttentionContext& context, uint32_t first, uint32_t tokens) {
  const AttentionParameters& p = context.parameters;
  constexpr uint32_t width = V * lanes;
  const uint32_t rows = tokens * context.group;
  const uint32_t panels = (rows + width - 1) / width;
  const int32_t firstPosition = context.position(first);
  const int32_t lastPosition = firstPosition + int32_t(tokens) - 1;
  const SequenceBlocks blocks = context.blocks(first);

  float* queries = context.scratch(context.at.queries);
  float* results = context.scratch(context.at.outputs);
  float* maxima = context.scratch(context.at.maxima);
  float* sums = context.scratch(context.at.sums);
  auto* positions = reinterpret_cast<int32_t*>(context.scratch(context.at.positions));
  float* scores = context.scratch(context.at.scores);

  const float* sinks = context.sinks();

  // Rows by token, then head. Those that pad the last panel are copies of the last one.
  for (uint32_t row = 0; row < panels * width; ++row) {
    uint32_t actual = row < rows ? row : rows - 1;
    uint32_t token = actual / context.group;
    const float* query =
        context.query(first + token) + size_t(actual % context.group) * p.keyDimension;
    float* column = queries + size_t(row / width) * width * p.keyDimension + row % width;
    for (uint32_t d = 0; d < p.keyDimension; ++d)
      column[d * width] = query[d] * context.scale;
    positions[row] = firstPosition + int32_t(token);
    maxima[row] = sinks ? sinks[actual % context.group] : negativeInfinity;
    sums[row] = sinks ? 1.0f : 0.0f;
  }
  __builtin_memset(results, 0, size_t(panels) * width * p.valueDimension * sizeof(float));

  const BlockRange range = context.blockRange(context.firstPosition(firstPosition), lastPosition);
  for (uint32_t block = range.begin; block < range.end; ++block) {
    const auto base = int32_t(block * blockPositions);
    // Nothing from lastPosition + 1 on is touched: it may never have been written.
    auto there = uint32_t(lastPosition + 1 - base);
    if (there > blockPositions)
      there = blockPositions;
    const float* keys =
        Element::floats(context.cache<Element>(3, blocks[block], p.keyDimension),
                        size_t(there) * p.keyDimension, context.scratch(context.at.keys));
    const float* values =
        Element::floats(context.cache<Element>(4, blocks[block], p.valueDimension),
                        size_t(there) * p.valueDimension, context.scratch(context.at.values));
    Prefetch next;
    if (block < uint32_t(lastPosition) / blockPositions)
      next = prefetchBlock<Element>(context, blocks[block + 1],
                                    panels * ((blockPositions + p.valueDimension) / tileWidth));
    for (uint32_t i = 0; i < panels; ++i) {
      Panel panel = {queries + size_t(i) * width * p.keyDimension,
                     results + size_t(i) * width * p.valueDimension, maxima + i * width,
                     sums + i * width, positions + i * width};
      // What any row of the panel sees, and whether all rows see all of it.
      int32_t low = panel.positions[0], high = panel.positions[width - 1];
      int32_t begin = context.firstPosition(low) - base, end = high + 1 - base;
      begin = begin < 0 ? 0 : begin;
      end = end > int32_t(there) ? int32_t(there) : end;
      if (begin >= end)
        continue;
      bool masked = base + end - 1 > low || base + begin < context.firstPosition(high);
      attendBlock<V>(context, panel, keys, values, base, uint32_t(begin), uint32_t(end), masked,
                     scores, next);
    }
  }

  for (uint32_t row = 0; row < rows; ++row) {
    const uint32_t token = first + row / context.group, head = row % context.group;
    float* out = context.result(token, head);
    const float* column = results + size_t(row / width) * width * p.valueDimension + row % width;
    const float factor = context.finish(token, head, maxima[row], sums[row]);
    for (uint32_t i = 0; i < p.valueDimension; ++i)
      out[i] = column[i * width] * factor;
  }
}

} // namespace
} // namespace chordal::kernels
