//===- Formats.h - how kernels unpack each format --------------------------------------------===//
//
// One struct for each weight format, written against the instruction-set traits (isa/Isa.h). A
// quantised format is unpacked by *units* of 8 groups of 32 weights: one block of 256 or 8 of 32
// (the last unit of a row of 32-blocks may be shorter). It says
//
//   Block, groups       its block, and how many groups of 32 weights that holds
//   perScale            weights that share a scale: 32 or 16
//   maxCode             the greatest code
//   zero                the code of the weight 0
//   isSigned            codes are signed bytes (and zero is 0)
//   hasMinimum          weight = scale * code - minimum, else scale * (code - zero)
//   codes<I>(unit, g)   the 32 codes of group g
//   scales<I>(unit, n)  scales and minimums of n groups
//
// The layouts are those of ir/gguf/Blocks.h.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Blocks.h"
#include "kernels/isa/Isa.h"

namespace chordal::kernels {
namespace {

/// Scales and minimums of a unit; one vector for 8 groups of 32, two for 16 groups of 16.
template <class I, int perScale> struct Scales {
  static constexpr int vectors = 32 / perScale;
  typename I::Floats scale[vectors], minimum[vectors];
};

CHORDAL_INLINE uint32_t load32(const void* p) {
  uint32_t v;
  __builtin_memcpy(&v, p, 4);
  return v;
}
CHORDAL_INLINE uint64_t load64(const void* p) {
  uint64_t v;
  __builtin_memcpy(&v, p, 8);
  return v;
}

/// What the formats of 32-blocks have in common: d, and m two bytes after it.
template <class B> struct Format32 {
  using Block = B;
  static constexpr int groups = 1, perScale = 32, zero = 0;
  static constexpr bool isSigned = false, hasMinimum = false;
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int n, Scales<I, 32>& s) {
    s.scale[0] = I::halves(unit, sizeof(Block), n);
  }
};

template <class B> struct Format32WithMinimum : Format32<B> {
  static constexpr bool hasMinimum = true;
  template <class I> CHORDAL_INLINE void scales(const B* unit, int n, Scales<I, 32>& s) {
    s.scale[0] = I::halves(unit, sizeof(B), n);
    s.minimum[0] = I::negate(I::halves(reinterpret_cast<const uint8_t*>(unit) + 2, sizeof(B), n));
  }
};

struct Q4_0 : Format32<BlockQ4_0> {
  static constexpr int maxCode = 15, zero = 8;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::nibbles(unit[g].qs);
  }
};

struct Q4_1 : Format32WithMinimum<BlockQ4_1> {
  static constexpr int maxCode = 15;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::nibbles(unit[g].qs);
  }
};

struct Q5_0 : Format32<BlockQ5_0> {
  static constexpr int maxCode = 31, zero = 16;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::nibbles(unit[g].qs), I::bitsTo(unit[g].qh, 16));
  }
};

struct Q5_1 : Format32WithMinimum<BlockQ5_1> {
  static constexpr int maxCode = 31;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::nibbles(unit[g].qs), I::bitsTo(unit[g].qh, 16));
  }
};

struct Q8_0 : Format32<BlockQ8_0> {
  static constexpr int maxCode = 255;
  static constexpr bool isSigned = true;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::load(unit[g].qs);
  }
};

template <class B, int scaleGroup> struct Format256 {
  using Block = B;
  static constexpr int groups = 8, perScale = scaleGroup, zero = 0;
  static constexpr bool isSigned = false, hasMinimum = false;
};

struct Q2_K : Format256<BlockQ2_K, 16> {
  static constexpr int maxCode = 3;
  static constexpr bool hasMinimum = true;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::field(I::load(unit->qs + 32 * (g / 4)), 2 * (g % 4), 3);
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    constexpr uint64_t nibble = 0x0f0f0f0f0f0f0f0f;
    float d = I::half(unit->d), dmin = I::half(unit->dmin);
    for (int i = 0; i < 2; ++i) {
      uint64_t bytes = load64(unit->scales + 8 * i);
      s.scale[i] = I::mul(I::words(bytes & nibble), d);
      s.minimum[i] = I::mul(I::words(bytes >> 4 & nibble), dmin);
    }
  }
};

struct Q3_K : Format256<BlockQ3_K, 16> {
  static constexpr int maxCode = 7, zero = 4;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::field(I::load(unit->qs + 32 * (g / 4)), 2 * (g % 4), 3),
                     I::field(I::load(unit->hmask), g - 2, 4));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    uint64_t low = load64(unit->scales);
    uint64_t high = load32(unit->scales + 8);
    // The two high bits of groups 0 to 7 and 8 to 15.
    uint64_t first = (high & 0x03030303) | (high >> 2 & 0x03030303) << 32;
    uint64_t second = (high >> 4 & 0x03030303) | (high >> 6 & 0x03030303) << 32;
    constexpr uint64_t nibble = 0x0f0f0f0f0f0f0f0f;
    float d = I::half(unit->d);
    s.scale[0] = I::mul(I::add(I::words((low & nibble) | first << 4), -32.0f), d);
    s.scale[1] = I::mul(I::add(I::words((low >> 4 & nibble) | second << 4), -32.0f), d);
  }
};

struct Q4_K : Format256<BlockQ4_K, 32> {
  static constexpr int maxCode = 15;
  static constexpr bool hasMinimum = true;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::field(I::load(unit->qs + 32 * (g / 2)), 4 * (g % 2), 15);
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    I::scalesOf8(unit, s.scale[0], s.minimum[0]);
  }
};

struct Q5_K : Format256<BlockQ5_K, 32> {
  static constexpr int maxCode = 31;
  static constexpr bool hasMinimum = true;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::field(I::load(unit->qs + 32 * (g / 2)), 4 * (g % 2), 15),
                     I::field(I::load(unit->qh), g - 4, 16));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    I::scalesOf8(unit, s.scale[0], s.minimum[0]);
  }
};

struct Q6_K : Format256<BlockQ6_K, 16> {
  static constexpr int maxCode = 63, zero = 32;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    int h = g / 4, k = g % 4;
    return I::either(I::field(I::load(unit->ql + 64 * h + 32 * (k % 2)), 4 * (k / 2), 15),
                     I::field(I::load(unit->qh + 32 * h), 2 * k - 4, 0x30));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    float d = I::half(unit->d);
    for (int i = 0; i < 2; ++i)
      s.scale[i] = I::mul(I::signedWords(load64(unit->scales + 8 * i)), d);
  }
};

/// Float formats: 8 weights at a time.
struct F32 {
  static constexpr int bytes = 4;
  template <class I> CHORDAL_INLINE typename I::Floats load(const void* p) { return I::loadF32(p); }
};
struct F16 {
  static constexpr int bytes = 2;
  template <class I> CHORDAL_INLINE typename I::Floats load(const void* p) { return I::loadF16(p); }
};
struct BF16 {
  static constexpr int bytes = 2;
  template <class I> CHORDAL_INLINE typename I::Floats load(const void* p) {
    return I::loadBF16(p);
  }
};

} // namespace
} // namespace chordal::kernels
