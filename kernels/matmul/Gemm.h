//===- Gemm.h - matmul for many rows of activations -------------------------------------------===//
//
// A shard's tile of weights is unpacked once, some hundred columns at a time, into bytes and float
// scales; one register-blocked GEMM, the same for all formats, then takes all rows of activations
// over it. Activations are broadcast 4 bytes at a time, the unit of the byte dot product. Within a
// group of columns that share a scale sums are exact integers, begun at -zero point * sum of the
// activations; they are then scaled into float sums, which stay in registers over all columns of a
// chunk and in the worker's scratch between chunks.
//
// What limits it on x86 are two vector instructions a cycle. A group of 32 columns costs 8 byte dot
// products and 2 for scaling (3 with minimums), so integers become floats without an instruction
// of their own, and nothing else in the inner loop takes the place of one: its other instructions
// are loads.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Unpack.h"

namespace chordal::kernels {
namespace {

template <class I, class F> struct Gemm : Unpack<I, F> {
  using Base = Unpack<I, F>;
  using Base::panelRows, Base::panels, Base::maxCode, Base::zero, Base::parts, Base::asFloats,
      Base::sumBaseBits, Base::kinds;
  static constexpr int chunkParts = gemmColumns / F::perScale;
  static constexpr Activations activations = Activations::Q8;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr bool needsTile = true;
  //===--- multiplication ---------------------------------------------------------------------===//

  /// Derives from all rows of activations what products with the chunk at `column` need, a word for
  /// each group that shares a scale, into [row][chunkParts]: what integer sums begin at, if codes
  /// have a zero point, or scaled sums for the minimums.
  [[gnu::noinline]] static void prepare(const Tile& tile, uint32_t column, int groups) {
    uint8_t* words = tile.scratch + tile.layout->prepared;
#pragma clang loop unroll(disable)
    for (uint32_t r = 0; r < tile.rows; ++r, words += chunkParts * 4) {
      const Activation a = activation(tile.x + r * tile.xStride, tile.columns);
      const float* scale = a.scale + column / 32;
      const int16_t* sum = a.sum + column / 16;
      if constexpr (F::hasMinimum)
        scaledSums<I, F::perScale>(sum, scale, groups * parts, 1, reinterpret_cast<float*>(words));
      else
        zeroSums<I, F::perScale>(sum, groups * parts, zero, reinterpret_cast<int32_t*>(words),
                                 sumBaseBits);
    }
  }

  /// A block of rows of activations, at the chunk's first column.
  struct Rows {
    const int8_t* q;
    size_t stride;     // to the next row, bytes
    size_t scales;     // from q to the row's scales, bytes
    const void* words; // what prepare() derived
    float* out;
    size_t outStride; // floats
  };

  template <int T>
  CHORDAL_INLINE void multiply(const Chunk& panel, const Rows& rows, bool continues) {
    constexpr int V = I::vectors;
    constexpr int quads = F::perScale / 4;
    constexpr int held = I::stepsHeld(maxCode) < quads ? I::stepsHeld(maxCode) : quads;
    typename I::WideFloats sums[T][V];
#pragma unroll
    for (int t = 0; t < T; ++t)
#pragma unroll
      for (int v = 0; v < V; ++v)
        sums[t][v] = continues ? I::wideLoadFloats(rows.out + t * rows.outStride + v * I::lanes)
                               : I::wideZeroFloats();

    const int8_t* q[T];
#pragma unroll
    for (int t = 0; t < T; ++t) {
      q[t] = rows.q + t * rows.stride;
      opaque(q[t]);
      // What the next block begins with; the rest the processor sees coming.
      __builtin_prefetch(q[t] + T * rows.stride + rows.scales);
      __builtin_prefetch(static_cast<const int32_t*>(rows.words) + (T + t) * chunkParts);
      __builtin_prefetch(rows.out + (T + t) * rows.outStride, 1);
      __builtin_prefetch(rows.out + (T + t) * rows.outStride + 16, 1);
    }
    size_t at = 0, scalesAt = rows.scales;
    const uint8_t* codes = panel.codes;
    const float* scales = panel.scales;
    const int n = panel.groups * parts;
    for (int g = 0; g < n; ++g) {
      typename I::WideInts products[T][V];
#pragma unroll
      for (int t = 0; t < T; ++t)
#pragma unroll
        for (int v = 0; v < V; ++v)
          products[t][v] =
              zero != 0
                  ? I::wideBroadcast(static_cast<const int32_t*>(rows.words) + t * chunkParts + g)
                  : I::wideBroadcast(&sumBaseBits);
#pragma unroll
      for (int run = 0; run < quads / held; ++run) {
        decltype(I::begin(I::wideZero())) part[T][V];
#pragma unroll
        for (int t = 0; t < T; ++t)
#pragma unroll
          for (int v = 0; v < V; ++v)
            part[t][v] = I::begin(products[t][v]);
#pragma unroll
        for (int step = 0; step < held; ++step) {
          const int quad = run * held + step;
          typename I::WideInts w[V];
#pragma unroll
          for (int v = 0; v < V; ++v)
            w[v] = I::wideLoad(codes + (quad * panelRows + v * I::lanes) * 4);
#pragma unroll
          for (int t = 0; t < T; ++t) {
            const typename I::WideInts x = I::wideQuad(q[t] + at, quad);
#pragma unroll
            for (int v = 0; v < V; ++v) {
              if constexpr (F::isSigned)
                part[t][v] = I::signedStep(part[t][v], w[v], x);
              else
                part[t][v] = I::step(part[t][v], w[v], x);
            }
          }
        }
#pragma unroll
        for (int t = 0; t < T; ++t)
#pragma unroll
          for (int v = 0; v < V; ++v)
            products[t][v] = I::end(products[t][v], part[t][v]);
      }
      codes += F::perScale * panelRows;
#pragma unroll
      for (int t = 0; t < T; ++t) {
        const typename I::WideFloats by =
            I::wideBroadcastFloat(reinterpret_cast<const float*>(q[t] + scalesAt));
#pragma unroll
        for (int v = 0; v < V; ++v) {
          const float* own = scales + v * I::lanes;
          typename I::WideFloats scaled;
          if constexpr (asFloats)
            scaled = I::wideFma(I::wideAsFloats(products[t][v]), I::wideLoadFloats(own),
                                I::wideLoadFloats(own + panelRows));
          else
            scaled = I::wideMul(I::wideToFloats(products[t][v]), I::wideLoadFloats(own));
          sums[t][v] = I::wideFma(scaled, by, sums[t][v]);
          if constexpr (F::hasMinimum)
            sums[t][v] = I::wideFnma(
                I::wideLoadFloats(own + (kinds - 1) * panelRows),
                I::wideBroadcastFloat(static_cast<const float*>(rows.words) + t * chunkParts + g),
                sums[t][v]);
        }
      }
      scales += kinds * panelRows;
      at += F::perScale;
      if (parts == 1 || g % 2 == 1)
        scalesAt += sizeof(float);
    }
#pragma unroll
    for (int t = 0; t < T; ++t)
#pragma unroll
      for (int v = 0; v < V; ++v)
        I::wideStoreFloats(rows.out + t * rows.outStride + v * I::lanes, sums[t][v]);
  }

  /// Rows [row, row + T) of the activations with the chunk at `column`. Not inlined: one copy for
  /// each T.
  template <int T>
  [[gnu::noinline]] static void rowBlock(const Tile& tile, uint32_t row, uint32_t column,
                                         const Chunk& chunk) {
    Rows rows = {reinterpret_cast<const int8_t*>(tile.x + row * tile.xStride) + column,
                 tile.xStride,
                 tile.columns - column + column / 32 * sizeof(float),
                 tile.scratch + tile.layout->prepared + size_t(row) * chunkParts * 4,
                 outRow(tile, row),
                 tile.outStride / sizeof(float)};
    for (int p = 0; p < panels; ++p) {
      if (p * panelRows >= int(tile.count))
        break;
      multiply<T>(Base::panel(chunk, p), rows, column != 0);
      rows.out += panelRows;
    }
  }

  /// The last rows, fewer than a block.
  template <int T>
  CHORDAL_INLINE void rest(const Tile& tile, uint32_t row, uint32_t column, const Chunk& chunk) {
    if constexpr (T > 0) {
      if (tile.rows - row == T)
        rowBlock<T>(tile, row, column, chunk);
      else
        rest<T - 1>(tile, row, column, chunk);
    }
  }

  /// Prepares for products with the chunk at `column`, which it unpacks.
  CHORDAL_INLINE Chunk begin(const Tile& tile, uint32_t column) {
    const uint32_t left = tile.columns - column;
    const Chunk chunk = {tile.scratch + tile.layout->codes,
                         reinterpret_cast<float*>(tile.scratch + tile.layout->scales),
                         int((left < gemmColumns ? left : gemmColumns) / 32)};
    Base::unpack(tile, column, chunk);
    if constexpr (F::hasMinimum || zero != 0)
      prepare(tile, column, chunk.groups);
    return chunk;
  }

  static void compute(const Tile& tile) {
    for (uint32_t column = 0; column < tile.columns; column += gemmColumns) {
      const Chunk chunk = begin(tile, column);
      uint32_t row = 0;
      for (; row + I::rowBlock <= tile.rows; row += I::rowBlock)
        rowBlock<I::rowBlock>(tile, row, column, chunk);
      rest<I::rowBlock - 1>(tile, row, column, chunk);
    }
  }
};

/// The same for float weights and activations: weights unpacked to [panel][column][row], one column
/// at a time.
template <class I, class F> struct FloatGemm {
  static constexpr Activations activations = Activations::F32;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr bool needsTile = true;
  static constexpr int panelRows = I::lanes * I::vectors;
  static constexpr int panels = matmulTile / panelRows;

  CHORDAL_INLINE void unpack(const Tile& tile, uint32_t column, uint32_t n, float* to) {
    const size_t ahead = column + n < tile.columns
                             ? size_t(n) * F::bytes
                             : matmulTile * tile.weightStride - size_t(column) * F::bytes;
    for (uint32_t first = 0; first < matmulTile; first += 8) {
      const uint8_t* rows[8];
      for (uint32_t r = 0; r < 8; ++r) {
        const uint32_t row = first + r < tile.count ? first + r : tile.count - 1;
        rows[r] = tile.weights + row * tile.weightStride + size_t(column) * F::bytes;
      }
      float* out = to + size_t(first / panelRows) * n * panelRows + first % panelRows;
      for (uint32_t k = 0; k < n; k += 8) {
        if (k % (64 / F::bytes) == 0)
          for (const uint8_t* row : rows)
            __builtin_prefetch(row + k * F::bytes + ahead);
        const uint32_t width = n - k < 8 ? n - k : 8;
        typename I::Floats v[8];
        for (int r = 0; r < 8; ++r) {
          const uint8_t* from = rows[r] + k * F::bytes;
          alignas(32) uint8_t part[32] = {};
          if (width < 8) {
            for (uint32_t i = 0; i < width * F::bytes; ++i)
              part[i] = from[i];
            from = part;
          }
          v[r] = F::template load<I>(from);
        }
        I::transpose(v);
        for (uint32_t c = 0; c < width; ++c)
          I::storeFloats(out + size_t(k + c) * panelRows, v[c]);
      }
    }
  }

  template <int T>
  [[gnu::noinline]] static void rowBlock(const Tile& tile, uint32_t row, uint32_t column,
                                         uint32_t n, const float* weights) {
    constexpr int V = I::vectors;
    const float* x[T];
    for (int t = 0; t < T; ++t)
      x[t] = reinterpret_cast<const float*>(tile.x + (row + t) * tile.xStride) + column;
    for (int p = 0; p < panels; ++p) {
      if (p * panelRows >= int(tile.count))
        break;
      typename I::WideFloats sums[T][V];
#pragma unroll
      for (int t = 0; t < T; ++t)
#pragma unroll
        for (int v = 0; v < V; ++v)
          sums[t][v] = column != 0
                           ? I::wideLoadFloats(outRow(tile, row + t) + p * panelRows + v * I::lanes)
                           : I::wideZeroFloats();
      const float* w = weights + size_t(p) * n * panelRows;
      for (uint32_t k = 0; k < n; ++k, w += panelRows) {
#pragma unroll
        for (int t = 0; t < T; ++t) {
          const typename I::WideFloats a = I::wideBroadcastFloat(x[t] + k);
#pragma unroll
          for (int v = 0; v < V; ++v)
            sums[t][v] = I::wideFma(I::wideLoadFloats(w + v * I::lanes), a, sums[t][v]);
        }
      }
#pragma unroll
      for (int t = 0; t < T; ++t)
#pragma unroll
        for (int v = 0; v < V; ++v)
          I::wideStoreFloats(outRow(tile, row + t) + p * panelRows + v * I::lanes, sums[t][v]);
    }
  }

  template <int T>
  CHORDAL_INLINE void rest(const Tile& tile, uint32_t row, uint32_t column, uint32_t n,
                           const float* w) {
    if constexpr (T > 0) {
      if (tile.rows - row == T)
        rowBlock<T>(tile, row, column, n, w);
      else
        rest<T - 1>(tile, row, column, n, w);
    }
  }

  static void compute(const Tile& tile) {
    float* weights = reinterpret_cast<float*>(tile.scratch + tile.layout->codes);
    for (uint32_t column = 0; column < tile.columns; column += gemmFloatColumns) {
      const uint32_t left = tile.columns - column;
      const uint32_t n = left < gemmFloatColumns ? left : gemmFloatColumns;
      unpack(tile, column, n, weights);
      uint32_t row = 0;
      for (; row + I::floatRowBlock <= tile.rows; row += I::floatRowBlock)
        rowBlock<I::floatRowBlock>(tile, row, column, n, weights);
      rest<I::floatRowBlock - 1>(tile, row, column, n, weights);
    }
  }
};

} // namespace
} // namespace chordal::kernels
