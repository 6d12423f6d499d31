//===- PairGemm.h - matmul for many rows on products of small matrices ------------------------===//
//
// The GEMM of Gemm.h for machines that multiply 2 x 8 by 8 x 2 bytes in one instruction: a vector
// of sums is two weight rows by two rows of activations. Weights are unpacked in the same way, but
// for the order of their codes (I::transpose):
//
//   codes    [panel][column / 8][row in the panel][column % 8]
//
// Rows of activations are taken in pairs, and what is read of them is interleaved once for all
// panels; an odd last row is a pair with itself.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Gemm.h"

namespace chordal::kernels {
namespace {

template <class I, class F> struct PairGemm : Gemm<I, F> {
  using Base = Gemm<I, F>;
  using Base::panelRows, Base::panels, Base::parts, Base::kinds, Base::chunkParts;
  static constexpr int vectors = panelRows / 2; ///< of sums, for a pair
  static_assert(Base::zero == 0 && !Base::asFloats);

  /// What is read of two rows of activations, interleaved, and where their results go.
  struct RowPair {
    alignas(16) int8_t q[gemmColumns * 2]; // [columns / 8][row][8]
    float scale[gemmColumns / 32][2];
    float sums[F::hasMinimum ? chunkParts : 1][2];
    float* out[2];
  };

  template <int P>
  CHORDAL_INLINE void multiply(const Chunk& panel, const RowPair (&pairs)[P], bool continues) {
    constexpr int octets = F::perScale / 8;
    typename I::WideFloats sums[P][vectors];
#pragma unroll
    for (int p = 0; p < P; ++p)
#pragma unroll
      for (int v = 0; v < vectors; v += 2) {
        sums[p][v] = sums[p][v + 1] = I::wideZeroFloats();
        if (continues)
          I::interleave(I::wideLoadFloats(pairs[p].out[0] + 2 * v),
                        I::wideLoadFloats(pairs[p].out[1] + 2 * v), sums[p][v], sums[p][v + 1]);
      }

    const uint8_t* codes = panel.codes;
    const float* scales = panel.scales;
    const int n = panel.groups * parts;
    for (int g = 0; g < n; ++g) {
      typename I::WideInts products[P][vectors];
#pragma unroll
      for (int p = 0; p < P; ++p)
#pragma unroll
        for (int v = 0; v < vectors; ++v)
          products[p][v] = I::wideZero();
#pragma unroll
      for (int octet = 0; octet < octets; ++octet) {
        typename I::WideInts w[vectors];
#pragma unroll
        for (int v = 0; v < vectors; ++v)
          w[v] = I::wideLoad(codes + (octet * panelRows + 2 * v) * 8);
#pragma unroll
        for (int p = 0; p < P; ++p) {
          const typename I::WideInts q =
              I::wideLoad(reinterpret_cast<const uint8_t*>(pairs[p].q + (g * octets + octet) * 16));
#pragma unroll
          for (int v = 0; v < vectors; ++v)
            products[p][v] = I::stepOfPairs(products[p][v], w[v], q);
        }
      }
      codes += F::perScale * panelRows;
#pragma unroll
      for (int p = 0; p < P; ++p) {
        const typename I::WideFloats by = I::loadPair(pairs[p].scale[g / parts]);
#pragma unroll
        for (int v = 0; v < vectors; ++v) {
          const float* own = scales + 2 * v;
          sums[p][v] = I::wideFma(I::wideMul(I::wideToFloats(products[p][v]), I::loadTwoTwice(own)),
                                  by, sums[p][v]);
          if constexpr (F::hasMinimum)
            sums[p][v] = I::wideFnma(I::loadTwoTwice(own + (kinds - 1) * panelRows),
                                     I::loadPair(pairs[p].sums[g]), sums[p][v]);
        }
      }
      scales += kinds * panelRows;
    }
#pragma unroll
    for (int p = 0; p < P; ++p)
#pragma unroll
      for (int v = 0; v < vectors; v += 2) {
        typename I::WideFloats first, second;
        I::separate(sums[p][v], sums[p][v + 1], first, second);
        I::wideStoreFloats(pairs[p].out[0] + 2 * v, first);
        I::wideStoreFloats(pairs[p].out[1] + 2 * v, second);
      }
  }

  /// Rows [row, end) of the activations, P pairs, with the chunk at `column`.
  template <int P>
  [[gnu::noinline]] static void pairBlock(const Tile& tile, uint32_t row, uint32_t end,
                                          uint32_t column, const Chunk& chunk) {
    RowPair pairs[P];
    const float* words = reinterpret_cast<const float*>(tile.scratch + tile.layout->prepared);
    for (int p = 0; p < P; ++p)
      for (int i = 0; i < 2; ++i) {
        RowPair& pair = pairs[p];
        const uint32_t r = row + 2 * p + i < end ? row + 2 * p + i : end - 1;
        const Activation a = activation(tile.x + r * tile.xStride, tile.columns);
        for (int octet = 0; octet < chunk.groups * 4; ++octet)
          __builtin_memcpy(pair.q + octet * 16 + i * 8, a.q + column + octet * 8, 8);
        for (int g = 0; g < chunk.groups; ++g)
          pair.scale[g][i] = a.scale[column / 32 + g];
        if constexpr (F::hasMinimum)
          for (int g = 0; g < chunk.groups * parts; ++g)
            pair.sums[g][i] = words[r * chunkParts + g];
        pair.out[i] = outRow(tile, r);
      }
    for (int p = 0; p < panels; ++p) {
      if (p * panelRows >= int(tile.count))
        break;
      multiply<P>(Base::panel(chunk, p), pairs, column != 0);
      for (RowPair& pair : pairs)
        for (float*& out : pair.out)
          out += panelRows;
    }
  }

  /// The last rows, at most P pairs.
  template <int P>
  CHORDAL_INLINE void rest(const Tile& tile, uint32_t row, uint32_t column, const Chunk& chunk) {
    if constexpr (P > 0) {
      if ((tile.rows - row + 1) / 2 == P)
        pairBlock<P>(tile, row, tile.rows, column, chunk);
      else
        rest<P - 1>(tile, row, column, chunk);
    }
  }

  static void compute(const Tile& tile) {
    constexpr uint32_t block = 2 * I::rowPairs;
    for (uint32_t column = 0; column < tile.columns; column += gemmColumns) {
      const Chunk chunk = Base::begin(tile, column);
      uint32_t row = 0;
      for (; row + block <= tile.rows; row += block)
        pairBlock<I::rowPairs>(tile, row, row + block, column, chunk);
      rest<I::rowPairs>(tile, row, column, chunk);
    }
  }
};

} // namespace
} // namespace chordal::kernels
