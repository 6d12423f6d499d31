//===- Small.h - how kernels unpack ternary weights and 4-bit floats --------------------------===//
//
// TQ1_0, TQ2_0, MXFP4 and NVFP4, as Formats.h says.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Codebooks.h"
#include "kernels/isa/Tables.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

//===--- ternary weights ----------------------------------------------------------------------===//

template <class B> struct FormatTernary : Format256<B, 32> {
  static constexpr int zero = 1;
  template <class I> CHORDAL_INLINE void scales(const B* unit, int, Scales<I, 32>& s) {
    s.scale[0] = I::mul(I::words(0x0101010101010101), I::half(unit->d));
  }
};

struct TQ2_0 : FormatTernary<BlockTQ2_0> {
  static constexpr int maxCode = 3;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return I::field(I::load(unit->qs + 32 * (g / 4)), 2 * (g % 4), 3);
  }
};

struct TQ1_0 : FormatTernary<BlockTQ1_0> {
  static constexpr int maxCode = 2;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    typedef uint8_t Half __attribute__((vector_size(16)));
    ByteVector v;
    if (g < 5) {
      v = as<ByteVector>(I::load(unit->qs)) * power(g);
    } else {
      Half first, second;
      __builtin_memcpy(&first, unit->qs + 32, 16);
      if (g < 7) {
        second = first * power(2 * g - 9);
      } else {
        const uint32_t word = load32(unit->qh);
        typedef uint32_t Words __attribute__((vector_size(16)));
        second = as<Half>(Words{word, word, word, word}) *
                 Half{1, 1, 1, 1, 3, 3, 3, 3, 9, 9, 9, 9, 27, 27, 27, 27};
      }
      first = first * power(2 * g - 10);
      struct {
        Half a, b;
      } both = {first, second};
      v = as<ByteVector>(both);
    }
    // The digit is floor(3 v / 256).
    return as<typename I::Bytes>(
        ByteVector{} - (as<ByteVector>(v >= splat(86)) + as<ByteVector>(v >= splat(171))));
  }

private:
  CHORDAL_INLINE uint8_t power(int n) {
    constexpr uint8_t powers[] = {1, 3, 9, 27, 81};
    return powers[n];
  }
};

//===--- 4-bit floats -------------------------------------------------------------------------===//

/// Twice the values of E2M1, with 12 added.
template <class Bytes> CHORDAL_INLINE Bytes codesOfE2M1(Bytes nibbles) {
  alignas(16) static constexpr uint8_t table[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                                    12, 11, 10, 9,  8,  6,  4,  0};
  return lookUp(table, nibbles);
}

struct MXFP4 : Format32<BlockMXFP4> {
  static constexpr int zero = 12, maxCode = 31;
  static constexpr bool greatScales = true;
  CHORDAL_INLINE const uint8_t* nibbles(const Block* unit, int g) { return unit[g].qs; }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return codesOfE2M1(I::nibbles(nibbles(unit, g)));
  }
  /// 2^(e - 128), subnormal for e < 2.
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int n, Scales<I, 32>& s) {
    WordVector e = {};
    for (int g = 0; g < n; ++g)
      e[g] = unit[g].e;
    const WordVector small = as<WordVector>(e < 2);
    s.scale[0] =
        as<typename I::Floats>((small & (0x200000u << (e & 1))) | (~small & (e - 1) << 23));
  }
};

struct NVFP4 {
  using Block = BlockNVFP4;
  static constexpr int groups = 2, perScale = 16, zero = 12, maxCode = 31;
  static constexpr bool isSigned = false, hasMinimum = false, greatScales = false;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit[g / 2].qs + 16 * (g % 2);
    const uint64_t first = load64(qs), second = load64(qs + 8);
    return codesOfE2M1(
        I::field(join<typename I::Bytes>(first, first >> 4, second, second >> 4), 0, 15));
  }
  /// The fields of E4M3 lie in those of a half-precision number, which is then too small by 2^8;
  /// a factor of 1/2 is for the doubled codes. The NaN counts as 0.
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int n, Scales<I, 16>& s) {
    for (int v = 0; v < 2; ++v) {
      uint16_t halves[8] = {};
      for (int i = 0; i < 8 && 8 * v + i < 2 * n; ++i) {
        const uint8_t bits = unit[2 * v + i / 4].d[i % 4] & 0x7f;
        halves[i] = bits == 0x7f ? 0 : uint16_t(bits << 7);
      }
      s.scale[v] = I::mul(I::halves(halves, 2, 8), 0x1p7f);
    }
  }
};

} // namespace
} // namespace chordal::kernels
