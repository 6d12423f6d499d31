//===- VectorMath.h - exp, tanh, sin and cos for the kernels ----------------------------------===//
//
// The polynomials of Polynomials.h on the level's vectors. No libm: results are the same on every
// machine of a level. In anonymous namespaces, as everything that is compiled for a level.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Floats.h"
#include "kernels/math/Polynomials.h"

namespace chordal::kernels {
namespace {

/// exp(x) for x up to expHighest, to 2 ulp; 0 below expLowest, -inf included; NaN stays NaN.
CHORDAL_INLINE Floats exp(Floats x) {
  using namespace polynomials;
  Floats t = mulAdd(x, broadcast(log2e), broadcast(roundMagic));
  Floats n = t - roundMagic;
  Floats r = mulAdd(n, broadcast(-ln2High), x);
  r = mulAdd(n, broadcast(-ln2Low), r);
  Floats q = mulAdd(broadcast(expE4), r, broadcast(expE3));
  q = mulAdd(q, r, broadcast(expE2));
  q = mulAdd(q, r, broadcast(expE1));
  q = mulAdd(q, r, broadcast(expE0));
  Floats y = mulAdd(q, r * r, r) + 1.0f;
  // n is in the low bits of t; a bias of 127 and a shift make it the bits of 2^n.
  Floats power = (Floats)(((Words)t + 127u) << 23);
  return x < expLowest ? Floats{} : y * power;
}

/// tanh(x) to 3 ulp; NaN stays NaN.
CHORDAL_INLINE Floats tanh(Floats x) {
  using namespace polynomials;
  Words sign = (Words)x & 0x80000000u;
  Floats magnitude = (Floats)((Words)x & 0x7fffffffu);
  Floats z = x * x;
  Floats p = mulAdd(broadcast(tanhT4), z, broadcast(tanhT3));
  p = mulAdd(p, z, broadcast(tanhT2));
  p = mulAdd(p, z, broadcast(tanhT1));
  p = mulAdd(p, z, broadcast(tanhT0));
  Floats small = mulAdd(magnitude * z, p, magnitude);
  Floats clamped = magnitude > tanhOne ? broadcast(tanhOne) : magnitude;
  Floats large = 1.0f - 2.0f / (exp(clamped + clamped) + 1.0f);
  return (Floats)((Words)(magnitude < tanhSplit ? small : large) | sign);
}

/// cos(angle) and sin(angle) times `magnitude`, each rounded once to float, for |angle| < 2^31.
/// Plain double arithmetic without contraction: the same bits at every level.
CHORDAL_INLINE void cosSin(double angle, double magnitude, float& cosine, float& sine) {
  using namespace polynomials;
  double t = angle * twoOverPi + roundMagic64;
  double k = t - roundMagic64;
  double r = ((angle - k * halfPiHigh) - k * halfPiMiddle) - k * halfPiLow;
  double z = r * r;
  double s = r + r * z * (((sinS3 * z + sinS2) * z + sinS1) * z + sinS0);
  double c = 1.0 - (0.5 * z - z * z * (((cosC3 * z + cosC2) * z + cosC1) * z + cosC0));
  union {
    double number;
    uint64_t bits;
  } quadrant = {t};
  bool odd = quadrant.bits & 1;
  double sinValue = odd ? c : s;
  double cosValue = odd ? s : c;
  sine = float(magnitude * (quadrant.bits & 2 ? -sinValue : sinValue));
  cosine = float(magnitude * ((quadrant.bits + 1) & 2 ? -cosValue : cosValue));
}

} // namespace
} // namespace chordal::kernels
