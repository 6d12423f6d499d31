//===- Single.h - attention of one token ------------------------------------------------------===//
//
// Decoding: one token's query heads, against keys and values that are read once, straight from the
// cache, for up to eight heads together. Scores have position-major lanes: lane = position * heads
// + head; the softmax stays in that form. They are sums along the features, in one of two ways:
//
//   A vector of partial sums for each pair of head and position. As many pairs as a vector has
//   lanes are then added up together.
//
//   Where heads nearly fill a vector (headsShareVectors), one for each position, with the heads
//   side by side. Queries lie ready in that order, and a few features of the key are repeated for
//   all heads, which costs nothing but a load. Hardly any sums across lanes remain.
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

/// Whether partial sums of H heads are in one vector.
template <int H> constexpr bool headsShareVectors = lanes >= 8 && lanes / H <= 2;

/// P floats.
template <int P> struct Few {
  typedef float Type __attribute__((vector_size(P * 4), aligned(4), may_alias));
};

/// Scales the query of head h of H. Where heads share vectors, P features of a head are followed by
/// those of the next; else heads are queryStride apart.
template <int H>
CHORDAL_INLINE void placeQuery(const float* query, size_t dimension, float scale, size_t h,
                               size_t queryStride, float* queries) {
  constexpr size_t P = lanes / H;
  if constexpr (headsShareVectors<H>) {
    using Part = typename Few<P>::Type;
    size_t d = 0;
    for (; d + P <= dimension; d += P)
      *reinterpret_cast<Part*>(queries + d * H + h * P) =
          *reinterpret_cast<const Part*>(query + d) * scale;
    for (size_t i = d; i < dimension; ++i)
      queries[d * H + h * P + i - d] = query[i] * scale;
  } else {
    for (size_t d = 0; d < dimension; ++d)
      queries[h * queryStride + d] = query[d] * scale;
  }
}

/// P floats, repeated for each head.
template <int P> CHORDAL_INLINE Floats loadRepeated(const float* p) {
  auto part = *reinterpret_cast<const typename Few<P>::Type*>(p);
  Floats v;
  for (int i = 0; i < lanes; ++i)
    v[i] = part[i % P];
  return v;
}

/// Positions whose sums of all heads, a vector each, are held in registers.
constexpr uint32_t sharedPositions = resultVectors;

/// What scoreHeads does, where headsShareVectors.
template <typename Element, int H>
CHORDAL_INLINE void scoreSharedHeads(const float* queries, const typename Element::Type* keys,
                                     size_t dimension, uint32_t begin, uint32_t end, float* scores,
                                     Prefetch& next) {
  constexpr int P = lanes / H;
  alignas(64) float tile[sharedPositions * lanes];
  for (uint32_t j = begin; j < end; j += sharedPositions) {
    Floats sums[sharedPositions] = {};
    for (size_t d = 0; d < dimension; d += lanes) {
      next.advance();
      for (uint32_t i = 0; i < sharedPositions; ++i) {
        const typename Element::Type* key =
            keys + size_t(j + i < end ? j + i : end - 1) * dimension + d;
        store(tile + i * lanes, d + lanes <= dimension ? Element::load(key)
                                                       : Element::loadPartial(key, dimension - d));
      }
      // Repeated by loads: taking parts out of registers would cost shuffles.
      __asm__("" : "+m"(tile));
      for (int part = 0; part < H; ++part) {
        const Floats query = load(queries + d * H + part * lanes);
        for (uint32_t i = 0; i < sharedPositions; ++i)
          sums[i] = mulAdd(loadRepeated<P>(tile + i * lanes + part * P), query, sums[i]);
      }
    }
    for (uint32_t i = 0; i < sharedPositions && j + i < end; i += P) {
      Floats even = sums[i], odd;
      if constexpr (P == 2) {
        for (int k = 0; k < lanes; ++k) {
          even[k] = sums[i + k / H][2 * (k % H)];
          odd[k] = sums[i + k / H][2 * (k % H) + 1];
        }
        even += odd;
      }
      store(scores + (j + i) * H, even);
    }
  }
}

/// Scores of H heads at the positions of one block, [positions][H]. Positions from `end` on are
/// not read; their scores are copies of the last one's.
template <typename Element, int H>
CHORDAL_INLINE void scoreHeads(const float* queries, size_t queryStride,
                               const typename Element::Type* keys, size_t dimension, uint32_t begin,
                               uint32_t end, float* scores, Prefetch& next) {
  if constexpr (headsShareVectors<H>)
    return scoreSharedHeads<Element, H>(queries, keys, dimension, begin, end, scores, next);
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

/// Attention of `heads` heads of one token, from `head` on, H together: those too many have queries
/// of zeros.
template <typename Element, int H>
CHORDAL_INLINE void attendHeads(const AttentionContext& context, uint32_t token, uint32_t head,
                                uint32_t heads) {
  const AttentionParameters& p = context.parameters;
  constexpr uint32_t P = lanes / H;
  constexpr int C = resultVectors / H > 4 ? 4 : resultVectors / H > 0 ? resultVectors / H : 1;
  const SequenceBlocks blocks = context.blocks(token);
  const int32_t position = context.position(token);
  const size_t queryStride = (p.keyDimension + lanes - 1) / lanes * lanes;
  const size_t resultStride = (p.valueDimension + lanes - 1) / lanes * lanes;
  const int32_t first = context.firstPosition(position);
  const BlockRange range = context.blockRange(first, position);
  // The block before it is another split's, maybe another worker's.
  if (range.begin > uint32_t(first) / blockPositions)
    prefetchBlock<Element>(context, blocks[range.begin], 0).advance();
  float* queries = context.scratch(context.at.queries);
  float* results = context.scratch(context.at.outputs);
  float* scores = context.scratch(context.at.scores);
  __builtin_memset(queries, 0, H * queryStride * sizeof(float));
  __builtin_memset(results, 0, H * resultStride * sizeof(float));
  for (uint32_t h = 0; h < heads; ++h)
    placeQuery<H>(context.query(token) + size_t(head + h) * p.keyDimension, p.keyDimension,
                  context.scale, h, queryStride, queries);
  Floats maximum = broadcast(negativeInfinity), total{};
  if (context.sinks())
    for (int i = 0; i < lanes; ++i)
      if (uint32_t(i % H) < heads) {
        maximum[i] = context.sinks()[head + uint32_t(i % H)];
        total[i] = i < H ? 1.0f : 0.0f; // once for all lanes of a head
      }
  const Ints laneIndex = iota() / H;

  for (uint32_t block = range.begin; block < range.end; ++block) {
    const auto base = int32_t(block * blockPositions);
    uint32_t begin = first > base ? uint32_t(first - base) : 0;
    auto end = uint32_t(position + 1 - base);
    end = end > blockPositions ? blockPositions : end;
    const auto* keys = context.cache<Element>(3, blocks[block], p.keyDimension);
    const auto* values = context.cache<Element>(4, blocks[block], p.valueDimension);
    Prefetch next;
    // Of another split, too: mostly it is the same worker's next.
    if (block < uint32_t(position) / blockPositions)
      next = prefetchBlock<Element>(
          context, blocks[block + 1],
          (headsShareVectors<H> ? blockPositions / sharedPositions * (p.keyDimension / lanes)
                                : blockPositions / P) +
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
  total = acrossPositions<H>(total, [](Floats a, Floats b) { return a + b; });
  for (uint32_t h = 0; h < heads; ++h) {
    float* out = context.result(token, head + h);
    const float factor = context.finish(token, head + h, maximum[h], total[h]);
    for (uint32_t i = 0; i < p.valueDimension; ++i)
      out[i] = results[h * resultStride + i] * factor;
  }
}

/// Attention of one token, for a power of two of heads at a time.
template <typename Element>
inline void attendToken(const AttentionContext& context, uint32_t token) {
  constexpr uint32_t most = lanes > 4 ? 8 : 4;
  for (uint32_t head = 0; head < context.group; head += most) {
    const uint32_t heads = context.group - head < most ? context.group - head : most;
    if (heads > 4) {
      if constexpr (most > 4)
        attendHeads<Element, 8>(context, token, head, heads);
    } else if (heads > 2) {
      attendHeads<Element, 4>(context, token, head, heads);
    } else if (heads > 1) {
      attendHeads<Element, 2>(context, token, head, heads);
    } else {
      attendHeads<Element, 1>(context, token, head, heads);
    }
  }
}

} // namespace
} // namespace chordal::kernels
