//===- Gemv.h - matmul for few rows of activations -------------------------------------------===//
//
// Reads packed blocks once, in order, and multiplies each weight row with up to I::gemvRows rows of
// activations at a time: at the speed of memory for one row.
//
// A group's integer sums stay spread over the 8 lanes of a vector: they are scaled and added there,
// and only at a row's end are the lanes summed. The scale of a group, multiplied with that of the
// activations, is stored and loaded again as a broadcast, which costs no shuffle. Minimums, and
// the zero points of formats with 16 weights to a scale, are a second sum of a vector of groups.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Shard.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

template <class I, class F> struct Gemv {
  static constexpr bool quantized = true, needsTile = false;

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
      return I::signedDot(start, codes, q);
    else
      return I::dot(start, codes, q);
  }

  template <int T> struct Sums {
    static constexpr int chains = T == 1 ? 4 : T == 2 ? 2 : 1;
    typename I::Floats products[T][chains];
    typename I::Floats corrections[T];
  };

  template <int T>
  CHORDAL_INLINE void addGroup(const typename F::Block* unit, const Row (&rows)[T], int first,
                               int g, int chain, const float (&scale)[T][8 * parts],
                               Sums<T>& sums) {
    typename I::Bytes codes = F::template codes<I>(unit, g);
    if constexpr (F::isSigned)
      codes = I::fromSigned(codes);
#pragma unroll
    for (int t = 0; t < T; ++t) {
      typename I::Floats products = I::toFloats(dot(rows[t], first + g, codes));
      typename I::Floats by =
          parts == 1 ? I::broadcast(scale[t] + g) : I::broadcastPair(scale[t] + 2 * g);
      sums.products[t][chain] = I::fma(products, by, sums.products[t][chain]);
    }
  }

  /// Adds n groups, from group `first` of the row on; `full`: n is 8.
  template <int T, bool full>
  CHORDAL_INLINE void addUnit(const typename F::Block* unit, const Row (&rows)[T], int first, int n,
                              Sums<T>& sums) {
    Scales<I, F::perScale> s;
    F::template scales<I>(unit, n, s);
    alignas(32) float scale[T][8 * parts];
#pragma unroll
    for (int t = 0; t < T; ++t) {
#pragma unroll
      for (int v = 0; v < parts; ++v) {
        typename I::Floats a, b;
        if constexpr (full) {
          a = I::loadFloats(rows[t].scale + parts * first + 8 * v);
          if constexpr (hasSums)
            b = I::loadFloats(rows[t].sums + parts * first + 8 * v);
        } else {
          a = I::loadFirstFloats(rows[t].scale + parts * first, n);
          if constexpr (hasSums)
            b = I::loadFirstFloats(rows[t].sums + parts * first, n);
        }
        I::storeFloats(scale[t] + 8 * v, I::mul(s.scale[v], a));
        if constexpr (F::hasMinimum)
          sums.corrections[t] = I::fma(s.minimum[v], b, sums.corrections[t]);
        else if constexpr (correctsZero)
          sums.corrections[t] = I::fma(s.scale[v], b, sums.corrections[t]);
      }
    }
    // Keeps the compiler from turning the broadcast loads below into shuffles of these registers.
    __asm__("" : "+m"(scale));
    if constexpr (full) {
#pragma unroll
      for (int g = 0; g < 8; ++g)
        addGroup<T>(unit, rows, first, g, g % Sums<T>::chains, scale, sums);
    } else {
      for (int g = 0; g < n; ++g)
        addGroup<T>(unit, rows, first, g, 0, scale, sums);
    }
  }

  template <int T>
  CHORDAL_INLINE void weightRow(const uint8_t* weights, const Row (&rows)[T], int groups,
                                float (&results)[T]) {
    Sums<T> sums;
    for (int t = 0; t < T; ++t) {
      for (auto& p : sums.products[t])
        p = I::zeroFloats();
      sums.corrections[t] = I::zeroFloats();
    }
    const auto* block = reinterpret_cast<const typename F::Block*>(weights);
    int unit = 0;
    for (; unit + 8 <= groups; unit += 8, block += 8 / F::groups)
      addUnit<T, true>(block, rows, unit, 8, sums);
    if constexpr (F::groups == 1) {
      if (unit < groups)
        addUnit<T, false>(block, rows, unit, groups - unit, sums);
    }
    for (int t = 0; t < T; ++t) {
      typename I::Floats total = sums.products[t][0];
      for (int c = 1; c < Sums<T>::chains; ++c)
        total = I::add(total, sums.products[t][c]);
      if constexpr (hasSums)
        total = I::sub(total, sums.corrections[t]);
      results[t] = I::sum(total);
    }
  }

  template <int T> CHORDAL_INLINE void rowBlock(const Tile& tile, uint32_t firstRow) {
    const int groups = int(tile.columns / 32);
    Row rows[T];
    uint8_t* prepared = tile.scratch + tile.layout->prepared;
    for (int t = 0; t < T; ++t) {
      Activation a = activation(tile.x + (firstRow + t) * tile.xStride, tile.columns);
      rows[t] = {a.q, a.scale, nullptr, nullptr};
      if constexpr (parts == 2) {
        float* scale = reinterpret_cast<float*>(prepared);
        for (int g = 0; g < groups; ++g)
          scale[2 * g] = scale[2 * g + 1] = a.scale[g];
        rows[t].scale = scale;
        prepared += groups * 8;
      }
      if constexpr (hasSums) {
        float* sums = reinterpret_cast<float*>(prepared);
        scaledSums<F::perScale>(a.sum, a.scale, groups * parts, sums);
        if constexpr (correctsZero)
          for (int g = 0; g < groups * parts; ++g)
            sums[g] *= float(zero);
        rows[t].sums = sums;
        prepared += groups * parts * 4;
      }
      if constexpr (startsAtZeroSum) {
        int32_t* start = reinterpret_cast<int32_t*>(prepared);
        zeroSums<32>(a.sum, groups, zero, start);
        rows[t].start = start;
        prepared += groups * 4;
      }
    }
    const uint8_t* weights = tile.weights;
    for (uint32_t w = 0; w < tile.count; ++w, weights += tile.weightStride) {
      float results[T];
      weightRow<T>(weights, rows, groups, results);
      for (int t = 0; t < T; ++t)
        outRow(tile, firstRow + t)[w] = results[t];
    }
  }

  static void compute(const Tile& tile) {
    uint32_t row = 0;
    for (; row + 4 <= tile.rows; row += 4)
      rowBlock<4>(tile, row);
    if (tile.rows - row == 3)
      return rowBlock<3>(tile, row);
    if (tile.rows - row == 2)
      return rowBlock<2>(tile, row);
    if (tile.rows - row == 1)
      rowBlock<1>(tile, row);
  }
};

/// The same for float weights and activations.
template <class I, class F> struct FloatGemv {
  static constexpr bool quantized = false, needsTile = false;

  template <int T> CHORDAL_INLINE void rowBlock(const Tile& tile, uint32_t firstRow) {
    constexpr int chains = T == 1 ? 4 : 2;
    const float* x[T];
    for (int t = 0; t < T; ++t)
      x[t] = reinterpret_cast<const float*>(tile.x + (firstRow + t) * tile.xStride);
    for (uint32_t w = 0; w < tile.count; ++w) {
      const uint8_t* weights = tile.weights + w * tile.weightStride;
      typename I::Floats sums[T][chains];
      for (auto& s : sums)
        for (auto& c : s)
          c = I::zeroFloats();
      uint32_t k = 0;
      for (; k + 8 * chains <= tile.columns; k += 8 * chains) {
#pragma unroll
        for (int c = 0; c < chains; ++c) {
          typename I::Floats v = F::template load<I>(weights + (k + 8 * c) * F::bytes);
#pragma unroll
          for (int t = 0; t < T; ++t)
            sums[t][c] = I::fma(v, I::loadFloats(x[t] + k + 8 * c), sums[t][c]);
        }
      }
      for (; k < tile.columns; k += 8) {
        const int n = tile.columns - k < 8 ? int(tile.columns - k) : 8;
        alignas(32) uint8_t part[32] = {};
        for (int i = 0; i < n * F::bytes; ++i)
          part[i] = weights[k * F::bytes + i];
        typename I::Floats v = F::template load<I>(part);
        for (int t = 0; t < T; ++t)
          sums[t][0] = I::fma(v, I::loadFirstFloats(x[t] + k, n), sums[t][0]);
      }
      for (int t = 0; t < T; ++t) {
        typename I::Floats total = sums[t][0];
        for (int c = 1; c < chains; ++c)
          total = I::add(total, sums[t][c]);
        outRow(tile, firstRow + t)[w] = I::sum(total);
      }
    }
  }

  static void compute(const Tile& tile) {
    uint32_t row = 0;
    for (; row + 4 <= tile.rows; row += 4)
      rowBlock<4>(tile, row);
    if (tile.rows - row == 3)
      return rowBlock<3>(tile, row);
    if (tile.rows - row == 2)
      return rowBlock<2>(tile, row);
    if (tile.rows - row == 1)
      rowBlock<1>(tile, row);
  }
};

} // namespace
} // namespace chordal::kernels
