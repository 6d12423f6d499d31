//===- Avx512.h - traits for AVX-512 with VNNI ------------------------------------------------===//
//
// AVX-512 F, BW, VL, DQ and VNNI on top of x86-64-v3. Formats are unpacked in 32-byte vectors
// (three of which issue in a cycle where two of 64 bytes do), the GEMM uses 64-byte ones. See
// Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Avx2.h"
#include "kernels/isa/Avx512Columns.h"

namespace chordal::kernels {
namespace {

struct Avx512 : Avx2 {
  CHORDAL_INLINE Bytes bitsTo(const void* p, uint8_t value) {
    uint32_t bits;
    __builtin_memcpy(&bits, p, 4);
    return _mm256_maskz_set1_epi8(bits, char(value));
  }

  //===--- dot products of bytes --------------------------------------------------------------===//
  // vpdpbusd multiplies unsigned by signed bytes: signed codes become unsigned by adding 128.

  static constexpr int signedZero = 128;
  CHORDAL_INLINE Bytes fromSigned(Bytes v) { return _mm256_xor_si256(v, _mm256_set1_epi8(-128)); }
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    return _mm256_dpbusd_epi32(start, codes, q);
  }
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) { return dot(start, codes, q); }

  //===--- the wide part ----------------------------------------------------------------------===//

  template <size_t stride> using Columns = Avx512Columns<stride>;
  static constexpr int lanes = 16;
  static constexpr int vectors = 2;
  static constexpr int rowBlock = 7;
  static constexpr int floatRowBlock = 8;
  using WideInts = __m512i;
  using WideFloats = __m512;

  static constexpr int stepsHeld(int) { return 8; }

  CHORDAL_INLINE WideInts wideLoad(const uint8_t* p) { return _mm512_loadu_si512(p); }
  CHORDAL_INLINE WideInts wideBroadcast(const void* p) {
    int32_t word;
    __builtin_memcpy(&word, p, 4);
    return _mm512_set1_epi32(word);
  }
  CHORDAL_INLINE WideInts wideQuad(const int8_t* p, int quad) {
    return wideBroadcast(p + 4 * quad);
  }
  CHORDAL_INLINE WideInts wideZero() { return _mm512_setzero_si512(); }
  CHORDAL_INLINE WideInts begin(WideInts sum) { return sum; }
  CHORDAL_INLINE WideInts step(WideInts held, WideInts codes, WideInts q) {
    return _mm512_dpbusd_epi32(held, codes, q);
  }
  CHORDAL_INLINE WideInts signedStep(WideInts held, WideInts codes, WideInts q) {
    return step(held, codes, q);
  }
  CHORDAL_INLINE WideInts end(WideInts, WideInts held) { return held; }

  CHORDAL_INLINE WideFloats wideZeroFloats() { return _mm512_setzero_ps(); }
  CHORDAL_INLINE WideFloats wideLoadFloats(const float* p) { return _mm512_loadu_ps(p); }
  CHORDAL_INLINE void wideStoreFloats(float* p, WideFloats v) { _mm512_storeu_ps(p, v); }
  CHORDAL_INLINE WideFloats wideBroadcastFloat(const float* p) { return _mm512_set1_ps(*p); }
  CHORDAL_INLINE WideFloats wideToFloats(WideInts v) { return _mm512_cvtepi32_ps(v); }
  CHORDAL_INLINE WideFloats wideAsFloats(WideInts v) { return _mm512_castsi512_ps(v); }
  CHORDAL_INLINE WideFloats wideMul(WideFloats a, WideFloats b) { return _mm512_mul_ps(a, b); }
  CHORDAL_INLINE WideFloats wideFma(WideFloats a, WideFloats b, WideFloats c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  CHORDAL_INLINE WideFloats wideFnma(WideFloats a, WideFloats b, WideFloats c) {
    return _mm512_fnmadd_ps(a, b, c);
  }
};

} // namespace
} // namespace chordal::kernels
