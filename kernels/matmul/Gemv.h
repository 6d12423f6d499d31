//===- Gemv.h - matmul for one row of activations --------------------------------------------===//
//
// Reads packed blocks once, in order, at the speed of memory. (More rows are taken one by one; from
// two on, the GEMM is faster.)
//
// A group's integer sums stay spread over the 8 lanes of a vector: they are scaled and added there,
// and only at a row's end are the lanes summed. Minimums, and the zero points of formats with 16
// weights to a scale, are a second sum of a vector of groups.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Shard.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

/// Asks for the `bytes` bytes that will be read a page from now. The processor's own prefetching
/// stops at page borders and falls behind where memory is shared (a third to a half slower here).
CHORDAL_INLINE void prefetch(const void* now, size_t bytes) {
  const char* p = static_cast<const char*>(now) + 4096;
  for (size_t i = 0; i < bytes; i += 64)
    __builtin_prefetch(p + i);
}

template <class I, class F> struct Gemv {
  static constexpr Activations activations = Activations::Q8;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr bool needsTile = false;

  /// The zero point of the codes as dot() sees them.
  static constexpr int zero = F::isSigned ? I::signedZero : F::zero;
  static constexpr bool startsAtZeroSum = zero != 0 && F::perScale == 32;
  static constexpr bool correctsZero = zero != 0 && F::perScale == 16;
  static constexpr bool hasSums = F::hasMinimum || correctsZero;
  static constexpr int parts = 32 / F::perScale; // scales to a group

  /// What a row of activations is multiplied by means of.
  struct Row {
    const int8_t* q;
    const float* scale;   // [groups * parts]
    const float* sums;    // [groups * parts], if hasSums
    const int32_t* start; // [groups], if startsAtZeroSum
  };

  CHORDAL_INLINE typename I::Ints dot(const Row& row, int group, typename I::Bytes codes) {
    typename I::Ints start = startsAtZeroSum ? I::firstLane(row.start + group) : I::zeroInts();
    typename I::Bytes q = I::load(row.q + 32 * group);
    if constexpr (F::isSigned)
      return I::signedDot(start, I::fromSigned(codes), q);
    else
      return I::dot(start, codes, q);
  }

  struct Sums {
    static constexpr int chains = 4; // of dependent additions
    typename I::Floats products[chains];
    typename I::Floats corrections;
  };

  CHORDAL_INLINE void addGroup(const typename F::Block* unit, const Row& row, int first, int g,
                               int chain, const typename I::Floats (&scales)[parts], Sums& sums) {
    typename I::Floats scale;
    if constexpr (parts == 1)
      scale = I::broadcastLane(scales[0], g);
    else
      scale = I::broadcastLanePair(scales[g / 4], 2 * (g % 4));
    typename I::Floats products = I::toFloats(dot(row, first + g, F::template codes<I>(unit, g)));
    sums.products[chain] = I::fma(products, scale, sums.products[chain]);
  }

  /// Adds n groups, from group `first` of the row on; `full`: n is 8.
  template <bool full>
  CHORDAL_INLINE void addUnit(const typename F::Block* unit, const Row& row, int first, int n,
                              Sums& sums) {
    Scales<I, F::perScale> s;
    F::template scales<I>(unit, n, s);
    typename I::Floats scales[parts];
#pragma unroll
    for (int v = 0; v < parts; ++v) {
      typename I::Floats a, b;
      if constexpr (full) {
        a = I::loadFloats(row.scale + parts * first + 8 * v);
        if constexpr (hasSums)
          b = I::loadFloats(row.sums + parts * first + 8 * v);
      } else {
        const int left = parts * n - 8 * v, count = left < 0 ? 0 : left < 8 ? left : 8;
        a = I::loadFirstFloats(row.scale + parts * first + 8 * v, count);
        if constexpr (hasSums)
          b = I::loadFirstFloats(row.sums + parts * first + 8 * v, count);
      }
      scales[v] = I::mul(s.scale[v], a);
      if constexpr (F::hasMinimum)
        sums.corrections = I::fma(s.minimum[v], b, sums.corrections);
      else if constexpr (correctsZero)
        sums.corrections = I::fma(s.scale[v], b, sums.corrections);
    }
    if constexpr (full) {
#pragma unroll
      for (int g = 0; g < 8; ++g)
        addGroup(unit, row, first, g, g % Sums::chains, scales, sums);
    } else {
      for (int g = 0; g < n; ++g)
        addGroup(unit, row, first, g, 0, scales, sums);
    }
  }

  CHORDAL_INLINE float product(const uint8_t* weights, const Row& row, int groups) {
    Sums sums;
    for (auto& p : sums.products)
      p = I::zeroFloats();
    sums.corrections = I::zeroFloats();
    const auto* block = reinterpret_cast<const typename F::Block*>(weights);
    int unit = 0;
    for (; unit + 8 <= groups; unit += 8, block += 8 / F::groups) {
      prefetch(block, 8 / F::groups * sizeof *block);
      addUnit<true>(block, row, unit, 8, sums);
    }
    if constexpr (F::groups < 8) {
      if (unit < groups)
        addUnit<false>(block, row, unit, groups - unit, sums);
    }
    typename I::Floats total = sums.products[0];
    for (int c = 1; c < Sums::chains; ++c)
      total = I::add(total, sums.products[c]);
    if constexpr (hasSums)
      total = I::sub(total, sums.corrections);
    return I::sum(total);
  }

  /// Derives what is needed of row r of the activations; into scratch.
  CHORDAL_INLINE Row prepare(const Tile& tile, uint32_t r) {
    const int groups = int(tile.columns / 32);
    uint8_t* prepared = tile.scratch + tile.layout->prepared;
    const Activation a = activation(tile.x + r * tile.xStride, tile.columns);
    Row row = {a.q, a.scale, nullptr, nullptr};
    if constexpr (parts == 2) {
      float* scale = reinterpret_cast<float*>(prepared);
      for (int g = 0; g < groups; g += 4) // of whole units of 8
        I::storeFloats(scale + 2 * g, I::loadTwice(a.scale + g));
      row.scale = scale;
      prepared += groups * 8;
    }
    if constexpr (hasSums) {
      float* sums = reinterpret_cast<float*>(prepared);
      scaledSums<I, F::perScale>(a.sum, a.scale, groups * parts, F::hasMinimum ? 1 : zero, sums);
      row.sums = sums;
      prepared += groups * parts * 4;
    }
    if constexpr (startsAtZeroSum) {
      int32_t* start = reinterpret_cast<int32_t*>(prepared);
      zeroSums<I, 32>(a.sum, groups, zero, start);
      row.start = start;
    }
    return row;
  }

  static void compute(const Tile& tile) {
    for (uint32_t r = 0; r < tile.rows; ++r) {
      const Row row = prepare(tile, r);
      float* out = outRow(tile, r);
      const uint8_t* weights = tile.weights;
      for (uint32_t w = 0; w < tile.count; ++w, weights += tile.weightStride)
        out[w] = product(weights, row, int(tile.columns / 32));
    }
  }
};

/// The same for float weights and activations.
template <class I, class F> struct FloatGemv {
  static constexpr Activations activations = Activations::F32;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr bool needsTile = false;

  CHORDAL_INLINE float product(const uint8_t* weights, const float* x, uint32_t columns) {
    constexpr uint32_t chains = 4;
    typename I::Floats sums[chains];
    for (auto& s : sums)
      s = I::zeroFloats();
    uint32_t k = 0;
    for (; k + 8 * chains <= columns; k += 8 * chains) {
      prefetch(weights + k * F::bytes, 8 * chains * F::bytes);
#pragma unroll
      for (uint32_t c = 0; c < chains; ++c)
        sums[c] = I::fma(F::template load<I>(weights + (k + 8 * c) * F::bytes),
                         I::loadFloats(x + k + 8 * c), sums[c]);
    }
    for (; k < columns; k += 8) {
      const uint32_t n = columns - k < 8 ? columns - k : 8;
      alignas(32) uint8_t part[32] = {};
      for (uint32_t i = 0; i < n * F::bytes; ++i)
        part[i] = weights[k * F::bytes + i];
      sums[0] = I::fma(F::template load<I>(part), I::loadFirstFloats(x + k, int(n)), sums[0]);
    }
    return I::sum(I::add(I::add(sums[0], sums[1]), I::add(sums[2], sums[3])));
  }

  static void compute(const Tile& tile) {
    for (uint32_t r = 0; r < tile.rows; ++r) {
      const float* x = reinterpret_cast<const float*>(tile.x + r * tile.xStride);
      float* out = outRow(tile, r);
      const uint8_t* weights = tile.weights;
      for (uint32_t w = 0; w < tile.count; ++w, weights += tile.weightStride)
        out[w] = product(weights, x, tile.columns);
    }
  }
};

} // namespace
} // namespace chordal::kernels
