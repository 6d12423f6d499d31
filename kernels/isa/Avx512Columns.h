//===- Avx512Columns.h - 16 rows of weights side by side, for AVX-512 -------------------------===//
//
// The part of the traits (Isa.h) that formats of loads, shifts and masks unpack their codes with,
// for 16 rows at once: a vector holds 4 columns of each. Rows are brought side by side while they
// are packed, when they are half as many bytes and less, and in whole vectors.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"

#include <immintrin.h>

namespace chordal::kernels {
namespace {

/// Each byte: (v >> shift) & mask; shift < 0 shifts left.
CHORDAL_INLINE __m512i field512(__m512i v, int shift, uint8_t mask) {
  const __m512i shifted =
      shift < 0 ? _mm512_slli_epi16(v, unsigned(-shift)) : _mm512_srli_epi16(v, unsigned(shift));
  return _mm512_and_si512(shifted, _mm512_set1_epi8(char(mask)));
}

/// Addresses are those of the first row; the next is `stride` bytes on.
template <size_t stride> struct Avx512Columns {
  /// 32 columns: [quad of columns][row][4].
  struct Bytes {
    __m512i quads[8];
  };

  CHORDAL_INLINE Bytes load(const void* p) {
    Bytes v;
    transposed(p, v.quads);
    transposed(static_cast<const uint8_t*>(p) + 16, v.quads + 4);
    return v;
  }
  CHORDAL_INLINE Bytes nibbles(const void* p) {
    Bytes v;
    transposed(p, v.quads);
#pragma unroll
    for (int quad = 0; quad < 4; ++quad) {
      v.quads[4 + quad] = field512(v.quads[quad], 4, 15);
      v.quads[quad] = field512(v.quads[quad], 0, 15);
    }
    return v;
  }
  CHORDAL_INLINE Bytes field(Bytes v, int shift, uint8_t mask) {
#pragma unroll
    for (__m512i& quad : v.quads)
      quad = field512(quad, shift, mask);
    return v;
  }
  CHORDAL_INLINE Bytes either(Bytes a, const Bytes& b) {
#pragma unroll
    for (int quad = 0; quad < 8; ++quad)
      a.quads[quad] = _mm512_or_si512(a.quads[quad], b.quads[quad]);
    return a;
  }

  //===--- floats: a vector has one for each row ----------------------------------------------===//

  using Floats = __m512;

  CHORDAL_INLINE void store(void* p, __m512i v) { _mm512_storeu_si512(p, v); }
  CHORDAL_INLINE void storeFloats(float* p, Floats v) { _mm512_storeu_ps(p, v); }
  CHORDAL_INLINE Floats mul(Floats a, float b) { return _mm512_mul_ps(a, _mm512_set1_ps(b)); }
  /// The 8 scales and minimums of Q4_K and Q5_K.
  CHORDAL_INLINE void scalesOf8(const void* p, Floats (&scale)[8], Floats (&minimum)[8]) {
    __m512i q[4];
    transposed(p, q);
    const Floats d = halves(q[0]), dmin = halves(_mm512_srli_epi32(q[0], 16));
    // The upper two bits of the last four are those of the first four.
    const __m512i high = _mm512_set1_epi8(0x30), low = _mm512_set1_epi8(15);
    auto joined = [&](__m512i nibbles, __m512i bits) {
      return _mm512_or_si512(_mm512_and_si512(nibbles, low),
                             _mm512_and_si512(_mm512_srli_epi32(bits, 2), high));
    };
    const __m512i six = _mm512_set1_epi8(63);
    const __m512i scales[2] = {_mm512_and_si512(q[1], six), joined(q[3], q[1])};
    const __m512i minimums[2] = {_mm512_and_si512(q[2], six),
                                 joined(_mm512_srli_epi32(q[3], 4), q[2])};
#pragma unroll
    for (int g = 0; g < 8; ++g) {
      auto byte = [&](__m512i v) {
        return _mm512_cvtepi32_ps(
            _mm512_and_si512(_mm512_srli_epi32(v, unsigned(g % 4 * 8)), _mm512_set1_epi32(255)));
      };
      scale[g] = _mm512_mul_ps(byte(scales[g / 4]), d);
      minimum[g] = _mm512_mul_ps(byte(minimums[g / 4]), dmin);
    }
  }

private:
  /// The lower half of each word.
  CHORDAL_INLINE Floats halves(__m512i v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }

  /// 16 bytes of each row to 4 quads.
  CHORDAL_INLINE void transposed(const void* p, __m512i* quads) {
    auto row = [&](int r) {
      return _mm_loadu_si128(
          reinterpret_cast<const __m128i*>(static_cast<const uint8_t*>(p) + r * stride));
    };
    __m512i v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_castsi128_si512(row(i));
      v[i] = _mm512_inserti32x4(v[i], row(4 + i), 1);
      v[i] = _mm512_inserti32x4(v[i], row(8 + i), 2);
      v[i] = _mm512_inserti32x4(v[i], row(12 + i), 3);
    }
    const __m512i low = _mm512_unpacklo_epi32(v[0], v[1]), high = _mm512_unpackhi_epi32(v[0], v[1]);
    const __m512i low2 = _mm512_unpacklo_epi32(v[2], v[3]),
                  high2 = _mm512_unpackhi_epi32(v[2], v[3]);
    quads[0] = _mm512_unpacklo_epi64(low, low2);
    quads[1] = _mm512_unpackhi_epi64(low, low2);
    quads[2] = _mm512_unpacklo_epi64(high, high2);
    quads[3] = _mm512_unpackhi_epi64(high, high2);
  }
};

} // namespace
} // namespace chordal::kernels
