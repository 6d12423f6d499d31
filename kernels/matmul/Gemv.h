//===- Gemv.h - matmul for few rows of activations --------------------------------------------===//
//
// Reads packed blocks, for one row of activations at the speed of memory; up to four rows share
// what is read and unpacked. Rows of weights are taken in units of 8 groups of 32, for one row of
// activations four at a time, a quarter of a tile apart: four places of memory at which the
// processor reads ahead, and as many page walks at once.
//
// A group's integer sums stay spread over the lanes of a vector: they are scaled and added there,
// and only at a row's end are the lanes summed. What minimums and zero points take off is summed
// apart, a vector of groups at a time.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Vectors.h"
#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Shard.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

/// How many bytes ahead gemv asks for what it will read. The processor's own prefetching stops at
/// page borders, and beside the arithmetic few loads are under way at once.
constexpr size_t gemvAhead = 2048;

/// Prefetches the cache lines of a piece of `bytes` bytes, `ahead` bytes on, that belong to `step`
/// of `steps`: spread over the computation, they wait for free line buffers one by one instead of
/// holding it up together (measured: up to 1.5 times as fast).
template <size_t bytes, int steps>
CHORDAL_INLINE void prefetchStep(const void* piece, size_t ahead, int step) {
  constexpr int lines = int((bytes + 63) / 64);
#pragma unroll
  for (int line = 0; line < lines; ++line)
    if (line * steps / lines == step)
      __builtin_prefetch(reinterpret_cast<const char*>(uintptr_t(piece) + ahead) + 64 * line);
}

/// How many places of a tile are read at once (measured: four are up to a tenth faster than two).
constexpr uint32_t gemvPlaces = 4;

/// Calls products<n>(row, step, offset, ahead) for all rows of a tile: for the n rows `row`, row +
/// step, ... that are `offset` bytes apart; n is `places`, and 1 for the last tile.count % places.
/// What is to be prefetched lies `ahead` bytes after what is read: at the end of the parts that is
/// in the parts of the tile that comes next.
template <uint32_t places, class Products>
CHORDAL_INLINE void forRowGroups(const Tile& tile, Products products) {
  const uint32_t part = tile.count / places;
  const size_t offset = part * tile.weightStride;
  const size_t jump = uintptr_t(tile.next) - uintptr_t(tile.weights) - offset;
  for (uint32_t row = 0; row < part; ++row) {
    const bool isLast = (part - row) * tile.weightStride < gemvAhead + tile.weightStride / 2;
    products.template operator()<places>(row, part, offset, gemvAhead + (isLast ? jump : 0));
  }
  for (uint32_t row = part * places; row < tile.count; ++row)
    products.template operator()<1>(row, 0, 0, gemvAhead);
}

/// Whether a format has an order of its own for vectors of 64 bytes.
template <class F, class V>
concept HasLongCodes = partsOf<V> == 4 && requires(const typename F::Block* unit) {
  F::template longCodes<V>(unit, 0);
};
template <class F, class V>
concept HasLongScales =
    partsOf<V> == 4 && requires(const typename F::Block* unit) { F::template longScales<V>(unit); };

template <class I, class F> struct Gemv {
  static constexpr Activations activations = Activations::Q8;
  static constexpr uint32_t mostRows = fewRows;
  static constexpr bool needsTile = false;
  static constexpr uint32_t outputTile = gemvTile;
  using V = Vectors<I>;
  using Block = typename F::Block;
  using Bytes = typename V::Bytes;
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;

  static constexpr int parts = partsOf<V>;         // of 16 weights, to a vector
  static constexpr int vectors = 16 / parts;       // of codes, to a unit
  static constexpr int scales = 256 / F::perScale; // of a unit
  static constexpr int scaleVectors = scales > V::lanes ? scales / V::lanes : 1;
  static constexpr size_t unitBytes = 8 / F::groups * sizeof(Block);

  /// The zero point of the codes as dot() sees them.
  static constexpr int zero = F::isSigned ? V::signedZero : F::zero;
  /// One vector holds a unit's scales and above them its minimums.
  static constexpr bool minimumsAbove = F::hasMinimum && scales < V::lanes;
  static constexpr bool hasSums = zero != 0 || (F::hasMinimum && !minimumsAbove);

  /// Which 16 weights of a unit are part k of vector i of its codes.
  static constexpr int order(int i, int k) {
    if constexpr (HasLongCodes<F, V>)
      return F::order(i, k);
    else
      return parts * i + k;
  }
  /// Whether that is the order of the weights.
  static constexpr bool natural = [] {
    bool is = true;
    for (int part = 0; part < 16; ++part)
      is = is && order(part / parts, part % parts) == part;
    return is;
  }();
  /// 2 where vectors 2i and 2i + 1 have the same scales: their products are added as integers.
  static constexpr int chained = [] {
    bool is = F::perScale == 32;
    for (int part = 0; part < 16; ++part)
      is = is && order(part / parts, part % parts) / 2 == order(part / parts ^ 1, part % parts) / 2;
    return is ? 2 : 1;
  }();

  /// What a row of activations is multiplied by means of. Numbers for a unit are whole vectors.
  struct Row {
    const int8_t* q;     // [units][256], in the order of the codes
    const float* scales; // [units][scaleVectors]; under minimumsAbove, with the sums above
    const float* sums;   // [units][scaleVectors], if hasSums
  };

  template <int chains> struct Sums {
    Floats products[chains]; ///< chains of dependent additions
    Floats corrections;
  };

  CHORDAL_INLINE Bytes codes(const Block* unit, int i) {
    if constexpr (HasLongCodes<F, V>)
      return F::template longCodes<V>(unit, i);
    else if constexpr (parts == 4)
      return V::join(F::template codes<I>(unit, 2 * i), F::template codes<I>(unit, 2 * i + 1));
    else
      return F::template codes<I>(unit, i);
  }

  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, const int8_t* q) {
    if constexpr (F::isSigned)
      return V::signedDot(start, V::fromSigned(codes), V::load(q));
    else
      return V::dot(start, codes, V::load(q));
  }

  CHORDAL_INLINE void loadScales(const Block* unit, Floats (&scale)[scaleVectors],
                                 Floats (&minimum)[scaleVectors]) {
    if constexpr (HasLongScales<F, V>) {
      scale[0] = F::template longScales<V>(unit);
      return;
    } else {
      Scales<I, F::perScale> s;
      F::template scales<I>(unit, 8, s);
      if constexpr (parts == 2) {
        for (int v = 0; v < scaleVectors; ++v) {
          scale[v] = s.scale[v];
          if constexpr (F::hasMinimum)
            minimum[v] = s.minimum[v];
        }
      } else if constexpr (F::perScale == 16) {
        scale[0] = V::join(s.scale[0], s.scale[1]);
        if constexpr (F::hasMinimum)
          minimum[0] = V::join(s.minimum[0], s.minimum[1]);
      } else if constexpr (F::hasMinimum) {
        scale[0] = V::join(s.scale[0], s.minimum[0]);
      } else {
        scale[0] = V::low(s.scale[0]);
      }
    }
  }

  /// Adds the products of a unit, the `index`th of its row, and X rows of activations; prefetches
  /// what is `ahead` bytes on.
  template <int X, int chains>
  CHORDAL_INLINE void addUnit(const Block* unit, size_t ahead, const Row (&rows)[X], int index,
                              Sums<chains> (&sums)[X]) {
    Floats own[scaleVectors], minimum[scaleVectors], scale[X][scaleVectors];
    loadScales(unit, own, minimum);
#pragma unroll
    for (int x = 0; x < X; ++x)
#pragma unroll
      for (int v = 0; v < scaleVectors; ++v) {
        const size_t at = size_t(index * scaleVectors + v) * V::lanes;
        if constexpr (hasSums)
          sums[x].corrections = V::fma(F::hasMinimum ? minimum[v] : own[v],
                                       V::loadFloats(rows[x].sums + at), sums[x].corrections);
        scale[x][v] = V::mul(own[v], V::loadFloats(rows[x].scales + at));
        if constexpr (minimumsAbove)
          sums[x].corrections = V::add(sums[x].corrections, scale[x][v]);
      }
#pragma unroll
    for (int i = 0; i < vectors; i += chained) {
      Bytes code[chained];
#pragma unroll
      for (int c = 0; c < chained; ++c) {
        code[c] = codes(unit, i + c);
        prefetchStep<unitBytes, vectors>(unit, ahead, i + c);
      }
      int from[parts];
      for (int k = 0; k < parts; ++k)
        from[k] = order(i, k) * 16 / F::perScale;
      const int v = from[0] / V::lanes;
      for (int& lane : from)
        lane -= v * V::lanes;
#pragma unroll
      for (int x = 0; x < X; ++x) {
        const int8_t* q = rows[x].q + 256 * index + 16 * parts * i;
        Ints sum = V::zeroInts();
#pragma unroll
        for (int c = 0; c < chained; ++c)
          sum = dot(sum, code[c], q + 16 * parts * c);
        Floats& chain = sums[x].products[i / chained % chains];
        chain = V::fma(V::toFloats(sum), V::permute(scale[x][v], from), chain);
      }
    }
  }

  /// out[x][first + r * outStep] = the product of row x of the activations and the row of weights
  /// that is r * step bytes on, r < R.
  template <int R, int X>
  CHORDAL_INLINE void products(const uint8_t* weights, size_t step, size_t ahead,
                               const Row (&rows)[X], int groups, float* const (&out)[X],
                               size_t first, size_t outStep) {
    constexpr int chains = X == 1 ? 2 : 1;
    Sums<chains> sums[R][X];
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (Sums<chains>& s : sums[r]) {
        for (Floats& p : s.products)
          p = V::zeroFloats();
        s.corrections = V::zeroFloats();
      }
    int unit = 0;
    for (; 8 * unit + 8 <= groups; ++unit)
#pragma unroll
      for (int r = 0; r < R; ++r)
        addUnit(reinterpret_cast<const Block*>(weights + r * step + unit * unitBytes), ahead, rows,
                unit, sums[r]);
    if constexpr (F::groups < 8) {
      if (8 * unit < groups) {
        for (int r = 0; r < R; ++r) {
          alignas(64)
              uint8_t last[unitBytes] = {}; // blocks of weights that are 0 or multiplied by 0
          __builtin_memcpy(last, weights + r * step + unit * unitBytes,
                           (groups - 8 * unit) / F::groups * sizeof(Block));
          addUnit(reinterpret_cast<const Block*>(last), 0, rows, unit, sums[r]);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int x = 0; x < X; ++x) {
        const Sums<chains>& s = sums[r][x];
        Floats total = s.products[0];
        for (int chain = 1; chain < chains; ++chain)
          total = V::add(total, s.products[chain]);
        if constexpr (minimumsAbove)
          total = V::sub(total, V::high(s.corrections));
        else if constexpr (hasSums)
          total = V::sub(total, s.corrections);
        out[x][first + r * outStep] = V::sum(total);
      }
  }

  /// Derives what is needed of row r of the activations; into place `place` of scratch.
  CHORDAL_INLINE Row prepare(const Tile& tile, uint32_t r, int place) {
    const Activation a = activation(tile.x + r * tile.xStride, tile.columns);
    const int columns = int(tile.columns), units = (columns + 255) / 256;
    constexpr int numbers = scaleVectors * V::lanes; // for a unit
    uint8_t* prepared = tile.scratch + tile.layout->prepared + place * 1024 * units;
    int8_t* q = reinterpret_cast<int8_t*>(prepared);
    float* scale = reinterpret_cast<float*>(prepared + 256 * units);
    float* sums = scale + units * numbers;
    const Row row = {natural && columns % 256 == 0 ? a.q : q, scale, sums};
    for (int unit = 0; unit < units; ++unit) {
      Activation from = {a.q + 256 * unit, a.scale + 8 * unit, a.sum + 16 * unit};
      struct {
        int8_t q[256];
        float scale[8];
        int16_t sum[16];
      } last; // of the row, shorter than others: zeros follow
      if (const int n = columns - 256 * unit; n < 256) {
        __builtin_memset(&last, 0, sizeof last);
        __builtin_memcpy(last.q, from.q, n);
        __builtin_memcpy(last.scale, from.scale, n / 32 * sizeof(float));
        __builtin_memcpy(last.sum, from.sum, n / 16 * sizeof(int16_t));
        from = {last.q, last.scale, last.sum};
      }
      if (row.q == q)
#pragma unroll
        for (int part = 0; part < 16; ++part)
          __builtin_memcpy(q + 256 * unit + 16 * part,
                           from.q + 16 * order(part / parts, part % parts), 16);
      constexpr int factor = F::hasMinimum ? 1 : zero;
      float* scaleTo = scale + unit * numbers;
      float* sumsTo = minimumsAbove ? scaleTo + 8 : sums + unit * numbers;
      if constexpr (!minimumsAbove && numbers > scales) { // beside 8 floats, zeros
        I::storeFloats(scaleTo + 8, I::zeroFloats());
        I::storeFloats(sumsTo + 8, I::zeroFloats());
      }
#pragma unroll
      for (int v = 0; v < scales / 8; ++v) {
        const typename I::Floats s =
            scales == 8 ? I::loadFloats(from.scale) : I::loadTwice(from.scale + 4 * v);
        I::storeFloats(scaleTo + 8 * v, s);
        if constexpr (hasSums || minimumsAbove)
          I::storeFloats(sumsTo + 8 * v,
                         I::mul(I::toFloats(scales == 8 ? I::pairSums(from.sum, factor)
                                                        : I::products(from.sum + 8 * v, factor)),
                                s));
      }
    }
    return row;
  }

  /// X rows of activations from row r on.
  template <int X> static void computeRows(const Tile& tile, uint32_t r) {
    // The sums of all pairs of rows stay in registers.
    constexpr uint32_t places = X == 1 ? gemvPlaces : X == 2 ? 2 : 1;
    const int groups = int(tile.columns / 32);
    Row rows[X];
    float* out[X];
    for (int x = 0; x < X; ++x) {
      rows[x] = prepare(tile, r + x, x);
      out[x] = outRow(tile, r + x);
    }
    forRowGroups<places>(tile, [&]<int R>(uint32_t w, uint32_t step, size_t offset, size_t ahead) {
      products<R>(tile.weights + w * tile.weightStride, offset, ahead, rows, groups, out, w, step);
    });
  }

  static void compute(const Tile& tile) {
    static_assert(fewRows == 4); // scratch has places for so many
    uint32_t r = 0;
    for (; r + 4 <= tile.rows; r += 4)
      computeRows<4>(tile, r);
    switch (tile.rows - r) {
    case 1:
      return computeRows<1>(tile, r);
    case 2:
      return computeRows<2>(tile, r);
    case 3:
      return computeRows<3>(tile, r);
    }
  }
};

/// The same for float weights and activations.
template <class I, class F> struct FloatGemv {
  static constexpr Activations activations = Activations::F32;
  static constexpr uint32_t mostRows = gemvRows;
  static constexpr bool needsTile = false;
  static constexpr uint32_t outputTile = gemvTile;
  using V = Vectors<I>;
  using Floats = typename V::Floats;
  static constexpr uint32_t chains = 4;
  static constexpr uint32_t unit = chains * V::lanes; // weights

  template <int R>
  CHORDAL_INLINE void products(const uint8_t* weights, size_t step, size_t ahead, const float* x,
                               uint32_t columns, float* out, size_t outStep) {
    Floats sums[R][chains];
#pragma unroll
    for (int r = 0; r < R; ++r)
      for (auto& s : sums[r])
        s = V::zeroFloats();
    uint32_t k = 0;
    for (; k + unit <= columns; k += unit)
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const uint8_t* from = weights + r * step + k * F::bytes;
#pragma unroll
        for (uint32_t c = 0; c < chains; ++c) {
          sums[r][c] = V::fma(F::template load<V>(from + V::lanes * c * F::bytes),
                              V::loadFloats(x + k + V::lanes * c), sums[r][c]);
          prefetchStep<unit * F::bytes, chains>(from, ahead, int(c));
        }
      }
    for (; k < columns; k += V::lanes) {
      const uint32_t n = columns - k < V::lanes ? columns - k : V::lanes;
      float lastX[V::lanes] = {};
      __builtin_memcpy(lastX, x + k, n * sizeof(float));
      for (int r = 0; r < R; ++r) {
        uint8_t last[V::lanes * F::bytes] = {};
        __builtin_memcpy(last, weights + r * step + k * F::bytes, n * F::bytes);
        sums[r][0] = V::fma(F::template load<V>(last), V::loadFloats(lastX), sums[r][0]);
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r)
      out[r * outStep] =
          V::sum(V::add(V::add(sums[r][0], sums[r][1]), V::add(sums[r][2], sums[r][3])));
  }

  static void compute(const Tile& tile) {
    for (uint32_t r = 0; r < tile.rows; ++r) {
      const float* x = reinterpret_cast<const float*>(tile.x + r * tile.xStride);
      float* out = outRow(tile, r);
      forRowGroups<gemvPlaces>(tile,
                               [&]<int R>(uint32_t w, uint32_t step, size_t offset, size_t ahead) {
                                 products<R>(tile.weights + w * tile.weightStride, offset, ahead, x,
                                             tile.columns, out + w, step);
                               });
    }
  }
};

} // namespace
} // namespace chordal::kernels
