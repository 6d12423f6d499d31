//===- Half.h - half and bfloat16 numbers -----------------------------------------------------===//
//
// Exact scalar conversions between 16-bit floats, held as their bits, and float. To 16 bits they
// round to nearest, ties to even; infinities and subnormals are kept, a NaN stays a NaN (quiet, its
// upper payload bits kept). Only integer operations: the result does not depend on the rounding
// mode or on flush-to-zero, and the code serves freestanding builds.
//
// Sources: IEEE 754-2019 binary16 (1 sign, 5 exponent, 10 fraction bits, bias 15); bfloat16 is the
// upper half of binary32 (1, 8, 7 bits, bias 127).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cstdint>

namespace chordal {

/// The value of a binary16; every one is exact in float.
constexpr float halfToFloat(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t fraction = half & 0x3ff;
  if (exponent == 0x1f) { // infinity or NaN; a signalling NaN becomes quiet, as conversion does
    uint32_t quiet = fraction != 0 ? 0x400000u : 0;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | fraction << 13);
  }
  if (exponent != 0)
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  if (fraction == 0)
    return std::bit_cast<float>(sign);
  // Subnormal: fraction * 2^-24. Shift the leading one up to the implicit bit.
  uint32_t shift = uint32_t(std::countl_zero(fraction)) - 21;
  return std::bit_cast<float>(sign | (113 - shift) << 23 | ((fraction << shift) & 0x3ff) << 13);
}

/// The binary16 nearest to a float; beyond 65504 by half a unit or more it is infinity.
constexpr uint16_t floatToHalf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN
    return uint16_t(sign | 0x7e00 | ((magnitude >> 13) & 0x1ff));
  if (magnitude >= 0x477ff000) // 65520 and above, the midpoint rounding to even
    return uint16_t(sign | 0x7c00);
  if (magnitude >= 0x38800000) { // 2^-14 and above: a normal half
    // Rebias; adding just under half a unit, plus the lowest kept bit, rounds ties to even. A carry
    // out of the fraction increments the exponent, as it should.
    uint32_t rebased = magnitude - (112u << 23);
    return uint16_t(sign | (rebased + 0xfff + ((rebased >> 13) & 1)) >> 13);
  }
  if (magnitude <= 0x33000000) // 2^-25 and below, the midpoint rounding to even
    return uint16_t(sign);
  // Subnormal half: count units of 2^-24.
  uint32_t exponent = magnitude >> 23;
  uint32_t significand = (magnitude & 0x7fffff) | 0x800000;
  uint32_t drop = 126 - exponent; // 14 to 24 bits fall off
  uint32_t kept = significand >> drop;
  uint32_t rest = significand & ((1u << drop) - 1);
  uint32_t half = 1u << (drop - 1);
  kept += rest > half || (rest == half && (kept & 1));
  return uint16_t(sign | kept);
}

/// The value of a bfloat16; every one is exact in float.
constexpr float bfloatToFloat(uint16_t bfloat) {
  return std::bit_cast<float>(uint32_t(bfloat) << 16);
}

/// The bfloat16 nearest to a float.
constexpr uint16_t floatToBfloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) // NaN: keep it one when the lower half is cut
    return uint16_t((bits >> 16) | 0x40);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

} // namespace chordal
