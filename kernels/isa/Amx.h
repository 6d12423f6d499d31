//===- Amx.h - what matrix units need of vectors ----------------------------------------------===//
//
// The shapes of tiles, conversions to bfloat16 and transposition, for the level amx.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace chordal::kernels {
namespace {

/// What LDTILECFG reads: palette 1, eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// Rows of 16 words to columns.
[[gnu::always_inline]] static inline void transpose16(__m512i (&v)[16]) {
  __m512i t[16];
#pragma unroll
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma unroll
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

/// Two vectors of 16 floats to 32 bfloat16 in order, rounded half to even.
[[gnu::always_inline]] static inline __m512i toBfloat(__m512 first, __m512 second) {
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/// 32 floats to the high and low parts of each.
[[gnu::always_inline]] static inline void split(__m512 first, __m512 second, __m512i& high,
                                                __m512i& low) {
  high = toBfloat(first, second);
  // Back to float: bfloat16 is the upper half of one.
  const __m512 firstHigh =
      (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(high)), 16);
  const __m512 secondHigh =
      (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(high, 1)), 16);
  low = toBfloat(first - firstHigh, second - secondHigh);
}

} // namespace
} // namespace chordal::kernels
