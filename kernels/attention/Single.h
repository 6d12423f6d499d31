//===- Single.h - attention of one token ------------------------------------------------------===//
//
// Decoding: one token's query heads, against keys and values that are read once, straight from the
// cache, for up to eight heads together. Scores are sums along the features, so a vector of partial
// sums for each pair of head and position; as many pairs as a vector has lanes are then added up
// together, and the result has position-major lanes: lane = position * heads + head. The softmax
// stays in that form.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Context.h"

namespace chordal::kernels {
namespace {

/// Vectors of results that are held in registers at once.
#if CHORDAL_FLOATS_AVX512
constexpr int resultVectors = 16;
#else
constexpr int resultVectors = 8;
#endif

/// Positions of V that are added between two steps of the prefetch.
constexpr size_t prefetchPositions = 4;

/// Combines the lanes of each head (lane % H), so that all lanes of a head hold the result.
template <int H, typename Function>
CHORDAL_INLINE Floats acrossPositions(Floats v, Function combine) {
  for (int step = H; step < lanes; step *= 2) {
    Floats other;
    for (int i = 0; i < lanes; ++i)
      other[i] = v[i ^ step];
    v = combine(v, other);
  }
  return v;
}

/// Scores of H heads at the positions of one block, [positions][H]. Positions from `end` on are
/// not read; their scores are copies of the last one's.
template <typename Element, int H>
CHORDAL_INLINE void scoreHeads(const float* queries, size_t queryStride,
                               const typename Element::Type* keys, size_t dimension, uint32_t begin,
                               uint32_t end, float* scores, Prefetch& next) {
  constexpr uint32_t P = lanes / H;
  const size_t whole = dimension / lanes * lanes;
  for (uint32_t j = begin; j < end; j += P) {
    next.advance();
    const typename Element::Type* key[P];
    for (uint32_t i = 0; i < P; ++i)
      key[i] = keys + size_t(j + i < end ? j + i : end - 1) * dimension;
    Floats sums[lanes] = {};
    for (size_t d = 0; d < whole; d += lanes)
      for (uint32_t i = 0; i < P; ++i) {
        Floats k = Element::load(key[i] + d);
        for (int h = 0; h < H; ++h)
          sums[i * H + h] = mulAdd(k, load(queries + h * queryStride + d), sums[i * H + h]);
      }
    if (whole < dimension)
      for (uint32_t i = 0; i < P; ++i) {
        Floats k = Element::loadPartial(key[i] + whole, dimension - whole);
        for (int h = 0; h < H; ++h)
          sums[i * H + h] = mulAdd(k, load(queries + h * queryStride + whole), sums[i * H + h]);
      }
    store(scores + j * H, sumEach(sums));
  }
}

/// results[h][C vectors from values on] = themselves * factor[h] + sum over positions.
template <typename Element, int H, int C, bool partial>
CHORDAL_INLINE void valueHeads(const float* weights, const typename Element::Type* values,
                               size_t dimension, uint32_t begin, uint32_t end, const float* factor,
                               float* results, size_t resultStride, size_t partialWidth,
                               Prefetch& next) {
  Floats sum[H][C];
  for (int h = 0; h < H; ++h)
    for (int c = 0; c < C; ++c)
      sum[h][c] = load(results + h * resultStride + c * lanes) * factor[h];
  for (size_t part = begin; part < end; part += prefetchPositions) {
    next.advance();
    const size_t partEnd = part + prefetchPositions < end ? part + prefetchPositions : end;
    for (size_t j = part; j < partEnd; ++j)
      for (int c = 0; c < C; ++c) {
        const typename Element::Type* at = values + j * dimension + c * lanes;
        Floats value = partial ? Element::loadPartial(at, partialWidth) : Element::load(at);
        for (int h = 0; h < H; ++h)
          sum[h][c] = mulAdd(broadcast(weights[j * H + h]), value, sum[h][c]);
      }
  }
  for (int h = 0; h < H; ++h)
    for (int c = 0; c < C; ++c)
      store(results + h * resultStride + c * lanes, sum[h][c]);
}

/// Attention of H heads of one token: queries [H][queryStride], scaled and padded with zeros, to
/// unnormalised results [H][resultStride]; returns each head's sum of exponentials, by lane % H.
/// `sinks` is null or has one score for each of the first `heads` heads.
template <typename Element, int H>
CHORDAL_INLINE Floats attendHeads(const AttentionContext& context, const SequenceBlocks& blocks,
                                  int32_t position, const float* queries, size_t queryStride,
                                  float* results, size_t resultStride, const float* sinks,
                                  uint32_t heads) {
  const AttentionParameters& p = context.parameters;
  constexpr uint32_t P = lanes / H;
  constexpr int C = resultVectors / H > 4 ? 4 : resultVectors / H > 0 ? resultVectors / H : 1;
  float* scores = context.scratch(context.at.scores);
  __builtin_memset(results, 0, H * resultStride * sizeof(float));
  Floats maximum = broadcast(negativeInfinity), total{};
  if (sinks)
    for (int i = 0; i < lanes; ++i)
      if (uint32_t(i % H) < heads) {
        maximum[i] = sinks[i % H];
        total[i] = i < H ? 1.0f : 0.0f; // once for all lanes of a head
      }
  const Ints laneIndex = iota() / H;

  const int32_t first = context.firstPosition(position);
  for (uint32_t block = uint32_t(first) / blockPositions;
       block <= uint32_t(position) / blockPositions; ++block) {
    const auto base = int32_t(block * blockPositions);
    uint32_t begin = first > base ? uint32_t(first - base) : 0;
    auto end = uint32_t(position + 1 - base);
    end = end > blockPositions ? blockPositions : end;
    const auto* keys = context.cache<Element>(3, blocks[block], p.keyDimension);
    const auto* values = context.cache<Element>(4, blocks[block], p.valueDimension);
    Prefetch next;
    if (block < uint32_t(position) / blockPositions)
      next = Prefetch(context.cache<Element>(3, blocks[block + 1], p.keyDimension),
                      context.cache<Element>(4, blocks[block + 1], p.valueDimension),
                      blockPositions * sizeof(typename Element::Type), p.keyDimension,
                      p.valueDimension,
                      blockPositions / P +
                          p.valueDimension / (C * lanes) * (blockPositions / prefetchPositions));
    scoreHeads<Element, H>(queries, queryStride, keys, p.keyDimension, begin, end, scores, next);

    Floats blockMaximum = broadcast(negativeInfinity);
    for (uint32_t j = begin; j < end; j += P) {
      Floats s = load(scores + j * H);
      if (p.softcap > 0)
        s = tanh(s) * p.softcap;
      s = laneIndex + int32_t(j) >= int32_t(end) ? broadcast(negativeInfinity) : s;
      store(scores + j * H, s);
      blockMaximum = greater(s, blockMaximum);
    }
    blockMaximum =
        acrossPositions<H>(blockMaximum, [](Floats a, Floats b) { return greater(a, b); });
    Floats reference, factor;
    advanceMaximum(blockMaximum, maximum, reference, factor);
    total *= factor;
    for (uint32_t j = begin; j < end; j += P) {
      Floats weight = exp(load(scores + j * H) - reference);
      store(scores + j * H, weight);
      total += weight;
    }

    float factors[lanes];
    store(factors, factor);
    uint32_t i = 0;
    for (; i + C * lanes <= p.valueDimension; i += C * lanes)
      valueHeads<Element, H, C, false>(scores, values + i, p.valueDimension, begin, end, factors,
                                       results + i, resultStride, 0, next);
    for (; i + lanes <= p.valueDimension; i += lanes)
      valueHeads<Element, H, 1, false>(scores, values + i, p.valueDimension, begin, end, factors,
                                       results + i, resultStride, 0, next);
    if (i < p.valueDimension)
      valueHeads<Element, H, 1, true>(scores, values + i, p.valueDimension, begin, end, factors,
                                      results + i, resultStride, p.valueDimension - i, next);
  }
  return acrossPositions<H>(total, [](Floats a, Floats b) { return a + b; });
}

/// Attention of one token.
template <typename Element>
inline void attendToken(const AttentionContext& context, uint32_t token) {
  const AttentionParameters& p = context.parameters;
  const size_t queryStride = (p.keyDimension + lanes - 1) / lanes * lanes;
  const size_t resultStride = (p.valueDimension + lanes - 1) / lanes * lanes;
  const SequenceBlocks blocks = context.blocks(token);
  const int32_t position = context.position(token);
  float* queries = context.scratch(context.at.queries);
  float* results = context.scratch(context.at.outputs);

  for (uint32_t head = 0; head < context.group;) {
    uint32_t heads = context.group - head;
    heads = heads > 8 ? 8 : heads;
    if (lanes == 4 && heads > 4)
      heads = 4;
    // As many heads as the next power of two are computed; queries of those too many are zeros.
    uint32_t padded = heads > 4 ? 8 : heads > 2 ? 4 : heads;
    for (uint32_t h = 0; h < padded; ++h)
      for (size_t d = 0; d < queryStride; ++d)
        queries[h * queryStride + d] =
            h < heads && d < p.keyDimension
                ? context.query(token)[(head + h) * p.keyDimension + d] * context.scale
                : 0.0f;
    const float* sinks = context.sinks() ? context.sinks() + head : nullptr;
    Floats total;
    switch (padded) {
#if CHORDAL_FLOATS_AVX512 || CHORDAL_FLOATS_AVX2
    case 8:
      total = attendHeads<Element, 8>(context, blocks, position, queries, queryStride, results,
                                      resultStride, sinks, heads);
      break;
#endif
    case 4:
      total = attendHeads<Element, 4>(context, blocks, position, queries, queryStride, results,
                                      resultStride, sinks, heads);
      break;
    case 2:
      total = attendHeads<Element, 2>(context, blocks, position, queries, queryStride, results,
                                      resultStride, sinks, heads);
      break;
    default:
      total = attendHeads<Element, 1>(context, blocks, position, queries, queryStride, results,
                                      resultStride, sinks, heads);
      break;
    }
    for (uint32_t h = 0; h < heads; ++h) {
      float* out = context.result(token) + size_t(head + h) * p.valueDimension;
      float factor = 1.0f / total[h];
      for (uint32_t i = 0; i < p.valueDimension; ++i)
        out[i] = results[h * resultStride + i] * factor;
    }
    head += heads;
  }
}

} // namespace
} // namespace chordal::kernels
