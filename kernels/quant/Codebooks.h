//===- Codebooks.h - how kernels unpack formats with codebooks --------------------------------===//
//
// IQ1 to IQ4, as Formats.h says. Entries of a codebook are loaded as words and joined to vectors;
// signed magnitudes become unsigned codes around a zero point.
//
// A bound of codes (maxCode) may be greater than what occurs: steps that 16 bits hold (Avx2.h) must
// divide the steps of a group.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Codebooks.h"
#include "kernels/isa/Tables.h"
#include "kernels/quant/Formats.h"

namespace chordal::kernels {
namespace {

/// 2 s + 1 for each of 8 small scales s.
CHORDAL_INLINE uint64_t oddScales(uint64_t scales) {
  return (scales << 1) | 0x0101010101010101;
}

//===--- IQ4: levels --------------------------------------------------------------------------===//

template <class Bytes> CHORDAL_INLINE Bytes levelsOfIQ4(Bytes nibbles) {
  alignas(16) static constexpr uint8_t table[16] = {
      uint8_t(codebooks::iq4[0]),  uint8_t(codebooks::iq4[1]),  uint8_t(codebooks::iq4[2]),
      uint8_t(codebooks::iq4[3]),  uint8_t(codebooks::iq4[4]),  uint8_t(codebooks::iq4[5]),
      uint8_t(codebooks::iq4[6]),  uint8_t(codebooks::iq4[7]),  uint8_t(codebooks::iq4[8]),
      uint8_t(codebooks::iq4[9]),  uint8_t(codebooks::iq4[10]), uint8_t(codebooks::iq4[11]),
      uint8_t(codebooks::iq4[12]), uint8_t(codebooks::iq4[13]), uint8_t(codebooks::iq4[14]),
      uint8_t(codebooks::iq4[15])};
  return lookUp(table, nibbles);
}

struct IQ4_NL : Format32<BlockIQ4_NL> {
  static constexpr int maxCode = 127;
  static constexpr bool isSigned = true;
  CHORDAL_INLINE const uint8_t* nibbles(const Block* unit, int g) { return unit[g].qs; }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return levelsOfIQ4(I::nibbles(nibbles(unit, g)));
  }
};

struct IQ4_XS : Format256<BlockIQ4_XS, 32> {
  static constexpr int maxCode = 127;
  static constexpr bool isSigned = true;
  CHORDAL_INLINE const uint8_t* nibbles(const Block* unit, int g) { return unit->qs + 16 * g; }
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    return levelsOfIQ4(I::nibbles(nibbles(unit, g)));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    uint64_t scales = spreadNibbles(load32(unit->scalesLow)) | spreadPairs(unit->scalesHigh) << 4;
    s.scale[0] = I::mul(I::add(I::words(scales), -32.0f), I::half(unit->d));
  }
};

//===--- IQ2: entries of eight magnitudes -----------------------------------------------------===//

template <class B, int scaleGroup> struct FormatIQ2 : Format256<B, scaleGroup> {
  static constexpr int zero = 43, maxCode = 86;
};

struct IQ2_XXS : FormatIQ2<BlockIQ2_XXS, 32> {
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 8 * g;
    const auto& entry = codebooks::iq2xxs.entry;
    return around(zero,
                  join<typename I::Bytes>(entry[qs[0]], entry[qs[1]], entry[qs[2]], entry[qs[3]]),
                  codebooks::evenSigns(load32(qs + 4)));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    uint64_t scales = 0;
    for (int g = 0; g < 8; ++g)
      scales |= uint64_t(unit->qs[8 * g + 7] >> 4) << (8 * g);
    s.scale[0] = I::mul(I::words(oddScales(scales)), I::half(unit->d) * 0.125f);
  }
};

/// Scales of 16 groups of 16 in eight bytes of nibbles.
template <class I>
CHORDAL_INLINE void nibbleScales(const uint8_t* bytes, float d, Scales<I, 16>& s) {
  for (int i = 0; i < 2; ++i)
    s.scale[i] = I::mul(I::words(oddScales(spreadNibbles(load32(bytes + 4 * i)))), d);
}

struct IQ2_XS : FormatIQ2<BlockIQ2_XS, 16> {
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint64_t words = load64(unit->qs + 8 * g);
    const auto& entry = codebooks::iq2xs.entry;
    // The upper seven bits of each word, packed.
    const uint32_t signs = uint32_t((words >> 9 & 0x7f) | (words >> 18 & 0x3f80) |
                                    (words >> 27 & 0x1fc000) | (words >> 36 & 0xfe00000));
    return around(zero,
                  join<typename I::Bytes>(entry[words & 511], entry[words >> 16 & 511],
                                          entry[words >> 32 & 511], entry[words >> 48 & 511]),
                  codebooks::evenSigns(signs));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    nibbleScales<I>(unit->scales, I::half(unit->d) * 0.125f, s);
  }
};

struct IQ2_S : FormatIQ2<BlockIQ2_S, 16> {
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 4 * g;
    const uint32_t high = unit->qh[g];
    const auto& entry = codebooks::iq2s.entry;
    return around(zero,
                  join<typename I::Bytes>(
                      entry[qs[0] | (high << 8 & 0x300)], entry[qs[1] | (high << 6 & 0x300)],
                      entry[qs[2] | (high << 4 & 0x300)], entry[qs[3] | (high << 2 & 0x300)]),
                  load32(unit->signs + 4 * g));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    nibbleScales<I>(unit->scales, I::half(unit->d) * 0.125f, s);
  }
};

//===--- IQ3: entries of four magnitudes ------------------------------------------------------===//

struct IQ3_XXS : Format256<BlockIQ3_XXS, 32> {
  static constexpr int zero = 62, maxCode = 124;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 8 * g;
    const auto& entry = codebooks::iq3xxs.entry;
    const WordVector v = {entry[qs[0]], entry[qs[1]], entry[qs[2]], entry[qs[3]],
                          entry[qs[4]], entry[qs[5]], entry[qs[6]], entry[qs[7]]};
    return around(zero, as<typename I::Bytes>(v),
                  codebooks::evenSigns(load32(unit->signs + 4 * g)));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    uint64_t scales = 0;
    for (int g = 0; g < 8; ++g)
      scales |= uint64_t(unit->signs[4 * g + 3] >> 4) << (8 * g);
    s.scale[0] = I::mul(I::words(oddScales(scales)), I::half(unit->d) * 0.25f);
  }
};

struct IQ3_S : Format256<BlockIQ3_S, 32> {
  static constexpr int zero = 15, maxCode = 30;
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 8 * g;
    const uint32_t high = uint32_t(unit->qh[g]) << 8; // bit 8 + i for entry i
    const auto& entry = codebooks::iq3s.entry;
    const WordVector v = {entry[qs[0] | (high & 256)],      entry[qs[1] | (high >> 1 & 256)],
                          entry[qs[2] | (high >> 2 & 256)], entry[qs[3] | (high >> 3 & 256)],
                          entry[qs[4] | (high >> 4 & 256)], entry[qs[5] | (high >> 5 & 256)],
                          entry[qs[6] | (high >> 6 & 256)], entry[qs[7] | (high >> 7 & 256)]};
    return around(zero, as<typename I::Bytes>(v), load32(unit->signs + 4 * g));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    s.scale[0] = I::mul(I::words(oddScales(spreadNibbles(load32(unit->scales)))), I::half(unit->d));
  }
};

//===--- IQ1: entries of eight ternary weights, shifted ---------------------------------------===//

/// Codes in eighths: 8 (w + 1), and one more or less, whose zero point is 9.
template <class B, int scaleGroup> struct FormatIQ1 : Format256<B, scaleGroup> {
  static constexpr int zero = 9, maxCode = 31;
  /// The entry of this index, shifted up by an eighth, or down if `down` is not 0.
  CHORDAL_INLINE uint64_t shifted(uint32_t index, uint32_t down) {
    return codebooks::iq1.entry[index] | (down ? 0 : 0x0202020202020202);
  }
};

struct IQ1_S : FormatIQ1<BlockIQ1_S, 32> {
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 4 * g;
    const uint32_t word = unit->qh[g], down = word & 0x8000;
    return join<typename I::Bytes>(
        shifted(qs[0] | (word << 8 & 0x700), down), shifted(qs[1] | (word << 5 & 0x700), down),
        shifted(qs[2] | (word << 2 & 0x700), down), shifted(qs[3] | (word >> 1 & 0x700), down));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 32>& s) {
    uint64_t scales = 0;
    for (int g = 0; g < 8; ++g)
      scales |= uint64_t(unit->qh[g] >> 12 & 7) << (8 * g);
    s.scale[0] = I::mul(I::words(oddScales(scales)), I::half(unit->d) * 0.125f);
  }
};

struct IQ1_M : FormatIQ1<BlockIQ1_M, 16> {
  template <class I> CHORDAL_INLINE typename I::Bytes codes(const Block* unit, int g) {
    const uint8_t* qs = unit->qs + 4 * g;
    const uint32_t high = load16(unit->qh + 2 * g);
    return join<typename I::Bytes>(shifted(qs[0] | (high << 8 & 0x700), high & 0x8),
                                   shifted(qs[1] | (high << 4 & 0x700), high & 0x80),
                                   shifted(qs[2] | (high & 0x700), high & 0x800),
                                   shifted(qs[3] | (high >> 4 & 0x700), high & 0x8000));
  }
  template <class I> CHORDAL_INLINE void scales(const Block* unit, int, Scales<I, 16>& s) {
    const uint32_t a = unit->scales[0], b = unit->scales[1], c = unit->scales[2],
                   e = unit->scales[3];
    const uint16_t bits = uint16_t(a >> 12 | (b >> 8 & 0xf0) | (c >> 4 & 0xf00) | (e & 0xf000));
    const float d = I::half(bits) * 0.125f;
    const uint64_t first = spreadTriples(a) | uint64_t(spreadTriples(b)) << 32;
    const uint64_t second = spreadTriples(c) | uint64_t(spreadTriples(e)) << 32;
    s.scale[0] = I::mul(I::words(oddScales(first)), d);
    s.scale[1] = I::mul(I::words(oddScales(second)), d);
  }
};

} // namespace
} // namespace chordal::kernels
