//===- GemmAmx.h - matmul on matrix units -----------------------------------------------------===//
//
// Weights are dequantised to bfloat16, some hundred columns of 32 rows at a time, and multiplied
// with bfloat16 activations into float32 sums (Intel's AMX: a tile register holds 16 rows of 64
// bytes; one instruction multiplies 16 x 32 with 32 x 16). Nothing is scaled between instructions,
// which is why this beats the units' int8 product at half its peak rate: int8 sums have to leave
// the tiles every 32 columns. It is also the more exact: rounding to 8 bits of mantissa is a sixth
// of the error of int8 activations.
//
//   weights      [16 rows][columns / 32][part][row][32 columns]    a chunk, in scratch
//   activations  as BF16x16Rows says
//   sums         the shard's results, 16 x 16 at a time with rows of weights as rows, until the
//                last chunk transposes them to [row of activations][row of weights]
//
// Halves and their activations are two bfloat16 each, of which three products are summed.
//
// A chunk of the activations of all rows stays in the second-level cache while the tile's weights
// pass, in the first-level cache.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Amx.h"
#include "kernels/isa/Avx512.h"
#include "kernels/matmul/Shard.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

/// A block's weights to bfloat16, by the traits in which formats are unpacked.
template <class F> struct UnpackQuantized {
  static constexpr int parts = 1;
  static constexpr uint32_t zero = F::zero;
  static constexpr int scales = 32 / F::perScale;
  using Block = typename F::Block;

  //===--- nibbles: looked up in a table of two groups' weights, which is made for them --------===//

  /// 16 bytes are a group's nibbles, or 32 those of two groups, the first one's low.
  static constexpr bool hasNibbles = requires(const Block* unit) { F::nibbles(unit, 0); };
  static constexpr bool hasPairedNibbles =
      requires(const Block* unit) { F::pairedNibbles(unit, 0); };

  /// The codes of nibbles 0 to 15.
  CHORDAL_INLINE __m512 codesOfNibbles() {
    Block unit[8 / F::groups] = {};
    for (int i = 0; i < 16; ++i)
      unit->qs[i] = uint8_t(i);
    const __m128i codes = _mm256_castsi256_si128(F::template codes<Avx512>(unit, 0));
    return _mm512_cvtepi32_ps(F::isSigned ? _mm512_cvtepi8_epi32(codes)
                                          : _mm512_cvtepu8_epi32(codes));
  }

  /// Groups 2 * pair and the one after it; `to` is the first one's place.
  CHORDAL_INLINE void twoGroups(const Block* unit, int pair, __m512 codes, const float* scale,
                                const float* offset, uint8_t* to) {
    auto weights = [&](int g) {
      return _mm512_fmadd_ps(codes, _mm512_set1_ps(scale[g]), _mm512_set1_ps(offset[g]));
    };
    const __m512i table = toBfloat(weights(1), weights(0)); // from 16 on the first group's
    const __m512i fifteen = _mm512_set1_epi16(15);
    if constexpr (hasPairedNibbles) {
      const __m512i bytes = _mm512_cvtepu8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(F::pairedNibbles(unit, pair))));
      const __m512i low = _mm512_or_si512(_mm512_and_si512(bytes, fifteen), _mm512_set1_epi16(16));
      const __m512i high = _mm512_srli_epi16(bytes, 4);
      _mm512_storeu_si512(to, _mm512_permutexvar_epi16(low, table));
      _mm512_storeu_si512(to + 1024, _mm512_permutexvar_epi16(high, table));
    } else {
      auto bytes16 = [&](int g) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(F::nibbles(unit, 2 * pair + g)));
      };
      const __m512i bytes = _mm512_cvtepu8_epi16(_mm256_set_m128i(bytes16(1), bytes16(0)));
      const __m512i side = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(16), 0);
      const __m512i low =
          _mm512_permutexvar_epi16(_mm512_or_si512(_mm512_and_si512(bytes, fifteen), side), table);
      const __m512i high =
          _mm512_permutexvar_epi16(_mm512_or_si512(_mm512_srli_epi16(bytes, 4), side), table);
      _mm512_storeu_si512(to, _mm512_shuffle_i64x2(low, high, 0x44));
      _mm512_storeu_si512(to + 1024, _mm512_shuffle_i64x2(low, high, 0xee));
    }
  }

  //===--- any codes --------------------------------------------------------------------------===//

  /// A group of 32 weights: scale * code + offset, `scales` of each.
  CHORDAL_INLINE void group(__m256i codes, const float* scale, const float* offset, uint8_t* to) {
    const __m128i low = _mm256_castsi256_si128(codes), high = _mm256_extracti128_si256(codes, 1);
    const __m512 first =
        _mm512_cvtepi32_ps(F::isSigned ? _mm512_cvtepi8_epi32(low) : _mm512_cvtepu8_epi32(low));
    const __m512 second =
        _mm512_cvtepi32_ps(F::isSigned ? _mm512_cvtepi8_epi32(high) : _mm512_cvtepu8_epi32(high));
    _mm512_storeu_si512(
        to, toBfloat(_mm512_fmadd_ps(first, _mm512_set1_ps(scale[0]), _mm512_set1_ps(offset[0])),
                     _mm512_fmadd_ps(second, _mm512_set1_ps(scale[scales - 1]),
                                     _mm512_set1_ps(offset[scales - 1]))));
  }

  /// `groups` groups of 32 weights from column `column` on, 1024 bytes apart.
  CHORDAL_INLINE void row(const uint8_t* weights, uint32_t column, int groups, uint8_t* to) {
    const auto* block =
        reinterpret_cast<const typename F::Block*>(weights) + column / 32 / F::groups;
    for (int unit = 0; unit < groups; unit += 8, block += 8 / F::groups, to += 8 * 1024) {
      const int n = groups - unit < 8 ? groups - unit : 8;
      Scales<Avx512, F::perScale> s;
      F::template scales<Avx512>(block, n, s);
      alignas(64) float scale[8 * scales], offset[8 * scales];
#pragma unroll
      for (int v = 0; v < scales; ++v) {
        Avx512::storeFloats(scale + 8 * v, s.scale[v]);
        if constexpr (F::hasMinimum)
          Avx512::storeFloats(offset + 8 * v, Avx512::negate(s.minimum[v]));
        else
          Avx512::storeFloats(offset + 8 * v, Avx512::mul(s.scale[v], -float(zero)));
      }
      // Loads broadcast for nothing; shuffles, which compilers would rather have, take the port
      // that limits this.
      __asm__("" : "+m"(scale), "+m"(offset));
      if constexpr (hasNibbles || hasPairedNibbles) {
        if (n == 8) {
          const __m512 codes = codesOfNibbles();
#pragma unroll
          for (int pair = 0; pair < 4; ++pair)
            twoGroups(block, pair, codes, scale + 2 * pair, offset + 2 * pair, to + pair * 2048);
          continue;
        }
      }
      if (n == 8) {
#pragma unroll
        for (int g = 0; g < 8; ++g)
          group(F::template codes<Avx512>(block, g), scale + scales * g, offset + scales * g,
                to + g * 1024);
      } else {
        for (int g = 0; g < n; ++g)
          group(F::template codes<Avx512>(block, g), scale + scales * g, offset + scales * g,
                to + g * 1024);
      }
    }
  }

  static constexpr size_t bytes(uint32_t columns) {
    return columns / 32 / F::groups * sizeof(typename F::Block);
  }
};

/// Weights that are bfloat16 already.
struct UnpackBfloat {
  static constexpr int parts = 1;
  CHORDAL_INLINE void row(const uint8_t* weights, uint32_t column, int groups, uint8_t* to) {
    for (int g = 0; g < groups; ++g)
      _mm512_storeu_si512(to + g * 1024,
                          _mm512_loadu_si512(weights + (size_t(column) + 32 * g) * 2));
  }
  static constexpr size_t bytes(uint32_t columns) { return size_t(columns) * 2; }
};

/// Halves, as the sum of two bfloat16.
struct UnpackHalf {
  static constexpr int parts = 2;
  CHORDAL_INLINE void row(const uint8_t* weights, uint32_t column, int groups, uint8_t* to) {
    for (int g = 0; g < groups; ++g, to += 2048) {
      const uint8_t* from = weights + (size_t(column) + 32 * g) * 2;
      __m512i high, low;
      split(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))),
            _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32))), high,
            low);
      _mm512_storeu_si512(to, high);
      _mm512_storeu_si512(to + 1024, low);
    }
  }
  static constexpr size_t bytes(uint32_t columns) { return size_t(columns) * 2; }
};

template <class Unpack> struct GemmAmx {
  static constexpr int parts = Unpack::parts;
  static constexpr Activations activations =
      parts == 1 ? Activations::BF16x16 : Activations::BF16x16x2;
  static constexpr uint32_t outputTile = amxTile;
  static constexpr size_t outStride = tileStride(outputTile);
  static constexpr bool needsTile = true;
  static constexpr uint32_t chunkColumns = amxColumns / parts;
  /// So few rows of activations that all their columns stay in the second-level cache.
  static constexpr uint32_t cachedRows = 64;
  static constexpr size_t tileBytes = 1024; ///< 16 rows of 32 columns
  static constexpr size_t groupBytes = parts * tileBytes;

  /// A chunk of columns of 32 rows of weights from row `first` on; those that the weight lacks
  /// repeat its last. Asks for what is unpacked next: the rows' next chunk.
  static void unpack(const Tile& tile, uint32_t first, uint32_t column, int groups, uint8_t* to) {
    const size_t chunk = Unpack::bytes(chunkColumns);
    const bool last = column + chunkColumns >= tile.columns;
    // The first columns of the next tile of weights, if this is the last chunk.
    const size_t ahead = last ? (tile.rows <= cachedRows ? 32 : outputTile) * tile.weightStride -
                                    Unpack::bytes(column)
                              : chunk;
    for (uint32_t r = 0; r < 32; ++r) {
      const uint32_t row = first + r < tile.count ? first + r : tile.count - 1;
      const uint8_t* weights = tile.weights + row * tile.weightStride;
      for (size_t i = 0; i < chunk; i += 64)
        _mm_prefetch(reinterpret_cast<const char*>(weights) + Unpack::bytes(column) + ahead + i,
                     _MM_HINT_T1);
      Unpack::row(weights, column, groups, to + r / 16 * groups * groupBytes + r % 16 * 64);
    }
  }

  /// 32 columns of 32 rows of weights with 16 * n rows of activations: weights stay in tiles 4 and
  /// 5, activations in 6 and 7.
  template <int n>
  CHORDAL_INLINE void multiplyGroup(const uint8_t* weights, const uint8_t* weights2,
                                    const uint8_t* x, const uint8_t* x2) {
    _tile_loadd(4, weights, 64);
    _tile_loadd(6, x, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, weights2, 64);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (n == 2) {
      _tile_loadd(7, x2, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }

  /// 32 rows of weights with 16 * n rows of activations. `out` is the place of the results. Asks
  /// for activations of the next chunk, from `next` on, while it multiplies.
  template <int n>
  CHORDAL_INLINE void multiply(const uint8_t* weights, const uint8_t* x, size_t xBlock, int groups,
                               bool first, bool last, float* out, const uint8_t* next) {
    constexpr size_t stride = outStride * sizeof(float);
    float* second = out + 16 * outStride;
    if (first) {
      _tile_zero(0);
      _tile_zero(1);
      if constexpr (n == 2) {
        _tile_zero(2);
        _tile_zero(3);
      }
    } else {
      _tile_loadd(0, out, stride);
      _tile_loadd(1, out + 16, stride);
      if constexpr (n == 2) {
        _tile_loadd(2, second, stride);
        _tile_loadd(3, second + 16, stride);
      }
    }
    const uint8_t* weights2 = weights + groups * groupBytes;
    for (int g = 0; g < groups;
         ++g, weights += groupBytes, weights2 += groupBytes, x += groupBytes) {
#pragma unroll
      for (int i = 0; i < 4 * n * parts; ++i)
        _mm_prefetch(reinterpret_cast<const char*>(next) + i / (4 * parts) * xBlock +
                         g * (groupBytes / 4) + i % (4 * parts) * 64,
                     _MM_HINT_T1);
      multiplyGroup<n>(weights, weights2, x, x + xBlock);
      if constexpr (parts == 2) {
        // High parts of weights with low ones of activations: the weights are there.
        _tile_loadd(6, x + tileBytes, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        if constexpr (n == 2) {
          _tile_loadd(7, x + xBlock + tileBytes, 64);
          _tile_dpbf16ps(2, 4, 7);
          _tile_dpbf16ps(3, 5, 7);
        }
        // The product of low parts is below the precision of float32.
        multiplyGroup<n>(weights + tileBytes, weights2 + tileBytes, x, x + xBlock);
      }
    }
    if (!last) {
      _tile_stored(0, out, stride);
      _tile_stored(1, out + 16, stride);
      if constexpr (n == 2) {
        _tile_stored(2, second, stride);
        _tile_stored(3, second + 16, stride);
      }
      return;
    }
    alignas(64) int32_t sums[2 * n][16][16];
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    if constexpr (n == 2) {
      _tile_stored(2, sums[2], 64);
      _tile_stored(3, sums[3], 64);
    }
#pragma unroll
    for (int t = 0; t < 2 * n; ++t) {
      __m512i v[16];
#pragma unroll
      for (int i = 0; i < 16; ++i)
        v[i] = _mm512_load_si512(sums[t][i]);
      transpose16(v);
#pragma unroll
      for (int i = 0; i < 16; ++i)
        _mm512_storeu_si512(out + (t / 2 * 16 + i) * outStride + t % 2 * 16, v[i]);
    }
  }

  static void compute(const Tile& tile) {
    const TileShapes shapes;
    _tile_loadconfig(&shapes);
    uint8_t* weights = tile.scratch + tile.layout->codes;
    const size_t xBlock = BF16x16Rows::block * tile.xStride;
    auto multiplyChunk = [&](uint32_t w, uint32_t column) {
      const uint32_t left = tile.columns - column;
      const int groups = int((left < chunkColumns ? left : chunkColumns) / 32);
      const bool first = column == 0, last = left <= chunkColumns;
      unpack(tile, w, column, groups, weights);
      const uint8_t* x = tile.x + size_t(column) / 32 * groupBytes;
      // A quarter of the next chunk of activations with each quarter of the tile.
      const ptrdiff_t ahead =
          (last ? -ptrdiff_t(column) : ptrdiff_t(chunkColumns)) / 32 * ptrdiff_t(groupBytes) +
          ptrdiff_t(w / 32 * (groups * groupBytes / 4));
      uint32_t row = 0;
      for (; row + 16 < tile.rows; row += 32, x += 2 * xBlock)
        multiply<2>(weights, x, xBlock, groups, first, last, outRow(tile, row) + w, x + ahead);
      if (row < tile.rows)
        multiply<1>(weights, x, xBlock, groups, first, last, outRow(tile, row) + w, x + ahead);
    };
    // Few activations stay in the cache in any case: weights are read in their order.
    if (tile.rows <= cachedRows) {
      for (uint32_t w = 0; w < tile.count; w += 32)
        for (uint32_t column = 0; column < tile.columns; column += chunkColumns)
          multiplyChunk(w, column);
    } else {
      for (uint32_t column = 0; column < tile.columns; column += chunkColumns)
        for (uint32_t w = 0; w < tile.count; w += 32)
          multiplyChunk(w, column);
    }
    _tile_release();
  }
};

} // namespace
} // namespace chordal::kernels

#define CHORDAL_DEFINE_AMX(format, ...)                                                            \
  void matmul##format##Amx(const chordal_task_args* args, uint32_t shard);                         \
  void matmul##format##Amx(const chordal_task_args* args, uint32_t shard) {                        \
    computeShard<GemmAmx<__VA_ARGS__>>(args, shard);                                               \
  }
