//===- Tables.h - vectors of codes by way of tables -------------------------------------------===//
//
// What formats with codebooks need beside the traits (Isa.h): 32 bytes joined from entries of a
// table or looked up in one of 16, and signs. Written with the compiler's vectors for whatever the
// translation unit is compiled for; `Bytes` is the trait's type of 32 bytes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"

#if defined(__SSSE3__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace chordal::kernels {
namespace {

typedef uint8_t ByteVector __attribute__((vector_size(32)));
typedef uint32_t WordVector __attribute__((vector_size(32)));
typedef uint64_t LongVector __attribute__((vector_size(32)));

template <class To, class From> CHORDAL_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

/// The byte in all places.
CHORDAL_INLINE ByteVector splat(uint8_t byte) {
  return byte + ByteVector{};
}

/// Four times eight bytes.
template <class Bytes> CHORDAL_INLINE Bytes join(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  return as<Bytes>(LongVector{a, b, c, d});
}

/// Entry codes[i] of the table in each place i; codes are below 16.
template <class Bytes> CHORDAL_INLINE Bytes lookUp(const uint8_t (&table)[16], Bytes codes) {
#if defined(__AVX2__)
  const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return as<Bytes>(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), as<__m256i>(codes)));
#elif defined(__SSSE3__)
  struct {
    __m128i low, high;
  } pair = as<decltype(pair)>(codes);
  const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  pair.low = _mm_shuffle_epi8(entries, pair.low);
  pair.high = _mm_shuffle_epi8(entries, pair.high);
  return as<Bytes>(pair);
#elif defined(__aarch64__)
  const uint8x16_t entries = vld1q_u8(table);
  const auto pair = as<uint8x16x2_t>(codes);
  return as<Bytes>(
      uint8x16x2_t{vqtbl1q_u8(entries, pair.val[0]), vqtbl1q_u8(entries, pair.val[1])});
#else
  ByteVector v = as<ByteVector>(codes);
  for (int i = 0; i < 32; ++i)
    v[i] = table[v[i]];
  return as<Bytes>(v);
#endif
}

/// 0xff in the places i where bit i is set, else 0.
CHORDAL_INLINE ByteVector maskOf(uint32_t bits) {
  typedef uint8_t Four __attribute__((vector_size(4)));
  const Four four = as<Four>(bits);
  // Byte i of the word to lanes 8i to 8i+7, then one bit of it to each.
  const ByteVector spread =
      __builtin_shufflevector(four, four, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                              2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const ByteVector bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                          1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return as<ByteVector>((spread & bit) != 0);
}

/// zero + v, or zero - v in the places i where bit i of `negative` is set.
template <class Bytes> CHORDAL_INLINE Bytes around(uint8_t zero, Bytes v, uint32_t negative) {
#if defined(__AVX512VL__) && defined(__AVX512BW__)
  const __m256i middle = as<__m256i>(splat(zero)), x = as<__m256i>(v);
  return as<Bytes>(_mm256_mask_sub_epi8(_mm256_add_epi8(middle, x), negative, middle, x));
#elif defined(__AVX2__)
  // Byte i of the word to lanes 8i to 8i+7, then one bit of it to each: 0xff where it is set.
  const __m256i spread =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(int64_t(0x8040201008040201));
  const __m256i bits = _mm256_shuffle_epi8(_mm256_set1_epi32(int(negative)), spread);
  const __m256i mask = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
  const __m256i sign = _mm256_or_si256(mask, _mm256_set1_epi8(1));
  return as<Bytes>(
      _mm256_add_epi8(_mm256_sign_epi8(as<__m256i>(v), sign), _mm256_set1_epi8(char(zero))));
#else
  const ByteVector x = as<ByteVector>(v), mask = maskOf(negative);
  return as<Bytes>(((x ^ mask) - mask) + zero);
#endif
}

//===--- small numbers to bytes ---------------------------------------------------------------===//

/// Nibble i to byte i.
CHORDAL_INLINE uint64_t spreadNibbles(uint32_t nibbles) {
  uint64_t x = nibbles;
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  return (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
}

/// Bits 2i, 2i + 1 to byte i.
CHORDAL_INLINE uint64_t spreadPairs(uint16_t pairs) {
  uint64_t x = pairs;
  x = (x | x << 24) & 0x000000ff000000ff;
  x = (x | x << 12) & 0x000f000f000f000f;
  return (x | x << 6) & 0x0303030303030303;
}

/// Bits 3i to 3i + 2 to byte i, for four.
CHORDAL_INLINE uint32_t spreadTriples(uint32_t triples) {
  return (triples & 7) | (triples & 0x38) << 5 | (triples & 0x1c0) << 10 | (triples & 0xe00) << 15;
}

} // namespace
} // namespace chordal::kernels
