//===- Decode.cpp - exact decoding of tensor rows to float ------------------------------------===//
//
// Products of a half-precision scale, a group's scale and a code have at most 25 significant bits,
// so each weight is rounded once in its last operation, in whatever order the factors come.
//
// Freestanding: no heap and no operating system.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Decode.h"

#include "ir/gguf/DecodeBlocks.h"
#include "ir/gguf/Half.h"

#include <cassert>

namespace chordal {
namespace {

void decode(const BlockQ4_0& block, float* out) {
  float d = halfToFloat(block.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float((block.qs[i] & 15) - 8);
    out[i + 16] = d * float((block.qs[i] >> 4) - 8);
  }
}

void decode(const BlockQ4_1& block, float* out) {
  float d = halfToFloat(block.d);
  float m = halfToFloat(block.m);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(block.qs[i] & 15) + m;
    out[i + 16] = d * float(block.qs[i] >> 4) + m;
  }
}

/// Bit i of the 32 high bits, moved to bit 4.
int fifthBit(const uint8_t (&qh)[4], int i) {
  return ((qh[i / 8] >> (i % 8)) & 1) << 4;
}

void decode(const BlockQ5_0& block, float* out) {
  float d = halfToFloat(block.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(((block.qs[i] & 15) | fifthBit(block.qh, i)) - 16);
    out[i + 16] = d * float(((block.qs[i] >> 4) | fifthBit(block.qh, i + 16)) - 16);
  }
}

void decode(const BlockQ5_1& block, float* out) {
  float d = halfToFloat(block.d);
  float m = halfToFloat(block.m);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float((block.qs[i] & 15) | fifthBit(block.qh, i)) + m;
    out[i + 16] = d * float((block.qs[i] >> 4) | fifthBit(block.qh, i + 16)) + m;
  }
}

void decode(const BlockQ8_0& block, float* out) {
  float d = halfToFloat(block.d);
  for (int i = 0; i < 32; ++i)
    out[i] = d * float(block.qs[i]);
}

void decode(const BlockQ2_K& block, float* out) {
  float d = halfToFloat(block.d);
  float dmin = halfToFloat(block.dmin);
  for (int w = 0; w < 256; ++w) {
    int half = w / 128, k = w / 32 % 4, i = w % 32;
    uint8_t scale = block.scales[w / 16];
    int q = (block.qs[32 * half + i] >> (2 * k)) & 3;
    out[w] = d * float(scale & 15) * float(q) - dmin * float(scale >> 4);
  }
}

void decode(const BlockQ3_K& block, float* out) {
  float d = halfToFloat(block.d);
  for (int w = 0; w < 256; ++w) {
    int half = w / 128, k = w / 32 % 4, i = w % 32;
    int scale = int(scaleQ3K(block.scales, w / 16)) - 32;
    int low = (block.qs[32 * half + i] >> (2 * k)) & 3;
    int high = (block.hmask[i] >> (4 * half + k)) & 1;
    out[w] = d * float(scale) * float((low | high << 2) - 4);
  }
}

void decode(const BlockQ4_K& block, float* out) {
  float d = halfToFloat(block.d);
  float dmin = halfToFloat(block.dmin);
  for (int g = 0; g < 8; ++g) {
    float scale = d * float(scaleQ4K(block.scales, g));
    float min = dmin * float(minQ4K(block.scales, g));
    const uint8_t* qs = block.qs + 32 * (g / 2);
    for (int i = 0; i < 32; ++i)
      out[32 * g + i] = scale * float((qs[i] >> (4 * (g % 2))) & 15) - min;
  }
}

void decode(const BlockQ5_K& block, float* out) {
  float d = halfToFloat(block.d);
  float dmin = halfToFloat(block.dmin);
  for (int g = 0; g < 8; ++g) {
    float scale = d * float(scaleQ4K(block.scales, g));
    float min = dmin * float(minQ4K(block.scales, g));
    const uint8_t* qs = block.qs + 32 * (g / 2);
    for (int i = 0; i < 32; ++i) {
      int q = ((qs[i] >> (4 * (g % 2))) & 15) | ((block.qh[i] >> g) & 1) << 4;
      out[32 * g + i] = scale * float(q) - min;
    }
  }
}

void decode(const BlockQ6_K& block, float* out) {
  float d = halfToFloat(block.d);
  for (int w = 0; w < 256; ++w) {
    int half = w / 128, k = w / 32 % 4, i = w % 32;
    int low = (block.ql[64 * half + 32 * (k % 2) + i] >> (4 * (k / 2))) & 15;
    int high = (block.qh[32 * half + i] >> (2 * k)) & 3;
    out[w] = d * float(block.scales[w / 16]) * float((low | high << 4) - 32);
  }
}

template <typename Block> void decodeBlocks(const std::byte* bytes, size_t weights, float* out) {
  const Block* blocks = reinterpret_cast<const Block*>(bytes);
  for (size_t b = 0; b < weights / Block::weights; ++b)
    decode(blocks[b], out + b * Block::weights);
}

uint16_t loadU16(const std::byte* bytes, size_t index) {
  uint16_t value;
  __builtin_memcpy(&value, bytes + index * sizeof value, sizeof value);
  return value;
}

} // namespace

bool canDecode(Format format) {
  switch (format) {
  case Format::F32:
  case Format::F16:
  case Format::BF16:
  case Format::Q4_0:
  case Format::Q4_1:
  case Format::Q5_0:
  case Format::Q5_1:
  case Format::Q8_0:
  case Format::Q2_K:
  case Format::Q3_K:
  case Format::Q4_K:
  case Format::Q5_K:
  case Format::Q6_K:
  case Format::IQ1_S:
  case Format::IQ1_M:
  case Format::IQ2_XXS:
  case Format::IQ2_XS:
  case Format::IQ2_S:
  case Format::IQ3_XXS:
  case Format::IQ3_S:
  case Format::IQ4_NL:
  case Format::IQ4_XS:
  case Format::TQ1_0:
  case Format::TQ2_0:
  case Format::MXFP4:
  case Format::NVFP4:
    return true;
  default:
    return false;
  }
}

void decodeRow(Format format, const std::byte* blocks, size_t weights, float* out) {
  assert(canDecode(format) && weights % formatInfo(format).weightsPerBlock == 0);
  switch (format) {
  case Format::F32:
    __builtin_memcpy(out, blocks, weights * sizeof(float));
    return;
  case Format::F16:
    for (size_t i = 0; i < weights; ++i)
      out[i] = halfToFloat(loadU16(blocks, i));
    return;
  case Format::BF16:
    for (size_t i = 0; i < weights; ++i)
      out[i] = bfloatToFloat(loadU16(blocks, i));
    return;
  case Format::Q4_0:
    return decodeBlocks<BlockQ4_0>(blocks, weights, out);
  case Format::Q4_1:
    return decodeBlocks<BlockQ4_1>(blocks, weights, out);
  case Format::Q5_0:
    return decodeBlocks<BlockQ5_0>(blocks, weights, out);
  case Format::Q5_1:
    return decodeBlocks<BlockQ5_1>(blocks, weights, out);
  case Format::Q8_0:
    return decodeBlocks<BlockQ8_0>(blocks, weights, out);
  case Format::Q2_K:
    return decodeBlocks<BlockQ2_K>(blocks, weights, out);
  case Format::Q3_K:
    return decodeBlocks<BlockQ3_K>(blocks, weights, out);
  case Format::Q4_K:
    return decodeBlocks<BlockQ4_K>(blocks, weights, out);
  case Format::Q5_K:
    return decodeBlocks<BlockQ5_K>(blocks, weights, out);
  case Format::Q6_K:
    return decodeBlocks<BlockQ6_K>(blocks, weights, out);
  case Format::IQ1_S:
    return decodeBlocks<BlockIQ1_S>(blocks, weights, out);
  case Format::IQ1_M:
    return decodeBlocks<BlockIQ1_M>(blocks, weights, out);
  case Format::IQ2_XXS:
    return decodeBlocks<BlockIQ2_XXS>(blocks, weights, out);
  case Format::IQ2_XS:
    return decodeBlocks<BlockIQ2_XS>(blocks, weights, out);
  case Format::IQ2_S:
    return decodeBlocks<BlockIQ2_S>(blocks, weights, out);
  case Format::IQ3_XXS:
    return decodeBlocks<BlockIQ3_XXS>(blocks, weights, out);
  case Format::IQ3_S:
    return decodeBlocks<BlockIQ3_S>(blocks, weights, out);
  case Format::IQ4_NL:
    return decodeBlocks<BlockIQ4_NL>(blocks, weights, out);
  case Format::IQ4_XS:
    return decodeBlocks<BlockIQ4_XS>(blocks, weights, out);
  case Format::TQ1_0:
    return decodeBlocks<BlockTQ1_0>(blocks, weights, out);
  case Format::TQ2_0:
    return decodeBlocks<BlockTQ2_0>(blocks, weights, out);
  case Format::MXFP4:
    return decodeBlocks<BlockMXFP4>(blocks, weights, out);
  case Format::NVFP4:
    return decodeBlocks<BlockNVFP4>(blocks, weights, out);
  default:
    // A caller that did not ask canDecode(): stop here, rather than hand back undefined weights.
    __builtin_trap();
  }
}

} // namespace chordal
