//===- Unpack.h - a tile of weights, unpacked for the GEMM ------------------------------------===//
//
// Some hundred columns of a shard's tile of weights as bytes and float scales. Codes lie so that a
// vector holds 4 columns of each of I::lanes weight rows ("quads"), the unit of the byte dot
// product:
//
//   codes    [panel][column / 4][row in the panel][column % 4]
//   scales   [panel][group][scale and numbers beside it][row in the panel]
//
// A panel is I::vectors vectors of rows.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Shard.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

/// A chunk of unpacked columns.
struct Chunk {
  uint8_t* codes;
  float* scales; // and offsets, and minimums
  int groups;    // of 32 columns
};

template <class I, class F> struct Unpack {
  using Block = typename F::Block;
  static constexpr int panelRows = I::lanes * I::vectors;
  static constexpr int panels = matmulTile / panelRows;
  /// Where bytes are multiplied as signed ones, codes are unpacked without their zero point.
  static constexpr int unpackedZero = I::signedProducts ? F::zero : 0;
  static constexpr int maxCode = F::maxCode - unpackedZero > unpackedZero
                                     ? F::maxCode - unpackedZero
                                     : unpackedZero; ///< their greatest magnitude then
  static constexpr int zero = F::isSigned ? I::signedZero : F::zero - unpackedZero;
  static constexpr int parts = 32 / F::perScale;
  static_assert(!F::hasMinimum || zero == 0);
  /// Integer sums begin at the bits of a float that is so great that they count in its last place:
  /// they are floats then as they are, but for that base, which the product with the scale takes
  /// off again, exactly: fma(sum, scale, -base * scale). Scales have at most 22 bits.
  static constexpr bool asFloats = I::sumsAsFloats && !F::greatScales;
  static constexpr float sumBase = 0x1.8p23f; // sums are below 2^22
  static constexpr int32_t sumBaseBits = asFloats ? 0x4b400000 : 0;
  /// Numbers to a scale: itself, -sumBase times it, the minimum.
  static constexpr int kinds = 1 + asFloats + F::hasMinimum;
  static_assert(matmulTile % panelRows == 0 && panelRows % 8 == 0);

  static constexpr size_t unitBytes = 8 / F::groups * sizeof(Block);
  static constexpr bool byColumns = HasColumns<I> && unpacksByColumns<F>;
  static_assert(!byColumns || (unpackedZero == 0 && !F::isSigned));
  /// Rows that are unpacked together.
  static constexpr uint32_t together = byColumns ? 16 : 8;

  CHORDAL_INLINE Chunk panel(const Chunk& c, int index) {
    return {c.codes + size_t(index) * c.groups * 32 * panelRows,
            c.scales + size_t(index) * c.groups * parts * kinds * panelRows, c.groups};
  }

  /// Where the codes of group g lie, and its scales: of a panel, from row `at` on.
  CHORDAL_INLINE uint8_t* codesAt(const Chunk& panel, int g, int at) {
    return panel.codes + (size_t(g) * 8 * panelRows + at) * 4;
  }
  CHORDAL_INLINE float* scalesAt(const Chunk& panel, int g, int at) {
    return panel.scales + size_t(g * parts) * kinds * panelRows + at;
  }

  /// The scale of as many rows as V's vectors have lanes, and what lies beside it.
  template <class V>
  CHORDAL_INLINE void storeScale(float* to, typename V::Floats scale, typename V::Floats minimum) {
    V::storeFloats(to, scale);
    if constexpr (asFloats)
      V::storeFloats(to + panelRows, V::mul(scale, -sumBase));
    if constexpr (F::hasMinimum)
      V::storeFloats(to + (kinds - 1) * panelRows, minimum);
  }

  /// 8 rows.
  CHORDAL_INLINE void unpackCodes(const Block* const* rows, int g, uint8_t* to) {
    typename I::Bytes codes[8];
#pragma unroll
    for (int r = 0; r < 8; ++r) {
      codes[r] = F::template codes<I>(rows[r], g);
      if constexpr (F::isSigned)
        codes[r] = I::fromSigned(codes[r]);
      if constexpr (unpackedZero != 0)
        codes[r] = I::subtract(codes[r], unpackedZero);
    }
    I::transpose(codes);
#pragma unroll
    for (int quad = 0; quad < 8; ++quad)
      I::store(to + quad * panelRows * 4, codes[quad]);
  }

  /// Those of n groups of 8 rows.
  CHORDAL_INLINE void unpackScales(const Block* const* rows, int n, float* to) {
    typename I::Floats scale[parts][8], minimum[parts][8];
#pragma unroll
    for (int r = 0; r < 8; ++r) {
      Scales<I, F::perScale> s;
      F::template scales<I>(rows[r], n, s);
#pragma unroll
      for (int v = 0; v < parts; ++v) {
        scale[v][r] = s.scale[v];
        if constexpr (F::hasMinimum)
          minimum[v][r] = s.minimum[v];
      }
    }
#pragma unroll
    for (int v = 0; v < parts; ++v) {
      I::transpose(scale[v]);
      if constexpr (F::hasMinimum)
        I::transpose(minimum[v]);
      const int groups = parts == 2 ? 8 : n;
      for (int g = 0; g < groups; ++g, to += kinds * panelRows)
        storeScale<I>(to, scale[v][g], minimum[v][g]);
    }
  }

  /// A unit of 16 rows, side by side.
  CHORDAL_INLINE void unpackColumns(const Block* const* rows, uint8_t* codesTo, float* scalesTo) {
    using C = typename I::template Columns<unitBytes>;
    alignas(64) uint8_t units[16 * unitBytes]; // at a stride that is known
#pragma unroll
    for (int r = 0; r < 16; ++r)
      __builtin_memcpy(units + r * unitBytes, rows[r], unitBytes);
    const auto* unit = reinterpret_cast<const Block*>(units);
    if constexpr (requires(ColumnScales<C, F::perScale> s) {
                    F::template columnScales<C>(unit, s);
                  }) {
      ColumnScales<C, F::perScale> s;
      F::template columnScales<C>(unit, s);
#pragma unroll
      for (int g = 0; g < 8 * parts; ++g)
        storeScale<C>(scalesTo + g * kinds * panelRows, s.scale[g], s.minimum[g]);
    } else {
      unpackScales(rows, 8, scalesTo);
      unpackScales(rows + 8, 8, scalesTo + 8);
    }
#pragma unroll
    for (int g = 0; g < 8; ++g) {
      const typename C::Bytes codes = F::template codes<C>(unit, g);
#pragma unroll
      for (int quad = 0; quad < 8; ++quad)
        C::store(codesTo + (g * 8 + quad) * panelRows * 4, codes.quads[quad]);
    }
  }

  /// n groups, at most a unit, of the rows that are unpacked together.
  CHORDAL_INLINE void unpackUnit(const Block* const (&rows)[together], int n, uint8_t* codesTo,
                                 float* scalesTo) {
    if constexpr (byColumns)
      if (n == 8)
        return unpackColumns(rows, codesTo, scalesTo);
#pragma unroll
    for (uint32_t r = 0; r < together; r += 8) {
      unpackScales(rows + r, n, scalesTo + r);
      if (n == 8) {
#pragma unroll
        for (int g = 0; g < 8; ++g)
          unpackCodes(rows + r, g, codesTo + r * 4 + g * 32 * panelRows);
      } else {
        for (int g = 0; g < n; ++g)
          unpackCodes(rows + r, g, codesTo + r * 4 + g * 32 * panelRows);
      }
    }
  }

  /// Columns from `column` on of all rows of the tile. Rows that the weight lacks repeat its last.
  /// Prefetches what is unpacked next: the rows' next chunk, or the first of the tile after this
  /// (few rows of activations are limited by memory, and its own prefetching follows no such
  /// pattern: 4 rows x 2.5).
  [[gnu::noinline]] static void unpack(const Tile& tile, uint32_t column, const Chunk& chunk) {
    const size_t before = column / 32 / F::groups * sizeof(Block);
    const size_t ahead = column + gemmColumns < tile.columns
                             ? size_t(chunk.groups / F::groups) * sizeof(Block)
                             : matmulTile * tile.weightStride - before;
    for (uint32_t first = 0; first < matmulTile; first += together) {
      const Block* rows[together];
      for (uint32_t r = 0; r < together; ++r) {
        const uint32_t row = first + r < tile.count ? first + r : tile.count - 1;
        rows[r] = reinterpret_cast<const Block*>(tile.weights + row * tile.weightStride + before);
      }
      const Chunk to = panel(chunk, int(first / panelRows));
      const int at = int(first % panelRows);
      int unit = 0;
      for (; unit + 8 <= chunk.groups; unit += 8) {
        unpackUnit(rows, 8, codesAt(to, unit, at), scalesAt(to, unit, at));
        for (auto& row : rows) {
          for (size_t i = 0; i < unitBytes; i += 64)
            __builtin_prefetch(reinterpret_cast<const char*>(row) + ahead + i);
          row += 8 / F::groups;
        }
      }
      if constexpr (F::groups < 8) {
        if (unit < chunk.groups)
          unpackUnit(rows, chunk.groups - unit, codesAt(to, unit, at), scalesAt(to, unit, at));
      }
    }
  }
};

} // namespace
} // namespace chordal::kernels
