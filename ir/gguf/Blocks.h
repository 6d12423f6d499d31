//===- Blocks.h - the layout of quantised blocks
//--------------------------------------------------===//
//
// One struct per block format, byte for byte as files store it (little-endian). `d` and `m` are
// half precision numbers, held as their bits (Half.h). A weight w is numbered from 0 within its
// block, q is its integer code. All structs have alignment 1 and may alias bytes, so a row of a
// mapped tensor can be read through them.
//
// Source: the block layouts of the GGML quantisation types, as published with the GGUF format.
//
//===----------------------------------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cstdint>

namespace chordal {

static_assert(std::endian::native == std::endian::little, "files and blocks are little-endian");

#define CHORDAL_BLOCK [[gnu::packed, gnu::may_alias]]

//===--- 32 weights, one scale
//------------------------------------------------------------------===//
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

//===--- 256 weights, quantised scales of groups
//------------------------------------------------===//

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

} // namespace chordal
