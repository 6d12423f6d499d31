//===- Neon.h - traits for aarch64 ------------------------------------------------------------===//
//
// Neon: what every aarch64 processor has. NeonDotprod: with the dot products of ARMv8.2. NeonI8mm:
// with the products of small matrices of ARMv8.6. All codes are below 128 (or signed), so that
// signed products serve all formats. See Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Pairs.h"

#include <arm_neon.h>

namespace chordal::kernels {
namespace {

struct Neon : Pairs {
  static constexpr bool signedProducts = true;

  //===--- dot products of bytes --------------------------------------------------------------===//

  /// factor * (p[2i] + p[2i+1])
  CHORDAL_INLINE Ints pairSums(const int16_t* p, int factor) {
    return join<Ints>(vpaddlq_s16(vld1q_s16(p)), vpaddlq_s16(vld1q_s16(p + 8))) * factor;
  }
  /// The sums are of any four products of the same half: what uses them adds them up. Two products
  /// fit 16 bits even for the code -128, since |q| is at most 127.
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    return join<Ints>(fourProducts(low(start), low(codes), low(q)),
                      fourProducts(high(start), high(codes), high(q)));
  }
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) { return dot(start, codes, q); }

  CHORDAL_INLINE Bytes subtract(Bytes v, uint8_t number) { return v - number; }

  //===--- the wide part ----------------------------------------------------------------------===//

  static constexpr int vectors = 2;  ///< vectors of weight rows that the GEMM holds
  static constexpr int rowBlock = 3; ///< rows of activations that it holds
  static constexpr int floatRowBlock = 8;
  using WideInts = int32x4_t;
  /// Sums of products in 16 bits, 4 for each of the 4 rows.
  using WideHeld = int16x8x2_t;

  /// How many products of codes up to `maxCode` (signed ones: up to 128) with bytes up to 127 one
  /// 16-bit number holds so that two such numbers fit one, too; a power of two.
  static constexpr int stepsHeld(int maxCode) {
    int steps = 1;
    while (4 * steps * (maxCode < 128 ? maxCode : 128) * 127 <= 32767)
      steps *= 2;
    return steps;
  }

  CHORDAL_INLINE WideInts wideLoad(const uint8_t* p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
  CHORDAL_INLINE WideInts wideBroadcast(const void* p) { return vdupq_n_s32(loadAs<int32_t>(p)); }
  /// Bytes [4 * quad, 4 * quad + 4) of p in all lanes. Loads of four quads are the same load, and
  /// the instructions take a lane of it.
  CHORDAL_INLINE WideInts wideQuad(const int8_t* p, int quad) {
    const Ints4 quads = loadAs<Ints4>(p + quad / 4 * 16);
    return (WideInts)(quads[quad % 4] - Ints4{});
  }
  CHORDAL_INLINE WideInts wideZero() { return vdupq_n_s32(0); }
  CHORDAL_INLINE WideHeld begin(WideInts) { return {vdupq_n_s16(0), vdupq_n_s16(0)}; }
  CHORDAL_INLINE WideHeld step(WideHeld held, WideInts codes, WideInts q) {
    const int8x16_t a = vreinterpretq_s8_s32(codes), b = vreinterpretq_s8_s32(q);
    return {vmlal_s8(held.val[0], vget_low_s8(a), vget_low_s8(b)),
            vmlal_high_s8(held.val[1], a, b)};
  }
  CHORDAL_INLINE WideHeld signedStep(WideHeld held, WideInts codes, WideInts q) {
    return step(held, codes, q);
  }
  CHORDAL_INLINE WideInts end(WideInts sum, WideHeld held) {
    return vpadalq_s16(sum, vpaddq_s16(held.val[0], held.val[1]));
  }
  CHORDAL_INLINE WideFloats wideToFloats(WideInts v) { return (WideFloats)vcvtq_f32_s32(v); }

private:
  CHORDAL_INLINE Ints4 fourProducts(Ints4 start, Bytes16 codes, Bytes16 q) {
    const int8x16_t a = (int8x16_t)codes, b = (int8x16_t)q;
    const int16x8_t pairs = vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b);
    return (Ints4)vpadalq_s16((int32x4_t)start, pairs);
  }
};

#if defined(__ARM_FEATURE_DOTPROD)
struct NeonDotprod : Neon {
  CHORDAL_INLINE Ints dot(Ints start, Bytes codes, Bytes q) {
    return join<Ints>(
        vdotq_s32((int32x4_t)low(start), (int8x16_t)low(codes), (int8x16_t)low(q)),
        vdotq_s32((int32x4_t)high(start), (int8x16_t)high(codes), (int8x16_t)high(q)));
  }
  CHORDAL_INLINE Ints signedDot(Ints start, Bytes codes, Bytes q) { return dot(start, codes, q); }

  //===--- the wide part ----------------------------------------------------------------------===//

  static constexpr int vectors = 2;
  static constexpr int rowBlock = 5;

  static constexpr int stepsHeld(int) { return 8; }
  CHORDAL_INLINE WideInts begin(WideInts sum) { return sum; }
  CHORDAL_INLINE WideInts step(WideInts held, WideInts codes, WideInts q) {
    return vdotq_s32(held, vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(q));
  }
  CHORDAL_INLINE WideInts signedStep(WideInts held, WideInts codes, WideInts q) {
    return step(held, codes, q);
  }
  CHORDAL_INLINE WideInts end(WideInts, WideInts held) { return held; }
};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
/// With products of matrices of 2 x 8 and 8 x 2 bytes, for the GEMM of PairGemm.h. A vector of sums
/// is [weight row][activation row].
struct NeonI8mm : NeonDotprod {
  static constexpr int rowPairs = 3; ///< pairs of rows of activations that it holds

  using Pairs::transpose;
  /// The eight bytes at the same place of 8 rows, four rows to a vector, place after place.
  CHORDAL_INLINE void transpose(Bytes (&rows)[8]) {
    Longs2 v[8][2];
    for (int r = 0; r < 8; ++r) {
      v[r][0] = (Longs2)low(rows[r]);
      v[r][1] = (Longs2)high(rows[r]);
    }
    for (int place = 0; place < 4; ++place)
      for (int half = 0; half < 2; ++half) {
        Longs2 two[2];
        for (int i = 0; i < 2; ++i) {
          const Longs2 a = v[4 * half + 2 * i][place / 2], b = v[4 * half + 2 * i + 1][place / 2];
          two[i] = place % 2 ? Longs2{a[1], b[1]} : Longs2{a[0], b[0]};
        }
        rows[2 * place + half] = join<Bytes>(two[0], two[1]);
      }
  }
  CHORDAL_INLINE WideInts stepOfPairs(WideInts sums, WideInts codes, WideInts q) {
    return vmmlaq_s32(sums, vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(q));
  }
  /// p[0], p[0], p[1], p[1]
  CHORDAL_INLINE WideFloats loadTwoTwice(const float* p) {
    return WideFloats{p[0], p[0], p[1], p[1]};
  }
  /// p[0], p[1], p[0], p[1]
  CHORDAL_INLINE WideFloats loadPair(const float* p) {
    return (WideFloats)vdupq_n_u64(loadAs<uint64_t>(p));
  }
  /// Two rows of four to two vectors of pairs, and back.
  CHORDAL_INLINE void interleave(WideFloats a, WideFloats b, WideFloats& low, WideFloats& high) {
    low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  }
  CHORDAL_INLINE void separate(WideFloats low, WideFloats high, WideFloats& a, WideFloats& b) {
    a = __builtin_shufflevector(low, high, 0, 2, 4, 6);
    b = __builtin_shufflevector(low, high, 1, 3, 5, 7);
  }
};
#endif

} // namespace
} // namespace chordal::kernels
