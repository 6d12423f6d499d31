//===- Floats.h - vectors of float for the instruction-set levels -----------------------------===//
//
// One vector of floats as wide as the level being compiled has registers: AVX-512 16, AVX2 8,
// everything else 4 lanes that any compiler lowers to what there is (SSE2, NEON, WASM SIMD128,
// scalars). Kernels of floating-point work are written once against this and compiled once for each
// level, each in a source file of its own with the level's flags.
//
// Everything is in an anonymous namespace and only compiler headers are included: an inline
// function with external linkage, compiled here for a high level, could be the copy that the linker
// keeps for all.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Halves.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace chordal::kernels {
namespace {

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
constexpr int lanes = 16;
#define CHORDAL_FLOATS_AVX512 1
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
constexpr int lanes = 8;
#define CHORDAL_FLOATS_AVX2 1
#else
constexpr int lanes = 4;
#endif

/// Vectors of `lanes` elements. Arithmetic and comparison are the compiler's vector operators; a
/// comparison gives Ints of 0 or -1, and `mask ? a : b` selects.
typedef float Floats __attribute__((vector_size(lanes * 4)));
typedef int32_t Ints __attribute__((vector_size(lanes * 4)));
typedef uint32_t Words __attribute__((vector_size(lanes * 4)));
/// The same without alignment, and allowed to alias.
typedef float FloatsAt __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
typedef int32_t IntsAt __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
#if defined(__aarch64__)
typedef _Float16 HalvesAt __attribute__((vector_size(lanes * 2), aligned(2), may_alias));
#endif

#define CHORDAL_INLINE inline __attribute__((always_inline))

CHORDAL_INLINE Floats load(const float* p) {
  return *reinterpret_cast<const FloatsAt*>(p);
}
CHORDAL_INLINE void store(float* p, Floats v) {
  *reinterpret_cast<FloatsAt*>(p) = v;
}
CHORDAL_INLINE Ints loadInts(const int32_t* p) {
  return *reinterpret_cast<const IntsAt*>(p);
}
CHORDAL_INLINE Floats broadcast(float x) {
  return x - Floats{};
}
CHORDAL_INLINE Ints broadcast(int32_t x) {
  return x - Ints{};
}

/// a * b + c, rounded once where the level has the instruction.
CHORDAL_INLINE Floats mulAdd(Floats a, Floats b, Floats c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// The greater; b where either is a NaN.
CHORDAL_INLINE Floats greater(Floats a, Floats b) {
  return a > b ? a : b;
}

/// Lanes 0, 1, 2, ...
CHORDAL_INLINE Ints iota() {
  Ints v;
  for (int i = 0; i < lanes; ++i)
    v[i] = i;
  return v;
}

/// The first n < lanes floats, zeros behind them; nothing beyond them is read.
CHORDAL_INLINE Floats loadPartial(const float* p, size_t n) {
#if CHORDAL_FLOATS_AVX512
  return (Floats)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
#elif CHORDAL_FLOATS_AVX2
  return (Floats)_mm256_maskload_ps(p, (__m256i)(iota() < int32_t(n)));
#else
  Floats v{};
  for (size_t i = 0; i < n; ++i)
    v[i] = p[i];
  return v;
#endif
}

/// Stores the first n < lanes floats.
CHORDAL_INLINE void storePartial(float* p, Floats v, size_t n) {
#if CHORDAL_FLOATS_AVX512
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
#elif CHORDAL_FLOATS_AVX2
  _mm256_maskstore_ps(p, (__m256i)(iota() < int32_t(n)), (__m256)v);
#else
  for (size_t i = 0; i < n; ++i)
    p[i] = v[i];
#endif
}

/// `lanes` halves as floats.
CHORDAL_INLINE Floats loadHalves(const uint16_t* p) {
#if CHORDAL_FLOATS_AVX512
  return (Floats)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif CHORDAL_FLOATS_AVX2
  return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__aarch64__)
  return __builtin_convertvector(*reinterpret_cast<const HalvesAt*>(p), Floats);
#else
  typedef uint16_t Halves __attribute__((vector_size(lanes * 2), aligned(2), may_alias));
  return halvesToFloats<Floats>(
      __builtin_convertvector(*reinterpret_cast<const Halves*>(p), Words));
#endif
}

/// The first n < lanes halves, zeros behind them; nothing beyond them is read.
CHORDAL_INLINE Floats loadHalvesPartial(const uint16_t* p, size_t n) {
#if CHORDAL_FLOATS_AVX512
  return (Floats)_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p));
#else
  uint16_t part[lanes] = {};
  for (size_t i = 0; i < n; ++i)
    part[i] = p[i];
  return loadHalves(part);
#endif
}

/// Converts n floats to binary16, round to nearest even; overflow gives infinity, NaN stays NaN.
CHORDAL_INLINE void storeHalves(uint16_t* out, const float* x, size_t n) {
  size_t i = 0;
#if CHORDAL_FLOATS_AVX512
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#elif CHORDAL_FLOATS_AVX2
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__aarch64__)
  for (; i + 4 <= n; i += 4)
    *reinterpret_cast<HalvesAt*>(out + i) = __builtin_convertvector(load(x + i), HalvesAt);
#endif
  for (; i < n; ++i) {
#if CHORDAL_FLOATS_AVX512 || CHORDAL_FLOATS_AVX2
    out[i] =
        uint16_t(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x[i]), _MM_FROUND_TO_NEAREST_INT), 0));
#elif defined(__aarch64__)
    out[i] = __builtin_bit_cast(uint16_t, _Float16(x[i]));
#else
    // Adding 1.5 * 2^(e + 13) to a number of exponent e rounds it to 10 fraction bits; the least
    // such power, 2^-14's, gives the subnormals their fixed unit 2^-24.
    union {
      float f;
      uint32_t u;
    } value = {x[i]}, magic, rounded;
    uint32_t sign = value.u >> 16 & 0x8000;
    value.u &= 0x7fffffff;
    if (value.u >= 0x7f800000) {
      out[i] =
          uint16_t(sign | 0x7c00 | (value.u > 0x7f800000 ? 0x200 | (value.u >> 13 & 0x1ff) : 0));
      continue;
    }
    if (value.u >= 0x477ff000) { // 65520, which would round to 65536
      out[i] = uint16_t(sign | 0x7c00);
      continue;
    }
    uint32_t exponent = value.u >> 23 < 113 ? 113 : value.u >> 23;
    magic.u = (exponent + 13) << 23 | 0x400000;
    rounded.f = value.f + magic.f;
    // The rounded count of units lies in the low bits; a normal number's leading one (bit 10) adds
    // one to the exponent below, a subnormal's absence of it does not.
    uint32_t units = rounded.u - magic.u;
    out[i] = uint16_t(sign | (((exponent - 113) << 10) + units));
#endif
  }
}

/// Sums of vectors: lane i of the result is the sum of the lanes of v[i], always in the same order
/// (pairs of lanes half a vector apart, then a quarter, ...).
CHORDAL_INLINE Floats sumEach(const Floats (&v)[lanes]) {
#if CHORDAL_FLOATS_AVX512
#define CHORDAL_LOW(a, b) (Floats) _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0x44)
#define CHORDAL_HIGH(a, b) (Floats) _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0xee)
#define CHORDAL_EVEN(a, b) (Floats) _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0x88)
#define CHORDAL_ODD(a, b) (Floats) _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0xdd)
  // After two steps vector j holds, in its 128-bit part k, the four partial sums of v[4 k + j].
  Floats half[8], quarter[4];
  for (int j = 0; j < 4; ++j) {
    half[j] = CHORDAL_LOW(v[j], v[4 + j]) + CHORDAL_HIGH(v[j], v[4 + j]);
    half[4 + j] = CHORDAL_LOW(v[8 + j], v[12 + j]) + CHORDAL_HIGH(v[8 + j], v[12 + j]);
  }
  for (int j = 0; j < 4; ++j)
    quarter[j] = CHORDAL_EVEN(half[j], half[4 + j]) + CHORDAL_ODD(half[j], half[4 + j]);
#undef CHORDAL_LOW
#undef CHORDAL_HIGH
#undef CHORDAL_EVEN
#undef CHORDAL_ODD
#elif CHORDAL_FLOATS_AVX2
  Floats quarter[4];
  for (int j = 0; j < 4; ++j)
    quarter[j] = __builtin_shufflevector(v[j], v[4 + j], 0, 1, 2, 3, 8, 9, 10, 11) +
                 __builtin_shufflevector(v[j], v[4 + j], 4, 5, 6, 7, 12, 13, 14, 15);
#else
  const Floats(&quarter)[4] = v;
#endif
  // A 4 x 4 transposition within each 128-bit part, adding on the way.
#if CHORDAL_FLOATS_AVX512
#define CHORDAL_PAIR(a, b, lo)                                                                     \
  (lo ? (Floats)_mm512_unpacklo_ps((__m512)a, (__m512)b)                                           \
      : (Floats)_mm512_unpackhi_ps((__m512)a, (__m512)b))
#define CHORDAL_QUAD(a, b, lo)                                                                     \
  (lo ? (Floats)_mm512_unpacklo_pd((__m512d)a, (__m512d)b)                                         \
      : (Floats)_mm512_unpackhi_pd((__m512d)a, (__m512d)b))
#elif CHORDAL_FLOATS_AVX2
#define CHORDAL_PAIR(a, b, lo)                                                                     \
  (lo ? (Floats)_mm256_unpacklo_ps((__m256)a, (__m256)b)                                           \
      : (Floats)_mm256_unpackhi_ps((__m256)a, (__m256)b))
#define CHORDAL_QUAD(a, b, lo)                                                                     \
  (lo ? (Floats)_mm256_unpacklo_pd((__m256d)a, (__m256d)b)                                         \
      : (Floats)_mm256_unpackhi_pd((__m256d)a, (__m256d)b))
#else
#define CHORDAL_PAIR(a, b, lo)                                                                     \
  (lo ? __builtin_shufflevector(a, b, 0, 4, 1, 5) : __builtin_shufflevector(a, b, 2, 6, 3, 7))
#define CHORDAL_QUAD(a, b, lo)                                                                     \
  (lo ? __builtin_shufflevector(a, b, 0, 1, 4, 5) : __builtin_shufflevector(a, b, 2, 3, 6, 7))
#endif
  Floats a =
      CHORDAL_PAIR(quarter[0], quarter[1], true) + CHORDAL_PAIR(quarter[0], quarter[1], false);
  Floats b =
      CHORDAL_PAIR(quarter[2], quarter[3], true) + CHORDAL_PAIR(quarter[2], quarter[3], false);
  return CHORDAL_QUAD(a, b, true) + CHORDAL_QUAD(a, b, false);
#undef CHORDAL_PAIR
#undef CHORDAL_QUAD
}

/// The sum of the lanes, in a fixed order (halves of the vector first).
CHORDAL_INLINE float sum(Floats v) {
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i)
      v[i] += v[i + width];
  return v[0];
}

/// The greatest lane; a NaN may be passed over.
CHORDAL_INLINE float greatest(Floats v) {
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i)
      v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
  return v[0];
}

/// The sum of the squares of n floats, in a fixed order: four vectors of partial sums.
CHORDAL_INLINE float sumOfSquares(const float* x, size_t n) {
  Floats partial[4] = {};
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
    for (int k = 0; k < 4; ++k) {
      Floats v = load(x + i + k * lanes);
      partial[k] = mulAdd(v, v, partial[k]);
    }
  for (; i + lanes <= n; i += lanes) {
    Floats v = load(x + i);
    partial[0] = mulAdd(v, v, partial[0]);
  }
  if (i < n) {
    Floats v = loadPartial(x + i, n - i);
    partial[1] = mulAdd(v, v, partial[1]);
  }
  return sum((partial[0] + partial[1]) + (partial[2] + partial[3]));
}

} // namespace
} // namespace chordal::kernels
