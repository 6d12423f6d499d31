//===- Scalar.h - traits in plain C++ ---------------------------------------------------------===//
//
// The narrow part of the traits, for any machine. See Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Half.h"
#include "kernels/isa/Isa.h"

namespace chordal::kernels {
namespace {

struct Scalar {
  struct Bytes {
    uint8_t v[32];
  };
  struct Floats {
    float v[8];
  };

  CHORDAL_INLINE Bytes load(const void* p) {
    Bytes r;
    __builtin_memcpy(&r, p, 32);
    return r;
  }
  CHORDAL_INLINE Bytes nibbles(const void* p) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    Bytes r;
    for (int i = 0; i < 16; ++i) {
      r.v[i] = b[i] & 15;
      r.v[i + 16] = b[i] >> 4;
    }
    return r;
  }
  CHORDAL_INLINE Bytes field(Bytes a, int shift, uint8_t mask) {
    for (uint8_t& x : a.v)
      x = uint8_t(shift < 0 ? x << -shift : x >> shift) & mask;
    return a;
  }
  CHORDAL_INLINE Bytes bitsTo(const void* p, uint8_t value) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    Bytes r;
    for (int i = 0; i < 32; ++i)
      r.v[i] = b[i / 8] >> (i % 8) & 1 ? value : 0;
    return r;
  }
  CHORDAL_INLINE Bytes either(Bytes a, Bytes b) {
    for (int i = 0; i < 32; ++i)
      a.v[i] |= b.v[i];
    return a;
  }

  CHORDAL_INLINE float half(uint16_t h) { return halfToFloat(h); }
  CHORDAL_INLINE Floats halves(const void* p, size_t stride, int n) {
    Floats r{};
    for (int i = 0; i < n; ++i) {
      uint16_t h;
      __builtin_memcpy(&h, static_cast<const uint8_t*>(p) + i * stride, 2);
      r.v[i] = halfToFloat(h);
    }
    return r;
  }
  CHORDAL_INLINE Floats words(uint64_t bytes) {
    Floats r;
    for (int i = 0; i < 8; ++i)
      r.v[i] = float(uint8_t(bytes >> (8 * i)));
    return r;
  }
  CHORDAL_INLINE Floats signedWords(uint64_t bytes) {
    Floats r;
    for (int i = 0; i < 8; ++i)
      r.v[i] = float(int8_t(bytes >> (8 * i)));
    return r;
  }
  CHORDAL_INLINE void scalesOf8(const void* p, Floats& scale, Floats& minimum) {
    constexpr uint32_t six = 0x3f3f3f3f, nibble = 0x0f0f0f0f, top = 0x30303030;
    const uint8_t* b = static_cast<const uint8_t*>(p);
    uint16_t d, dmin;
    uint32_t word[3];
    __builtin_memcpy(&d, b, 2);
    __builtin_memcpy(&dmin, b + 2, 2);
    __builtin_memcpy(word, b + 4, 12);
    scale = mul(words((word[0] & six) | uint64_t((word[2] & nibble) | (word[0] >> 2 & top)) << 32),
                half(d));
    minimum =
        mul(words((word[1] & six) | uint64_t((word[2] >> 4 & nibble) | (word[1] >> 2 & top)) << 32),
            half(dmin));
  }
  CHORDAL_INLINE Floats mul(Floats a, float b) {
    for (float& x : a.v)
      x *= b;
    return a;
  }
  CHORDAL_INLINE Floats add(Floats a, float b) {
    for (float& x : a.v)
      x += b;
    return a;
  }
  CHORDAL_INLINE Floats negate(Floats a) {
    for (float& x : a.v)
      x = -x;
    return a;
  }
};

} // namespace
} // namespace chordal::kernels
