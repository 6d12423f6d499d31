//===- Blocks.h - the layout of quantised blocks ----------------------------------------------===//
//
// One struct per block format, byte for byte as files store it (little-endian). `d` and `m` are
// half precision numbers, held as their bits (Half.h). A weight w is numbered from 0 within its
// block, q is its integer code. All structs have alignment 1 and may alias bytes, so a row of a
// mapped tensor can be read through them.
//
// Source: the block layouts of the GGML quantisation types, as published with the GGUF format.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cstdint>

namespace chordal {

static_assert(std::endian::native == std::endian::little, "files and blocks are little-endian");

#define CHORDAL_BLOCK [[gnu::packed, gnu::may_alias]]

//===--- 32 weights, one scale ----------------------------------------------------------------===//
// In the 4- and 5-bit formats byte i of `qs` holds the low four bits of weight i in its low nibble
// and those of weight i + 16 in its high nibble.

/// w = d * (q - 8), q of 4 bits.
struct CHORDAL_BLOCK BlockQ4_0 {
  static constexpr int weights = 32;
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

/// w = d * q + m, q of 4 bits.
struct CHORDAL_BLOCK BlockQ4_1 {
  static constexpr int weights = 32;
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

/// w = d * (q - 16), q of 5 bits; bit i of the little-endian word `qh` is bit 4 of weight i's q.
struct CHORDAL_BLOCK BlockQ5_0 {
  static constexpr int weights = 32;
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

/// w = d * q + m, q of 5 bits, placed as in Q5_0.
struct CHORDAL_BLOCK BlockQ5_1 {
  static constexpr int weights = 32;
  uint16_t d;
  uint16_t m;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

/// w = d * q, q a signed byte.
struct CHORDAL_BLOCK BlockQ8_0 {
  static constexpr int weights = 32;
  uint16_t d;
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

//===--- 256 weights, quantised scales of groups ----------------------------------------------===//

/// 16 groups of 16; w = d * scale * q - dmin * min, q of 2 bits.
/// `scales[g]`: the group's scale in the low nibble, its min in the high nibble.
/// `qs`: each 32 bytes hold 128 weights; weight 128 h + 32 k + i has bits 2k, 2k + 1 of byte 32 h +
/// i.
struct CHORDAL_BLOCK BlockQ2_K {
  static constexpr int weights = 256;
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d;
  uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

/// 16 groups of 16; w = d * (scale - 32) * (q - 4), q of 3 bits.
/// `qs`: the low two bits, as in Q2_K. `hmask`: weight 128 h + 32 k + i has its third bit in bit
/// 4 h + k of byte i.
/// `scales`: 16 numbers of 6 bits. The low four bits of group g are in a nibble of byte g % 8 (low
/// nibble for g < 8), the high two in bits 2 (g / 4) and up of byte 8 + g % 4.
struct CHORDAL_BLOCK BlockQ3_K {
  static constexpr int weights = 256;
  uint8_t hmask[32];
  uint8_t qs[64];
  uint8_t scales[12];
  uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

/// 8 groups of 32; w = d * scale * q - dmin * min, q of 4 bits.
/// `scales`: 8 scales and 8 mins of 6 bits. For groups g = 0 to 3 they are the low six bits of
/// bytes g and g + 4. For g = 4 to 7 their low four bits are the low (scale) and high (min) nibble
/// of byte g + 4, their high two bits the top bits of bytes g - 4 and g. `qs`: each 32 bytes hold
/// 64 weights: weight 64 h + i in the low nibble of byte 32 h + i, weight 64 h + 32 + i in its high
/// nibble.
struct CHORDAL_BLOCK BlockQ4_K {
  static constexpr int weights = 256;
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

/// As Q4_K with q of 5 bits: the fifth bit of weight 32 g + i is bit g of `qh[i]`.
struct CHORDAL_BLOCK BlockQ5_K {
  static constexpr int weights = 256;
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

/// 16 groups of 16; w = d * scale * (q - 32), q of 6 bits, `scales` signed bytes.
/// Each half h of 128 weights has 64 bytes of `ql` and 32 of `qh`. Weight 128 h + 32 k + i: the low
/// four bits are a nibble of `ql[64 h + 32 (k % 2) + i]` (low for k < 2, high otherwise), the high
/// two are bits 2k, 2k + 1 of `qh[32 h + i]`.
struct CHORDAL_BLOCK BlockQ6_K {
  static constexpr int weights = 256;
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

//===--- Ternary weights ----------------------------------------------------------------------===//

/// w = d * (q - 1), q of 2 bits, placed as in Q2_K; one scale for all.
struct CHORDAL_BLOCK BlockTQ2_0 {
  static constexpr int weights = 256;
  uint8_t qs[64];
  uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

/// w = d * (q - 1), q of 0 to 2; one scale for all. A byte holds five q's, as a fraction of 256 in
/// base 3, rounded up: digit n of byte b is floor(3 * (b * 3^n mod 256) / 256).
/// Digit n of `qs[i]`, i < 32, is weight 32 n + i; of `qs[32 + i]` it is weight 160 + 16 n + i; of
/// `qh[i]` (which has four) it is weight 240 + 4 n + i.
struct CHORDAL_BLOCK BlockTQ1_0 {
  static constexpr int weights = 256;
  uint8_t qs[48];
  uint8_t qh[4];
  uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

//===--- 4-bit floats -------------------------------------------------------------------------===//
// Codes are E2M1 numbers (Codebooks.h), a nibble each.

/// 32 weights; w = 2^(e - 127) * value of the code, placed as in Q4_0.
/// Source: OCP Microscaling Formats specification 1.0; the NaN of its scale, e = 255, is not used.
struct CHORDAL_BLOCK BlockMXFP4 {
  static constexpr int weights = 32;
  uint8_t e;
  uint8_t qs[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

/// Four groups of 16 weights; w = scale * value of the code. `d[g]` is the group's scale, an E4M3
/// number without sign; its NaN stands for 0. Weight 16 g + i, i < 8, is the low nibble of
/// `qs[8 g + i]`, weight 16 g + 8 + i its high nibble.
struct CHORDAL_BLOCK BlockNVFP4 {
  static constexpr int weights = 64;
  uint8_t d[4];
  uint8_t qs[32];
};
static_assert(sizeof(BlockNVFP4) == 36);

//===--- Codebooks ----------------------------------------------------------------------------===//
// Codes are entries of a table (Codebooks.h). Magnitudes of IQ2 and IQ3 come with a bit for the
// sign of each weight, 1 for negative: eight weights a byte, the first in bit 0; or seven bits a
// byte, the eighth making their number of ones even ("even signs").

/// w = d * level, a nibble choosing the level; placed as in Q4_0.
struct CHORDAL_BLOCK BlockIQ4_NL {
  static constexpr int weights = 32;
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

/// 8 groups of 32; w = d * (scale - 32) * level. Scales of 6 bits: the low four of group g in a
/// nibble of `scalesLow[g / 2]` (low for even g), the high two in bits 2g, 2g + 1 of `scalesHigh`.
/// Each 16 bytes of `qs` hold a group as Q4_0 does.
struct CHORDAL_BLOCK BlockIQ4_XS {
  static constexpr int weights = 256;
  uint16_t d;
  uint16_t scalesHigh;
  uint8_t scalesLow[4];
  uint8_t qs[128];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

/// 8 groups of 32; w = d / 8 * (2 scale + 1) * entry, scale of 4 bits. A group has 8 bytes: four
/// indices of entries of 8 weights, then a word with 7 bits of even signs for each and the scale
/// on top.
struct CHORDAL_BLOCK BlockIQ2_XXS {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[64];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

/// 16 groups of 16; weights as in IQ2_XXS. Eight weights have 16 bits: the index, 9 bits, and even
/// signs. Scales are nibbles, that of an even group the low one.
struct CHORDAL_BLOCK BlockIQ2_XS {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[64];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_XS) == 74);

/// As IQ2_XS with an index of 10 bits: byte i of `qs` is the low part for weights 8i and up, bits
/// 2 (i % 4), 2 (i % 4) + 1 of `qh[i / 4]` the high part.
struct CHORDAL_BLOCK BlockIQ2_S {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[32];
  uint8_t signs[32];
  uint8_t qh[8];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_S) == 82);

/// 8 groups of 32; w = d / 4 * (2 scale + 1) * entry. `qs[i]` is the index of an entry of 4
/// weights, from 4i on. `signs`: a word for each group, as in IQ2_XXS.
struct CHORDAL_BLOCK BlockIQ3_XXS {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[64];
  uint8_t signs[32];
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

/// 8 groups of 32; w = d * (2 scale + 1) * entry. Indices of 9 bits: `qs[i]`, and bit i % 8 of
/// `qh[i / 8]` on top. Scales are nibbles, that of an even group the low one.
struct CHORDAL_BLOCK BlockIQ3_S {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[64];
  uint8_t qh[8];
  uint8_t signs[32];
  uint8_t scales[4];
};
static_assert(sizeof(BlockIQ3_S) == 110);

/// 8 groups of 32; w = d * (2 scale + 1) * (entry + shift). Entries of 8 weights with an index of
/// 11 bits: `qs[4g + i]`, and bits 3i to 3i + 2 of the word `qh[g]` on top. That word's bits 12 to
/// 14 are the scale; shift is 1/8, or -1/8 if bit 15 is set.
struct CHORDAL_BLOCK BlockIQ1_S {
  static constexpr int weights = 256;
  uint16_t d;
  uint8_t qs[32];
  uint16_t qh[8];
};
static_assert(sizeof(BlockIQ1_S) == 50);

/// As IQ1_S with 16 groups of 16 and a shift for each entry. Entry i has a nibble of `qh[i / 2]`,
/// low for even i: three bits of the index, and bit 3 says that the shift is negative.
/// `scales`: four words of four 3-bit scales, the first in the low bits; their top four bits
/// together are d, the first word's being its lowest.
struct CHORDAL_BLOCK BlockIQ1_M {
  static constexpr int weights = 256;
  uint8_t qs[32];
  uint8_t qh[16];
  uint16_t scales[4];
};
static_assert(sizeof(BlockIQ1_M) == 56);

#undef CHORDAL_BLOCK

/// The 6-bit scale of group g (0 to 15) of a Q3_K block, 32 not yet subtracted.
constexpr uint32_t scaleQ3K(const uint8_t (&scales)[12], int g) {
  uint32_t low = g < 8 ? scales[g] & 15u : scales[g - 8] >> 4;
  uint32_t high = (scales[8 + g % 4] >> (2 * (g / 4))) & 3u;
  return low | high << 4;
}

/// The 6-bit scale of group g (0 to 7) of a Q4_K or Q5_K block.
constexpr uint32_t scaleQ4K(const uint8_t (&scales)[12], int g) {
  return g < 4 ? scales[g] & 63u : (scales[g + 4] & 15u) | uint32_t(scales[g - 4] >> 6) << 4;
}

/// The 6-bit min of group g (0 to 7) of a Q4_K or Q5_K block.
constexpr uint32_t minQ4K(const uint8_t (&scales)[12], int g) {
  return g < 4 ? scales[g + 4] & 63u : uint32_t(scales[g + 4] >> 4) | uint32_t(scales[g] >> 6) << 4;
}

/// The 6-bit scale of group g (0 to 7) of an IQ4_XS block, 32 not yet subtracted.
constexpr uint32_t scaleIQ4XS(const BlockIQ4_XS& block, int g) {
  uint32_t low = (block.scalesLow[g / 2] >> (4 * (g % 2))) & 15u;
  return low | ((uint32_t(block.scalesHigh) >> (2 * g)) & 3u) << 4;
}

/// The bits of d of an IQ1_M block.
constexpr uint16_t scaleIQ1M(const BlockIQ1_M& block) {
  uint32_t d = 0;
  for (int i = 0; i < 4; ++i)
    d |= uint32_t(block.scales[i] >> 12) << (4 * i);
  return uint16_t(d);
}

} // namespace chordal
