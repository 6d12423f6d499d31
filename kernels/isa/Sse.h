//===- Sse.h - traits for x86-64-v2 -----------------------------------------------------------===//
//
// SSE up to 4.2. See Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Pairs.h"

#include <immintrin.h>

namespace chordal::kernels {
namespace {

struct Sse : Pairs {
  //===--- dot products of bytes --------------------------------------------------------------===//

  /// factor * (p[2i] + p[2i+1]); factor * p[i]. The factor is of 16 bits.
  CHORDAL_INLINE Ints pairSums(const int16_t* p, int factor) {
    const __m128i by = _mm_set1_epi16(int16_t(factor));
    return join<Ints>(_mm_madd_epi16(loadAs<__m128i>(p), by),
                      _mm_madd_epi16(loadAs<__m128i>(p + 8), by));
  }
  CHORDAL_INLINE Ints products(const int16_t* p, int factor) {
    // The upper halves of the extended words are multiplied with zero.
    const __m128i v = loadAs<__m128i>(p), by = _mm_set1_epi32(factor & 0xffff);
    return join<Ints>(_mm_madd_epi16(_mm_unpacklo_epi16(v, v), by),
                      _mm_madd_epi16(_mm_unpackhi_epi16(v, v), by));
  }
  /// Codes up to 129: no sum of two products overflows 16 bits.
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    return start + join<Ints>(fourProducts((__m128i)low(codes), (__m128i)low(q)),
                              fourProducts((__m128i)high(codes), (__m128i)high(q)));
  }
  /// |q| is at most 127, so |code| * q does not overflow for -128 either.
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) {
    const auto a = (__m128i)low(codes), b = (__m128i)high(codes);
    return start + join<Ints>(fourProducts(_mm_abs_epi8(a), _mm_sign_epi8((__m128i)low(q), a)),
                              fourProducts(_mm_abs_epi8(b), _mm_sign_epi8((__m128i)high(q), b)));
  }

  //===--- the wide part ----------------------------------------------------------------------===//

  static constexpr int vectors = 2;  ///< vectors of weight rows that the GEMM holds
  static constexpr int rowBlock = 2; ///< rows of activations that it holds
  static constexpr int floatRowBlock = 4;
  using WideInts = __m128i;

  /// How many products of codes up to `maxCode` (signed ones count as 255) with bytes up to 127 a
  /// 16-bit sum of pairs holds.
  static constexpr int stepsHeld(int maxCode) {
    return 32767 / (maxCode * 254) > 0 ? 32767 / (maxCode * 254) : 1;
  }

  CHORDAL_INLINE WideInts wideLoad(const uint8_t* p) { return loadAs<WideInts>(p); }
  CHORDAL_INLINE WideInts wideBroadcast(const void* p) {
    return _mm_set1_epi32(loadAs<int32_t>(p));
  }
  /// Bytes [4 * quad, 4 * quad + 4) of p in all lanes. Loads of four quads are the same load.
  CHORDAL_INLINE WideInts wideQuad(const int8_t* p, int quad) {
    const Ints4 quads = loadAs<Ints4>(p + quad / 4 * 16);
    return (WideInts)(quads[quad % 4] - Ints4{});
  }
  CHORDAL_INLINE WideInts wideZero() { return _mm_setzero_si128(); }
  /// Sums are held as pairs in 16 bits between begin and end.
  CHORDAL_INLINE WideInts begin(WideInts) { return _mm_setzero_si128(); }
  CHORDAL_INLINE WideInts step(WideInts held, WideInts codes, WideInts q) {
    return _mm_add_epi16(held, _mm_maddubs_epi16(codes, q));
  }
  CHORDAL_INLINE WideInts signedStep(WideInts held, WideInts codes, WideInts q) {
    return step(held, _mm_abs_epi8(codes), _mm_sign_epi8(q, codes));
  }
  CHORDAL_INLINE WideInts end(WideInts sum, WideInts held) {
    return _mm_add_epi32(sum, _mm_madd_epi16(held, _mm_set1_epi16(1)));
  }
  CHORDAL_INLINE WideFloats wideToFloats(WideInts v) { return (WideFloats)_mm_cvtepi32_ps(v); }

private:
  CHORDAL_INLINE __m128i fourProducts(__m128i codes, __m128i q) {
    return _mm_madd_epi16(_mm_maddubs_epi16(codes, q), _mm_set1_epi16(1));
  }
};

} // namespace
} // namespace chordal::kernels
