//===- Avx512Vectors.h - the vectors of gemv for AVX-512 with VNNI ----------------------------===//
//
// 64 bytes: half the instructions of 32, so that twice as much memory is under way beside them. See
// Vectors.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Avx512.h"
#include "kernels/isa/Vectors.h"

namespace chordal::kernels {
namespace {

template <> struct Vectors<Avx512> {
  using Half = Avx512;
  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;
  static constexpr int lanes = 16;

  //===--- bytes ------------------------------------------------------------------------------===//

  CHORDAL_INLINE Bytes load(const void* p) { return _mm512_loadu_si512(p); }
  CHORDAL_INLINE Bytes join(__m256i a, __m256i b) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
  }
  CHORDAL_INLINE Bytes field(Bytes v, int shift, uint8_t mask) { return field512(v, shift, mask); }
  /// Rotations of words bring a bit to where a shift of its byte would.
  CHORDAL_INLINE Bytes fields(const void* p, int shift, int shiftAbove, uint8_t mask) {
    const Bytes v = _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    const Bytes by = join(_mm256_set1_epi32(shift), _mm256_set1_epi32(shiftAbove));
    return _mm512_and_si512(_mm512_rorv_epi32(v, by), _mm512_set1_epi8(char(mask)));
  }
  CHORDAL_INLINE Bytes either(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }
  CHORDAL_INLINE Bytes pieces(const void* p, size_t stride) {
    auto piece = [&](int i) {
      return _mm_loadu_si128(
          reinterpret_cast<const __m128i*>(static_cast<const uint8_t*>(p) + i * stride));
    };
    Bytes v = _mm512_castsi128_si512(piece(0));
    v = _mm512_inserti32x4(v, piece(1), 1);
    v = _mm512_inserti32x4(v, piece(2), 2);
    return _mm512_inserti32x4(v, piece(3), 3);
  }
  CHORDAL_INLINE Bytes bitsTo(uint64_t bits, uint8_t value) {
    return _mm512_maskz_set1_epi8(bits, char(value));
  }

  //===--- dot products of bytes --------------------------------------------------------------===//

  static constexpr int signedZero = Avx512::signedZero;
  CHORDAL_INLINE Bytes fromSigned(Bytes v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }
  CHORDAL_INLINE Ints zeroInts() { return _mm512_setzero_si512(); }
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    return _mm512_dpbusd_epi32(start, codes, q);
  }
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) { return dot(start, codes, q); }

  //===--- floats -----------------------------------------------------------------------------===//

  CHORDAL_INLINE Floats zeroFloats() { return _mm512_setzero_ps(); }
  CHORDAL_INLINE Floats loadFloats(const float* p) { return _mm512_loadu_ps(p); }
  CHORDAL_INLINE Floats loadF32(const void* p) { return _mm512_loadu_ps(p); }
  CHORDAL_INLINE Floats loadF16(const void* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  CHORDAL_INLINE Floats loadBF16(const void* p) {
    const __m256i v = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
  }
  CHORDAL_INLINE Floats join(__m256 a, __m256 b) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
  }
  CHORDAL_INLINE Floats low(__m256 a) { return _mm512_zextps256_ps512(a); }
  CHORDAL_INLINE Floats high(Floats v) {
    return _mm512_zextps256_ps512(_mm512_extractf32x8_ps(v, 1));
  }
  CHORDAL_INLINE Floats permute(Floats v, const int (&i)[4]) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(i[0], i[0], i[0], i[0], i[1], i[1], i[1], i[1],
                                                   i[2], i[2], i[2], i[2], i[3], i[3], i[3], i[3]),
                                 v);
  }
  CHORDAL_INLINE Floats toFloats(Ints v) { return _mm512_cvtepi32_ps(v); }
  CHORDAL_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  CHORDAL_INLINE Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  CHORDAL_INLINE Floats mul(Floats a, float b) { return _mm512_mul_ps(a, _mm512_set1_ps(b)); }
  CHORDAL_INLINE Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  CHORDAL_INLINE Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  CHORDAL_INLINE float sum(Floats v) {
    return Avx512::sum(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
  }

  template <size_t stride> CHORDAL_INLINE Floats halves(const void* p) {
    static_assert(stride % 2 == 0 && 7 * stride < 128);
    __asm__("" : "+r"(p)); // clang takes other loads of these bytes to pieces otherwise
    constexpr short s = stride / 2;
    const __m128i words = _mm_setr_epi16(0, s, 2 * s, 3 * s, 4 * s, 5 * s, 6 * s, 7 * s);
    const Bytes v = _mm512_permutex2var_epi16(load(p), _mm512_castsi128_si512(words),
                                              load(static_cast<const uint8_t*>(p) + 64));
    return low(_mm256_cvtph_ps(_mm512_castsi512_si128(v)));
  }
  /// 16 signed bytes.
  CHORDAL_INLINE Floats signedWords(const int8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  /// The 8 scales of a Q4_K or Q5_K block, and its 8 minimums.
  CHORDAL_INLINE Floats scalesOf8(const void* p) {
    const __m128i v = _mm_loadu_si128(static_cast<const __m128i*>(p));
    const __m512i factors =
        join(_mm256_setzero_si256(), _mm256_set1_epi32(1)); // the block's first half, its second
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(Avx512::codesOf8(v))),
                         _mm512_permutexvar_ps(factors, _mm512_castps128_ps512(_mm_cvtph_ps(v))));
  }
};

} // namespace
} // namespace chordal::kernels
