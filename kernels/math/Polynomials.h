//===- Polynomials.h - coefficients for exp, 2^x, tanh, sin, cos ------------------------------===//
//
// The one table of the approximations that all kernels use: hand-written ones at every
// instruction-set level, and the loops that the compiler generates. It holds numbers only; a user
// writes the same few steps with its own vectors. Coefficients are minimax (Remez) fits to the
// functions named, made for this file; the float ones are rounded to float afterwards. `a * b + c`
// below may be fused or not: the bounds hold for both.
//
// exp(x), float, x in [expLowest, expHighest]:
//     t = x * log2e + roundMagic;  n = t - roundMagic            (round to nearest, ties to even)
//     r = (x - n * ln2High) - n * ln2Low                         (n * ln2High is exact)
//     q = ((((E4 r + E3) r + E2) r + E1) r + E0
//     y = (q * (r * r) + r) + 1
//     exp(x) = y * 2^n,  2^n having the bits (int(n) + 127) << 23
//   Below expLowest the result is taken as 0 (so exp(-inf) = 0); above expHighest clamp, or give
//   infinity. NaN stays NaN if the comparisons are written so. Error: at most 1.1 ulp.
//   sigmoid(x) = 1 / (1 + exp(-x)) with -x clamped to the domain differs only below 1e-37.
//
// 2^x, float, any x:
//     r = x - floor(x);  y = ((((E5 r + E4) r + E3) r + E2) r + E1) r + E0;  2^x = y * 2^floor(x)
//   Error: at most 2.2 ulp. For results that become bfloat16, y = ((B3 r + B2) r + B1) r + B0: at
//   most 2^-13.7, relative.
//
// tanh(x), float:
//     a = |x|
//     a < tanhSplit:  z = a * a;  a + a * z * ((((T4 z + T3) z + T2) z + T1) z + T0)
//     else:           1 - 2 / (exp(2 a) + 1), a clamped to tanhOne
//   then the sign of x (which so survives in a zero).
//   Error: at most 2 ulp.
//
// sin(a), cos(a), double arithmetic for float results:
//     t = a * (2 / pi) + roundMagic64;  k = t - roundMagic64;  quadrant = int(k) mod 4
//     r = ((a - k * halfPiHigh) - k * halfPiMiddle) - k * halfPiLow
//   The first two products are exact for |k| < 2^31, so r is good to about 1e-16 * (1 + |a| 2^-44).
//     z = r * r
//     s = r + r * z * (((S3 z + S2) z + S1) z + S0)              |error| < 5e-12, relative
//     c = 1 - z / 2 + z * z * (((C3 z + C2) z + C1) z + C0)      |error| < 1e-13
//   quadrant 0: (sin, cos) = (s, c); 1: (c, -s); 2: (-s, -c); 3: (-c, s).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

namespace chordal::kernels::polynomials {

/// 1.5 * 2^23: adding it to a float of magnitude below 2^22 rounds to an integer.
constexpr float roundMagic = 12582912.0f;

constexpr float expLowest = -87.0f;
constexpr float expHighest = 88.0f;
constexpr float log2e = 0x1.715476p+0f;
constexpr float ln2High = 0x1.62e4p-1f; // 15 bits
constexpr float ln2Low = 0x1.7f7d1cp-20f;
/// (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2.
constexpr float expE0 = 0x1.fffffcp-2f;
constexpr float expE1 = 0x1.55549p-3f;
constexpr float expE2 = 0x1.5558f4p-5f;
constexpr float expE3 = 0x1.123a6cp-7f;
constexpr float expE4 = 0x1.6a234ep-10f;

/// 2^r on 0 <= r < 1.
constexpr float exp2E0 = 0x1.fffffep-1f;
constexpr float exp2E1 = 0x1.62e4f6p-1f;
constexpr float exp2E2 = 0x1.ebd5a8p-3f;
constexpr float exp2E3 = 0x1.c95446p-5f;
constexpr float exp2E4 = 0x1.26900cp-7f;
constexpr float exp2E5 = 0x1.ec320ap-10f;
constexpr float exp2B0 = 0x1.fff632p-1f;
constexpr float exp2B1 = 0x1.64444cp-1f;
constexpr float exp2B2 = 0x1.cefc4cp-3f;
constexpr float exp2B3 = 0x1.3f96a4p-4f;

constexpr float tanhSplit = 0.625f;
constexpr float tanhOne = 10.0f; // 1 - tanh(10) is below a quarter of a float's unit
/// (tanh(x) - x) / x^3 in z = x^2 on |x| <= 0.625.
constexpr float tanhT0 = -0x1.555534p-2f;
constexpr float tanhT1 = 0x1.11076p-3f;
constexpr float tanhT2 = -0x1.b8431cp-5f;
constexpr float tanhT3 = 0x1.524ebap-6f;
constexpr float tanhT4 = -0x1.768616p-8f;

/// 1.5 * 2^52: the same for double, magnitudes below 2^51.
constexpr double roundMagic64 = 6755399441055744.0;
constexpr double twoOverPi = 0x1.45f306dc9c883p-1;
constexpr double halfPiHigh = 0x1.921fbp+0;    // 22 bits
constexpr double halfPiMiddle = 0x1.5110bp-22; // 22 bits
constexpr double halfPiLow = 0x1.18469898cc517p-44;
/// (sin(r) - r) / r^3 in z = r^2 on |r| <= pi / 4.
constexpr double sinS0 = -0x1.5555554cb2052p-3;
constexpr double sinS1 = 0x1.1111089078e3ep-7;
constexpr double sinS2 = -0x1.a00f98e6e603bp-13;
constexpr double sinS3 = 0x1.6cd73356fcc62p-19;
/// (cos(r) - 1 + r^2 / 2) / r^4 in z = r^2 on |r| <= pi / 4.
constexpr double cosC0 = 0x1.5555554f48bdbp-5;
constexpr double cosC1 = -0x1.6c16b892ba37bp-10;
constexpr double cosC2 = 0x1.a0111c16c854dp-16;
constexpr double cosC3 = -0x1.2429fc2f22878p-22;

} // namespace chordal::kernels::polynomials
