//===- Scalar.h - traits in plain C++ --------------------------------------------------------===//
//
// The narrow part of the traits, for any machine. See Isa.h.
//
//===----------------------------------------------------------------------------------------===//
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
