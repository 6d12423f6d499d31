//===- DecodeSmall.cpp - exact decoding of ternary weights and 4-bit floats -------------------===//
//
// Freestanding: no heap and no operating system.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Codebooks.h"
#include "ir/gguf/DecodeBlocks.h"
#include "ir/gguf/Half.h"

namespace chordal {
namespace {

/// Digit n of a byte of five ternary digits.
int ternaryDigit(uint8_t byte, int n) {
  constexpr uint8_t power[] = {1, 3, 9, 27, 81};
  return uint8_t(byte * power[n]) * 3 >> 8;
}

/// 2^(e - 128), which for e < 2 is subnormal: half the scale, as the codes are doubled.
float halvedE8M0(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x200000u << e : uint32_t(e - 1) << 23);
}

/// Half the value of an E4M3 number (4 exponent bits, bias 7; 3 fraction bits), its sign ignored
/// and its NaN read as 0. As a half-precision number of the same fields it is too small by 2^8.
float halvedE4M3(uint8_t bits) {
  bits &= 0x7f;
  return bits == 0x7f ? 0.0f : halfToFloat(uint16_t(bits << 7)) * 0x1p7f;
}

} // namespace

void decode(const BlockTQ1_0& block, float* out) {
  float d = halfToFloat(block.d);
  for (int w = 0; w < 256; ++w) {
    int q = w < 160   ? ternaryDigit(block.qs[w % 32], w / 32)
            : w < 240 ? ternaryDigit(block.qs[32 + w % 16], (w - 160) / 16)
                      : ternaryDigit(block.qh[w % 4], (w - 240) / 4);
    out[w] = d * float(q - 1);
  }
}

void decode(const BlockTQ2_0& block, float* out) {
  float d = halfToFloat(block.d);
  for (int w = 0; w < 256; ++w) {
    int q = (block.qs[32 * (w / 128) + w % 32] >> (2 * (w / 32 % 4))) & 3;
    out[w] = d * float(q - 1);
  }
}

void decode(const BlockMXFP4& block, float* out) {
  float d = halvedE8M0(block.e);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(codebooks::doubledE2M1[block.qs[i] & 15]);
    out[i + 16] = d * float(codebooks::doubledE2M1[block.qs[i] >> 4]);
  }
}

void decode(const BlockNVFP4& block, float* out) {
  for (int w = 0; w < 64; ++w) {
    int nibble = (block.qs[8 * (w / 16) + w % 8] >> (w % 16 < 8 ? 0 : 4)) & 15;
    out[w] = halvedE4M3(block.d[w / 16]) * float(codebooks::doubledE2M1[nibble]);
  }
}

} // namespace chordal
