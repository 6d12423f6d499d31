//===- Quantize.h - float rows to the Q8 activation format ------------------------------------===//
//
// The definition is Q8Row's in Kernels.h, to the bit at every level: the greatest magnitude is
// found on the bits of the numbers (no order of comparison matters), the scale is one division, and
// each code one division and one rounding to even. What the definition leaves open:
//
// - a group with an infinity or a NaN gets the scale NaN and codes 0, so that it cannot pass
// unseen;
// - a group so small that amax / 127 is 0 gets codes 0; where that quotient is subnormal and
// coarse,
//   codes saturate at 127.
//
// Everything is in an anonymous namespace, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Floats.h"
#include "kernels/math/Polynomials.h"

namespace chordal::kernels {
namespace {

/// The three parts of a Q8 row of n features.
struct Q8Parts {
  int8_t* codes;
  float* scales;
  int16_t* sums;

  Q8Parts(void* row, size_t n)
      : codes(static_cast<int8_t*>(row)),
        scales(reinterpret_cast<float*>(static_cast<char*>(row) + n)),
        sums(reinterpret_cast<int16_t*>(static_cast<char*>(row) + n + n / 32 * 4)) {}
};

constexpr int groupVectors = 32 / lanes;

/// Quantises group g, 32 floats.
CHORDAL_INLINE void quantizeGroup(const Floats (&x)[groupVectors], const Q8Parts& out, size_t g) {
  typedef int8_t Codes __attribute__((vector_size(lanes), aligned(1), may_alias));
  Words magnitude{};
  for (int i = 0; i < groupVectors; ++i)
    magnitude = __builtin_elementwise_max(magnitude, (Words)x[i] & 0x7fffffffu);
  uint32_t greatestBits = __builtin_reduce_max(magnitude);
  float amax = __builtin_bit_cast(float, greatestBits);
  float scale = amax / 127.0f;
  if (greatestBits >= 0x7f800000u)
    scale = __builtin_nanf("");
  out.scales[g] = scale;
  int8_t* codes = out.codes + 32 * g;
  if (!(scale > 0.0f)) {
    __builtin_memset(codes, 0, 32);
    out.sums[2 * g] = out.sums[2 * g + 1] = 0;
    return;
  }
  for (int half = 0; half < 2; ++half) {
    Ints total{};
    for (int i = half * groupVectors / 2; i < (half + 1) * groupVectors / 2; ++i) {
      Floats v = x[i] / scale;
      v = v > 127.0f ? broadcast(127.0f) : v;
      v = v < -127.0f ? broadcast(-127.0f) : v;
      // Rounds to even; the low bits are then the integer.
      Words t = (Words)(v + polynomials::roundMagic);
      Ints q = (Ints)(t << 24) >> 24;
      total += q;
      *reinterpret_cast<Codes*>(codes + i * lanes) = __builtin_convertvector(q, Codes);
    }
    out.sums[2 * g + half] = int16_t(__builtin_reduce_add(total));
  }
}

/// Quantises a row of n floats, n a multiple of 32.
CHORDAL_INLINE void quantizeRow(const float* x, size_t n, const Q8Parts& out) {
  for (size_t g = 0; g < n / 32; ++g) {
    Floats group[groupVectors];
    for (int i = 0; i < groupVectors; ++i)
      group[i] = load(x + 32 * g + i * lanes);
    quantizeGroup(group, out, g);
  }
}

} // namespace
} // namespace chordal::kernels
