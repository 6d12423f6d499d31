//===- DecodeCodebooks.cpp - exact decoding of the formats with codebooks ---------------------===//
//
// Products have at most 24 significant bits, so nothing is rounded, in whatever order the factors
// come.
//
// Freestanding: no heap and no operating system.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Codebooks.h"
#include "ir/gguf/DecodeBlocks.h"
#include "ir/gguf/Half.h"

namespace chordal {
namespace {

uint32_t loadU16(const uint8_t* p) {
  return uint32_t(p[0] | p[1] << 8);
}
uint32_t loadU32(const uint8_t* p) {
  return loadU16(p) | loadU16(p + 2) << 16;
}

/// Nibble i of bytes, the low one of each first.
uint32_t nibble(const uint8_t* bytes, int i) {
  return uint32_t(bytes[i / 2] >> (4 * (i % 2))) & 15;
}

/// 2 scale + 1, the odd multiples that scales of these formats are.
float odd(uint32_t scale) {
  return float(2 * scale + 1);
}

/// The magnitudes in a codebook's entry with signs; 8 or 4 weights.
template <typename Word> void signedEntry(Word entry, uint32_t signs, float scale, float* out) {
  for (unsigned i = 0; i < sizeof(Word); ++i) {
    float magnitude = float(uint8_t(entry >> (8 * i)));
    out[i] = scale * ((signs >> i) & 1 ? -magnitude : magnitude);
  }
}

/// An entry of IQ1: eighths with 8 added; shifted by an eighth up or down.
void shiftedEntry(uint32_t index, bool down, float scale, float* out) {
  uint64_t entry = codebooks::iq1.entry[index];
  for (int i = 0; i < 8; ++i) {
    int eighths = int(uint8_t(entry >> (8 * i))) - 8 + (down ? -1 : 1);
    out[i] = scale * 0.125f * float(eighths);
  }
}

void levels(const uint8_t* qs, float scale, float* out) {
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float(codebooks::iq4[qs[i] & 15]);
    out[i + 16] = scale * float(codebooks::iq4[qs[i] >> 4]);
  }
}

} // namespace

void decode(const BlockIQ1_S& block, float* out) {
  float d = halfToFloat(block.d);
  for (int i = 0; i < 32; ++i) {
    uint32_t word = block.qh[i / 4];
    uint32_t index = block.qs[i] | ((word >> (3 * (i % 4))) & 7) << 8;
    shiftedEntry(index, word & 0x8000, d * odd((word >> 12) & 7), out + 8 * i);
  }
}

void decode(const BlockIQ1_M& block, float* out) {
  float d = halfToFloat(scaleIQ1M(block));
  for (int i = 0; i < 32; ++i) {
    uint32_t high = nibble(block.qh, i);
    uint32_t scale = (uint32_t(block.scales[i / 8]) >> (3 * (i / 2 % 4))) & 7;
    shiftedEntry(block.qs[i] | (high & 7) << 8, high & 8, d * odd(scale), out + 8 * i);
  }
}

void decode(const BlockIQ2_XXS& block, float* out) {
  float d = halfToFloat(block.d) * 0.125f;
  for (int g = 0; g < 8; ++g) {
    const uint8_t* qs = block.qs + 8 * g;
    uint32_t word = loadU32(qs + 4), signs = codebooks::evenSigns(word);
    for (int i = 0; i < 4; ++i)
      signedEntry(codebooks::iq2xxs.entry[qs[i]], signs >> (8 * i), d * odd(word >> 28),
                  out + 32 * g + 8 * i);
  }
}

void decode(const BlockIQ2_XS& block, float* out) {
  float d = halfToFloat(block.d) * 0.125f;
  for (int i = 0; i < 32; ++i) {
    uint32_t word = loadU16(block.qs + 2 * i);
    signedEntry(codebooks::iq2xs.entry[word & 511], codebooks::evenSigns(word >> 9),
                d * odd(nibble(block.scales, i / 2)), out + 8 * i);
  }
}

void decode(const BlockIQ2_S& block, float* out) {
  float d = halfToFloat(block.d) * 0.125f;
  for (int i = 0; i < 32; ++i) {
    uint32_t high = (block.qh[i / 4] >> (2 * (i % 4))) & 3u;
    signedEntry(codebooks::iq2s.entry[block.qs[i] | high << 8], block.signs[i],
                d * odd(nibble(block.scales, i / 2)), out + 8 * i);
  }
}

void decode(const BlockIQ3_XXS& block, float* out) {
  float d = halfToFloat(block.d) * 0.25f;
  for (int i = 0; i < 64; ++i) {
    uint32_t word = loadU32(block.signs + 4 * (i / 8));
    uint32_t signs = codebooks::evenSigns(word) >> (4 * (i % 8));
    signedEntry(codebooks::iq3xxs.entry[block.qs[i]], signs, d * odd(word >> 28), out + 4 * i);
  }
}

void decode(const BlockIQ3_S& block, float* out) {
  float d = halfToFloat(block.d);
  for (int i = 0; i < 64; ++i) {
    uint32_t high = (block.qh[i / 8] >> (i % 8)) & 1u;
    signedEntry(codebooks::iq3s.entry[block.qs[i] | high << 8], nibble(block.signs, i),
                d * odd(nibble(block.scales, i / 8)), out + 4 * i);
  }
}

void decode(const BlockIQ4_NL& block, float* out) {
  levels(block.qs, halfToFloat(block.d), out);
}

void decode(const BlockIQ4_XS& block, float* out) {
  float d = halfToFloat(block.d);
  for (int g = 0; g < 8; ++g)
    levels(block.qs + 16 * g, d * float(int(scaleIQ4XS(block, g)) - 32), out + 32 * g);
}

} // namespace chordal
