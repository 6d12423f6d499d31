//===- Avx2.h - traits for x86-64-v3 ----------------------------------------------------------===//
//
// AVX2, FMA and F16C. See Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"

#include <immintrin.h>

namespace chordal::kernels {
namespace {

struct Avx2 {
  using Bytes = __m256i;
  using Ints = __m256i;
  using Floats = __m256;

  //===--- bytes ------------------------------------------------------------------------------===//

  CHORDAL_INLINE Bytes load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  CHORDAL_INLINE void store(void* p, Bytes v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  CHORDAL_INLINE Bytes nibbles(const void* p) {
    __m128i v = _mm_loadu_si128(static_cast<const __m128i*>(p));
    return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));
  }
  CHORDAL_INLINE Bytes field(Bytes v, int shift, uint8_t mask) {
    Bytes shifted = shift < 0 ? _mm256_slli_epi16(v, -shift) : _mm256_srli_epi16(v, shift);
    return _mm256_and_si256(shifted, _mm256_set1_epi8(char(mask)));
  }
  CHORDAL_INLINE Bytes bitsTo(const void* p, uint8_t value) {
    int bits;
    __builtin_memcpy(&bits, p, 4);
    // Byte i of the word to lanes 8i to 8i+7, then one bit of it to each.
    const __m256i spread =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i one = _mm256_set1_epi64x(int64_t(0x8040201008040201));
    __m256i v = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread), one);
    return _mm256_and_si256(_mm256_cmpeq_epi8(v, one), _mm256_set1_epi8(char(value)));
  }
  CHORDAL_INLINE Bytes either(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }

  //===--- dot products of bytes --------------------------------------------------------------===//

  /// What is added to signed codes to make them unsigned, where signedDot wants that.
  static constexpr int signedZero = 0;
  CHORDAL_INLINE Bytes fromSigned(Bytes v) { return v; }
  static constexpr bool signedProducts = false; ///< codes are multiplied as signed bytes

  CHORDAL_INLINE Ints zeroInts() { return _mm256_setzero_si256(); }
  CHORDAL_INLINE void storeInts(int32_t* p, Ints v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
  }
  /// factor * (p[2i] + p[2i+1]); factor * p[i]. The factor is of 16 bits.
  CHORDAL_INLINE Ints pairSums(const int16_t* p, int factor) {
    return _mm256_madd_epi16(load(p), _mm256_set1_epi16(int16_t(factor)));
  }
  CHORDAL_INLINE Ints products(const int16_t* p, int factor) {
    // The upper halves of the extended words are multiplied with zero.
    __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_madd_epi16(_mm256_cvtepi16_epi32(v), _mm256_set1_epi32(factor & 0xffff));
  }
  CHORDAL_INLINE Ints addInts(Ints a, int b) { return _mm256_add_epi32(a, _mm256_set1_epi32(b)); }
  /// Codes up to 129: no sum of two products overflows 16 bits.
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    __m256i pairs = _mm256_maddubs_epi16(codes, q);
    return _mm256_add_epi32(start, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  /// |q| is at most 127, so |code| * q does not overflow for -128 either.
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) {
    return dot(start, _mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes));
  }

  //===--- floats -----------------------------------------------------------------------------===//

  CHORDAL_INLINE Floats zeroFloats() { return _mm256_setzero_ps(); }
  CHORDAL_INLINE Floats loadFloats(const float* p) { return _mm256_loadu_ps(p); }
  /// Four floats, each twice.
  CHORDAL_INLINE Floats loadTwice(const float* p) {
    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                    _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
  }
  CHORDAL_INLINE void storeFloats(float* p, Floats v) { _mm256_storeu_ps(p, v); }
  /// Lane i in all lanes; lane i in the lower four lanes and lane i + 1 in the upper.
  CHORDAL_INLINE Floats broadcastLane(Floats v, int i) {
    return _mm256_permutevar8x32_ps(v, _mm256_set1_epi32(i));
  }
  CHORDAL_INLINE Floats broadcastLanePair(Floats v, int i) {
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(i, i, i, i, i + 1, i + 1, i + 1, i + 1));
  }
  CHORDAL_INLINE Floats toFloats(Ints v) { return _mm256_cvtepi32_ps(v); }
  CHORDAL_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  CHORDAL_INLINE Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  CHORDAL_INLINE Floats mul(Floats a, float b) { return _mm256_mul_ps(a, _mm256_set1_ps(b)); }
  CHORDAL_INLINE Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  CHORDAL_INLINE Floats add(Floats a, float b) { return _mm256_add_ps(a, _mm256_set1_ps(b)); }
  CHORDAL_INLINE Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  CHORDAL_INLINE Floats negate(Floats a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
  CHORDAL_INLINE float sum(Floats v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }

  CHORDAL_INLINE float half(uint16_t h) {
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
  }
  CHORDAL_INLINE Floats halves(const void* p, size_t stride, int n) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    if (n == 8) {
      __m128i v = _mm_loadu_si16(b);
      v = _mm_insert_epi16(v, half16(b + stride), 1);
      v = _mm_insert_epi16(v, half16(b + 2 * stride), 2);
      v = _mm_insert_epi16(v, half16(b + 3 * stride), 3);
      v = _mm_insert_epi16(v, half16(b + 4 * stride), 4);
      v = _mm_insert_epi16(v, half16(b + 5 * stride), 5);
      v = _mm_insert_epi16(v, half16(b + 6 * stride), 6);
      v = _mm_insert_epi16(v, half16(b + 7 * stride), 7);
      return _mm256_cvtph_ps(v);
    }
    uint16_t h[8] = {};
    for (int i = 0; i < n; ++i)
      __builtin_memcpy(h + i, b + i * stride, 2);
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(h)));
  }
  CHORDAL_INLINE Floats words(uint64_t bytes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(int64_t(bytes))));
  }
  CHORDAL_INLINE Floats signedWords(uint64_t bytes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(int64_t(bytes))));
  }

  /// The 8 scales and then the 8 minimums, of 6 bits, of the Q4_K or Q5_K block that begins with v
  /// (Blocks.h has the layout).
  CHORDAL_INLINE __m128i codesOf8(__m128i v) {
    // Words: scales 0-3, scales 4-7, minimums 0-3, minimums 4-7; first their low bits, then the
    // high bits of the latter four.
    const __m128i low = _mm_srlv_epi32(_mm_shuffle_epi32(v, 0xed), _mm_setr_epi32(0, 0, 0, 4));
    const __m128i high = _mm_srli_epi32(_mm_shuffle_epi32(v, 0x84), 2);
    return _mm_or_si128(
        _mm_and_si128(low, _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f)),
        _mm_and_si128(high, _mm_setr_epi32(0, 0x30303030, 0, 0x30303030)));
  }
  /// Both, multiplied with the block's two halves.
  CHORDAL_INLINE void scalesOf8(const void* p, Floats& scale, Floats& minimum) {
    const __m128i v = _mm_loadu_si128(static_cast<const __m128i*>(p));
    const __m128i codes = codesOf8(v);
    const __m128 halves = _mm_cvtph_ps(v);
    scale = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(codes)),
                          _mm256_broadcastss_ps(halves));
    minimum =
        _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(codes, codes))),
                      _mm256_broadcastss_ps(_mm_movehdup_ps(halves)));
  }

  /// 8 numbers of a float format.
  CHORDAL_INLINE Floats loadF32(const void* p) {
    return _mm256_loadu_ps(static_cast<const float*>(p));
  }
  CHORDAL_INLINE Floats loadF16(const void* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  CHORDAL_INLINE Floats loadBF16(const void* p) {
    __m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
  }

  //===--- rearrangement ----------------------------------------------------------------------===//

  CHORDAL_INLINE void transpose(Floats (&v)[8]) {
    Floats a[8], b[8];
    for (int i = 0; i < 4; ++i) {
      a[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
      a[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
      b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
      b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
      b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
      v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
  }
  CHORDAL_INLINE void transpose(Bytes (&v)[8]) {
    Floats f[8];
    for (int i = 0; i < 8; ++i)
      f[i] = _mm256_castsi256_ps(v[i]);
    transpose(f);
    for (int i = 0; i < 8; ++i)
      v[i] = _mm256_castps_si256(f[i]);
  }

  //===--- the wide part ----------------------------------------------------------------------===//

  static constexpr int lanes = 8;    ///< weight rows to a vector
  static constexpr int vectors = 2;  ///< vectors of weight rows that the GEMM holds
  static constexpr int rowBlock = 3; ///< rows of activations that it holds
  static constexpr int floatRowBlock = 4;
  static constexpr bool sumsAsFloats = true; ///< integer sums of the GEMM are read as floats
  using WideInts = __m256i;
  using WideFloats = __m256;

  /// How many products of codes up to `maxCode` (signed ones count as 255) with bytes up to 127 a
  /// 16-bit sum of pairs holds.
  static constexpr int stepsHeld(int maxCode) {
    return 32767 / (maxCode * 254) > 0 ? 32767 / (maxCode * 254) : 1;
  }

  CHORDAL_INLINE WideInts wideLoad(const uint8_t* p) { return load(p); }
  CHORDAL_INLINE WideInts wideBroadcast(const void* p) {
    return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(p)));
  }
  /// Bytes [4 * quad, 4 * quad + 4) of p in all lanes.
  CHORDAL_INLINE WideInts wideQuad(const int8_t* p, int quad) {
    return wideBroadcast(p + 4 * quad);
  }
  CHORDAL_INLINE WideInts wideZero() { return _mm256_setzero_si256(); }
  /// Sums are held as pairs in 16 bits between begin and end.
  CHORDAL_INLINE WideInts begin(WideInts) { return _mm256_setzero_si256(); }
  CHORDAL_INLINE WideInts step(WideInts held, WideInts codes, WideInts q) {
    return _mm256_add_epi16(held, _mm256_maddubs_epi16(codes, q));
  }
  CHORDAL_INLINE WideInts signedStep(WideInts held, WideInts codes, WideInts q) {
    return step(held, _mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes));
  }
  CHORDAL_INLINE WideInts end(WideInts sum, WideInts held) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(held, _mm256_set1_epi16(1)));
  }

  CHORDAL_INLINE WideFloats wideZeroFloats() { return _mm256_setzero_ps(); }
  CHORDAL_INLINE WideFloats wideLoadFloats(const float* p) { return _mm256_loadu_ps(p); }
  CHORDAL_INLINE void wideStoreFloats(float* p, WideFloats v) { _mm256_storeu_ps(p, v); }
  CHORDAL_INLINE WideFloats wideBroadcastFloat(const float* p) { return _mm256_broadcast_ss(p); }
  CHORDAL_INLINE WideFloats wideToFloats(WideInts v) { return _mm256_cvtepi32_ps(v); }
  /// The floats of these bits.
  CHORDAL_INLINE WideFloats wideAsFloats(WideInts v) { return _mm256_castsi256_ps(v); }
  CHORDAL_INLINE WideFloats wideMul(WideFloats a, WideFloats b) { return _mm256_mul_ps(a, b); }
  CHORDAL_INLINE WideFloats wideFma(WideFloats a, WideFloats b, WideFloats c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  /// c - a * b
  CHORDAL_INLINE WideFloats wideFnma(WideFloats a, WideFloats b, WideFloats c) {
    return _mm256_fnmadd_ps(a, b, c);
  }

private:
  CHORDAL_INLINE int half16(const uint8_t* p) {
    uint16_t h;
    __builtin_memcpy(&h, p, 2);
    return h;
  }
};

} // namespace
} // namespace chordal::kernels
