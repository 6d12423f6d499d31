//===- Formats.h - how kernels unpack each format ---------------------------------------------===//
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
//   greatScales         scales may exceed 2^100 (others have at most 22 bits, too)
//   hasMinimum          weight = scale * code - minimum, else scale * (code - zero)
//   codes<I>(unit, g)   the 32 codes of group g
//   scales<I>(unit, n)  scales and minimums of n groups
//
// and, for vectors of 64 bytes (isa/Vectors.h), where it is faster than to join vectors of 32
//
//   longCodes<V>(unit, i)  the i-th 64 codes
//   order(i, k)            which 16 of the unit's weights are the k-th 16 of these
//   longScales<V>(unit)    16 scales, or 8 and then 8 minimums or zeros
//
// and, for rows side by side (isa/Avx512Columns.h), columnScales<C>(unit, s) where it is faster;
// and, where codes depend on nibbles alone (matmul/GemmAmx.h looks these up),
//
//   nibbles(unit, g)           the 16 bytes of group g: the 16 low nibbles, then the high ones
//   pairedNibbles(unit, pair)  or the 32 bytes of two groups: the low nibbles are the first's
//
// The layouts are those of ir/gguf/Blocks.h.
//
//===------------------------------------------------------------------------------------------===//
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

/// The same for rows side by side: a vector for each group.
template <class C, int perScale> struct ColumnScales {
  typename C::Floats scale[256 / perScale], minimum[256 / perScale];
};

CHORDAL_INLINE uint16_t load16(const void* p) {
  uint16_t v;
  __builtin_memcpy(&v, p, 2);
  return v;
}
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
  static constexpr bool isSigned = false, hasMinimum = false, greatScales = false;
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int n, Scales<I, 32>& s) {
    s.scale[0] = I::halves(unit, sizeof(Block), n);
  }

protected:
  /// Long codes are those of four blocks: their low nibbles, then their high ones.
  template <class V> CHORDAL_INLINE typename V::Bytes longNibbles(const Block* unit, int i) {
    return V::field(V::pieces(unit[4 * (i / 2)].qs, sizeof(Block)), 4 * (i % 2), 15);
  }
  /// The bits of `qh` for them.
  CHORDAL_INLINE uint64_t longBits(const Block* unit, int i) {
    uint64_t bits = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k)
      bits |= uint64_t(load16(unit[4 * (i / 2) + k].qh + 2 * (i % 2))) << (16 * k);
    return bits;
  }
  static constexpr int nibbleOrder(int i, int k) { return 8 * (i / 2) + 2 * k + i % 2; }
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
  CHORDAL_INLINE const uint8_t* nibbles(const Block* unit, int g) { return unit[g].qs; }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::nibbles(nibbles(unit, g));
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return Q4_0::template longNibbles<V>(unit, i);
  }
  /// Eight blocks are hardly more than two vectors: two loads instead of eight.
  template <class V> CHORDAL_INLINE typename V::Floats longScales(const Block* unit) {
    return V::template halves<sizeof(Block)>(unit);
  }
  static constexpr int order(int i, int k) { return nibbleOrder(i, k); }
};

struct Q4_1 : Format32WithMinimum<BlockQ4_1> {
  static constexpr int maxCode = 15;
  CHORDAL_INLINE const uint8_t* nibbles(const Block* unit, int g) { return unit[g].qs; }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::nibbles(nibbles(unit, g));
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return Q4_1::template longNibbles<V>(unit, i);
  }
  static constexpr int order(int i, int k) { return nibbleOrder(i, k); }
};

struct Q5_0 : Format32<BlockQ5_0> {
  static constexpr int maxCode = 31, zero = 16;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::nibbles(unit[g].qs), I::bitsTo(unit[g].qh, 16));
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return V::either(Q5_0::template longNibbles<V>(unit, i), V::bitsTo(longBits(unit, i), 16));
  }
  static constexpr int order(int i, int k) { return nibbleOrder(i, k); }
};

struct Q5_1 : Format32WithMinimum<BlockQ5_1> {
  static constexpr int maxCode = 31;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::either(I::nibbles(unit[g].qs), I::bitsTo(unit[g].qh, 16));
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return V::either(Q5_1::template longNibbles<V>(unit, i), V::bitsTo(longBits(unit, i), 16));
  }
  static constexpr int order(int i, int k) { return nibbleOrder(i, k); }
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
  static constexpr bool isSigned = false, hasMinimum = false, greatScales = false;
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
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return V::field(V::load(unit->qs), 2 * i, 3);
  }
  static constexpr int order(int i, int k) { return 2 * i + k % 2 + 8 * (k / 2); }
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
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return V::either(V::field(V::load(unit->qs), 2 * i, 3),
                     V::fields(unit->hmask, i - 2, i + 2, 4));
  }
  static constexpr int order(int i, int k) { return 2 * i + k % 2 + 8 * (k / 2); }
};

struct Q4_K : Format256<BlockQ4_K, 32> {
  static constexpr int maxCode = 15;
  static constexpr bool hasMinimum = true;
  CHORDAL_INLINE const uint8_t* pairedNibbles(const Block* unit, int pair) {
    return unit->qs + 32 * pair;
  }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::field(I::load(pairedNibbles(unit, g / 2)), 4 * (g % 2), 15);
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    I::scalesOf8(unit, s.scale[0], s.minimum[0]);
  }
  template <class C> CHORDAL_INLINE void columnScales(const Block* unit, ColumnScales<C, 32>& s) {
    C::scalesOf8(unit, s.scale, s.minimum);
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    return V::field(V::load(unit->qs + 64 * (i / 2)), 4 * (i % 2), 15);
  }
  static constexpr int order(int i, int k) {
    return 8 * (i / 2) + 4 * (k / 2) + 2 * (i % 2) + k % 2;
  }
  template <class V> CHORDAL_INLINE typename V::Floats longScales(const Block* unit) {
    return V::scalesOf8(unit);
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
  template <class C> CHORDAL_INLINE void columnScales(const Block* unit, ColumnScales<C, 32>& s) {
    C::scalesOf8(unit, s.scale, s.minimum);
  }
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    const int g = 4 * (i / 2) + i % 2; // the first group; g + 2 is the second
    return V::either(V::field(V::load(unit->qs + 64 * (i / 2)), 4 * (i % 2), 15),
                     V::fields(unit->qh, g - 4, g - 2, 16));
  }
  static constexpr int order(int i, int k) { return Q4_K::order(i, k); }
  template <class V> CHORDAL_INLINE typename V::Floats longScales(const Block* unit) {
    return V::scalesOf8(unit);
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
  template <class V> CHORDAL_INLINE typename V::Bytes longCodes(const Block* unit, int i) {
    const int h = i / 2, k = 2 * (i % 2); // groups 4h + k and the next
    return V::either(V::field(V::load(unit->ql + 64 * h), 2 * k, 15),
                     V::fields(unit->qh + 32 * h, 2 * k - 4, 2 * k - 2, 0x30));
  }
  static constexpr int order(int i, int k) { return 4 * i + k; }
  template <class V> CHORDAL_INLINE typename V::Floats longScales(const Block* unit) {
    return V::mul(V::signedWords(unit->scales), V::Half::half(unit->d));
  }
};

/// Formats whose codes come from few loads, shifts and masks: those of several rows are unpacked
/// faster side by side, where traits have Columns (measured: 1.2 to 1.8 times; others not).
template <class F> constexpr bool unpacksByColumns = false;
template <> constexpr bool unpacksByColumns<Q4_0> = true;
template <> constexpr bool unpacksByColumns<Q4_1> = true;
template <> constexpr bool unpacksByColumns<Q2_K> = true;
template <> constexpr bool unpacksByColumns<Q3_K> = true;
template <> constexpr bool unpacksByColumns<Q4_K> = true;
template <> constexpr bool unpacksByColumns<Q5_K> = true;

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
