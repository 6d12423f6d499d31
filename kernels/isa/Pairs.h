//===- Pairs.h - what traits of machines with 128-bit vectors have in common ------------------===//
//
// The narrow part of the traits in pairs of 128-bit vectors, written with the compiler's vectors of
// 32 bytes, which it splits; and the float half of the wide part. Levels derive from it and add the
// dot products of bytes, which differ most between machines. See Isa.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Halves.h"
#include "kernels/isa/Isa.h"
#include "kernels/isa/Tables.h"

namespace chordal::kernels {
namespace {

struct Pairs {
  typedef uint8_t Bytes __attribute__((vector_size(32)));
  typedef int32_t Ints __attribute__((vector_size(32)));
  typedef float Floats __attribute__((vector_size(32)));
  typedef uint8_t Bytes16 __attribute__((vector_size(16)));
  typedef int16_t Shorts8 __attribute__((vector_size(16)));
  typedef int32_t Ints4 __attribute__((vector_size(16)));
  typedef float Floats4 __attribute__((vector_size(16)));

  template <class V> CHORDAL_INLINE V loadAs(const void* p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }

  typedef uint64_t Longs2 __attribute__((vector_size(16)));

  template <class V> CHORDAL_INLINE auto low(V v) {
    if constexpr (sizeof(v[0]) == 1)
      return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    else
      return __builtin_shufflevector(v, v, 0, 1, 2, 3);
  }
  template <class V> CHORDAL_INLINE auto high(V v) {
    if constexpr (sizeof(v[0]) == 1)
      return __builtin_shufflevector(v, v, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                                     30, 31);
    else
      return __builtin_shufflevector(v, v, 4, 5, 6, 7);
  }
  /// The pair of two vectors of 16 bytes.
  template <class V, class Half> CHORDAL_INLINE V join(Half a, Half b) {
    return (V)__builtin_shufflevector((Longs2)a, (Longs2)b, 0, 1, 2, 3);
  }
  template <class V> CHORDAL_INLINE V mulAdd(V a, V b, V c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
  }
  CHORDAL_INLINE int16_t half16(const uint8_t* p) { return loadAs<int16_t>(p); }
  CHORDAL_INLINE Floats fromHalves(Shorts8 h) {
#if defined(__aarch64__)
    typedef _Float16 Halves8 __attribute__((vector_size(16)));
    return __builtin_convertvector((Halves8)h, Floats);
#else
    typedef uint16_t Eight __attribute__((vector_size(16)));
    typedef uint32_t Words __attribute__((vector_size(32)));
    return halvesToFloats<Floats>(__builtin_convertvector((Eight)h, Words));
#endif
  }

  //===--- bytes ------------------------------------------------------------------------------===//

  CHORDAL_INLINE Bytes load(const void* p) { return loadAs<Bytes>(p); }
  CHORDAL_INLINE void store(void* p, Bytes v) { __builtin_memcpy(p, &v, sizeof v); }
  CHORDAL_INLINE Bytes nibbles(const void* p) {
    const Bytes16 v = loadAs<Bytes16>(p);
    return join<Bytes>(v & 15, v >> 4);
  }
  CHORDAL_INLINE Bytes field(Bytes v, int shift, uint8_t mask) {
    return (shift < 0 ? v << uint8_t(-shift) : v >> uint8_t(shift)) & mask;
  }
  CHORDAL_INLINE Bytes bitsTo(const void* p, uint8_t value) {
    return maskOf(loadAs<uint32_t>(p)) & value;
  }
  CHORDAL_INLINE Bytes either(Bytes a, Bytes b) { return a | b; }

  /// What is added to signed codes to make them unsigned, where signedDot wants that.
  static constexpr int signedZero = 0;
  CHORDAL_INLINE Bytes fromSigned(Bytes v) { return v; }
  static constexpr bool signedProducts = false; ///< codes are multiplied as signed bytes

  //===--- integers ---------------------------------------------------------------------------===//

  CHORDAL_INLINE Ints zeroInts() { return Ints{}; }
  CHORDAL_INLINE void storeInts(int32_t* p, Ints v) { __builtin_memcpy(p, &v, sizeof v); }
  CHORDAL_INLINE Ints addInts(Ints a, int b) { return a + b; }
  /// factor * p[i]
  CHORDAL_INLINE Ints products(const int16_t* p, int factor) {
    return __builtin_convertvector(loadAs<Shorts8>(p), Ints) * factor;
  }

  //===--- floats -----------------------------------------------------------------------------===//

  CHORDAL_INLINE Floats zeroFloats() { return Floats{}; }
  CHORDAL_INLINE Floats loadFloats(const float* p) { return loadAs<Floats>(p); }
  /// Four floats, each twice.
  CHORDAL_INLINE Floats loadTwice(const float* p) {
    const Floats4 v = loadAs<Floats4>(p);
    return __builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3);
  }
  CHORDAL_INLINE void storeFloats(float* p, Floats v) { __builtin_memcpy(p, &v, sizeof v); }
  /// Lane i in all lanes; lane i in the lower four lanes and lane i + 1 in the upper.
  CHORDAL_INLINE Floats broadcastLane(Floats v, int i) { return v[i] - Floats{}; }
  CHORDAL_INLINE Floats broadcastLanePair(Floats v, int i) {
    return join<Floats>(v[i] - Floats4{}, v[i + 1] - Floats4{});
  }
  CHORDAL_INLINE Floats toFloats(Ints v) { return __builtin_convertvector(v, Floats); }
  CHORDAL_INLINE Floats fma(Floats a, Floats b, Floats c) { return mulAdd(a, b, c); }
  CHORDAL_INLINE Floats mul(Floats a, Floats b) { return a * b; }
  CHORDAL_INLINE Floats mul(Floats a, float b) { return a * b; }
  CHORDAL_INLINE Floats add(Floats a, Floats b) { return a + b; }
  CHORDAL_INLINE Floats add(Floats a, float b) { return a + b; }
  CHORDAL_INLINE Floats sub(Floats a, Floats b) { return a - b; }
  CHORDAL_INLINE Floats negate(Floats a) { return -a; }
  CHORDAL_INLINE float sum(Floats v) {
    const Floats4 s = low(v) + high(v);
    return (s[0] + s[2]) + (s[1] + s[3]);
  }

  CHORDAL_INLINE float half(uint16_t h) { return fromHalves(Shorts8{int16_t(h)})[0]; }
  CHORDAL_INLINE Floats halves(const void* p, size_t stride, int n) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    if (n == 8)
      return fromHalves(Shorts8{half16(b), half16(b + stride), half16(b + 2 * stride),
                                half16(b + 3 * stride), half16(b + 4 * stride),
                                half16(b + 5 * stride), half16(b + 6 * stride),
                                half16(b + 7 * stride)});
    int16_t h[8] = {};
    for (int i = 0; i < n; ++i)
      h[i] = half16(b + i * stride);
    return fromHalves(loadAs<Shorts8>(h));
  }
  CHORDAL_INLINE Floats words(uint64_t bytes) {
    typedef uint8_t Eight __attribute__((vector_size(8)));
    return toFloats(__builtin_convertvector(__builtin_bit_cast(Eight, bytes), Ints));
  }
  CHORDAL_INLINE Floats signedWords(uint64_t bytes) {
    typedef int8_t Eight __attribute__((vector_size(8)));
    return toFloats(__builtin_convertvector(__builtin_bit_cast(Eight, bytes), Ints));
  }

  /// The 8 scales and 8 minimums of 6 bits of Q4_K and Q5_K blocks, multiplied with the block's two
  /// halves that they follow (Blocks.h has the layout).
  CHORDAL_INLINE void scalesOf8(const void* p, Floats& scale, Floats& minimum) {
    typedef uint32_t Words4 __attribute__((vector_size(16)));
    const Words4 v = loadAs<Words4>(p);
    // Words: scales 0-3, minimums 0-3, scales 4-7, minimums 4-7; first their low bits, then the
    // high bits of the latter two.
    const Words4 low = __builtin_shufflevector(v, v, 1, 2, 3, 3) >> Words4{0, 0, 0, 4};
    const Words4 high = __builtin_shufflevector(v, v, 1, 2, 1, 2) >> 2;
    const auto codes =
        __builtin_bit_cast(Longs2, (low & Words4{0x3f3f3f3f, 0x3f3f3f3f, 0x0f0f0f0f, 0x0f0f0f0f}) |
                                       (high & Words4{0, 0, 0x30303030, 0x30303030}));
    const auto bytes = __builtin_bit_cast(Bytes16, codes);
    const Floats both = fromHalves(loadAs<Shorts8>(p));
    scale = toFloats(__builtin_convertvector(
                __builtin_shufflevector(bytes, bytes, 0, 1, 2, 3, 8, 9, 10, 11), Ints)) *
            both[0];
    minimum = toFloats(__builtin_convertvector(
                  __builtin_shufflevector(bytes, bytes, 4, 5, 6, 7, 12, 13, 14, 15), Ints)) *
              both[1];
  }

  /// 8 numbers of a float format.
  CHORDAL_INLINE Floats loadF32(const void* p) { return loadAs<Floats>(p); }
  CHORDAL_INLINE Floats loadF16(const void* p) { return fromHalves(loadAs<Shorts8>(p)); }
  CHORDAL_INLINE Floats loadBF16(const void* p) {
    typedef uint16_t Eight __attribute__((vector_size(16)));
    typedef uint32_t Words __attribute__((vector_size(32)));
    return __builtin_bit_cast(Floats, __builtin_convertvector(loadAs<Eight>(p), Words) << 16);
  }

  //===--- rearrangement ----------------------------------------------------------------------===//

  CHORDAL_INLINE void transpose(Floats4 (&v)[4]) {
    const Floats4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
    const Floats4 b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
    const Floats4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    const Floats4 d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
  }
  CHORDAL_INLINE void transpose(Floats (&v)[8]) {
    Floats4 part[2][2][4]; // four by four, in each quarter
    for (int rows = 0; rows < 2; ++rows)
      for (int i = 0; i < 4; ++i) {
        part[rows][0][i] = low(v[4 * rows + i]);
        part[rows][1][i] = high(v[4 * rows + i]);
      }
    for (auto& rows : part)
      for (auto& quarter : rows)
        transpose(quarter);
    for (int columns = 0; columns < 2; ++columns)
      for (int i = 0; i < 4; ++i)
        v[4 * columns + i] = join<Floats>(part[0][columns][i], part[1][columns][i]);
  }
  CHORDAL_INLINE void transpose(Bytes (&v)[8]) {
    Floats f[8];
    for (int i = 0; i < 8; ++i)
      f[i] = (Floats)v[i];
    transpose(f);
    for (int i = 0; i < 8; ++i)
      v[i] = (Bytes)f[i];
  }

  //===--- the float half of the wide part ----------------------------------------------------===//

  static constexpr int lanes = 4; ///< weight rows to a vector
  /// Without FMA that would not be exact; with that of aarch64, which overwrites its addend, it
  /// would save no instruction.
  static constexpr bool sumsAsFloats = false;
  using WideFloats = Floats4;

  CHORDAL_INLINE WideFloats wideZeroFloats() { return WideFloats{}; }
  CHORDAL_INLINE WideFloats wideLoadFloats(const float* p) { return loadAs<WideFloats>(p); }
  CHORDAL_INLINE void wideStoreFloats(float* p, WideFloats v) { __builtin_memcpy(p, &v, sizeof v); }
  CHORDAL_INLINE WideFloats wideBroadcastFloat(const float* p) { return *p - WideFloats{}; }
  CHORDAL_INLINE WideFloats wideMul(WideFloats a, WideFloats b) { return a * b; }
  CHORDAL_INLINE WideFloats wideFma(WideFloats a, WideFloats b, WideFloats c) {
    return mulAdd(a, b, c);
  }
  /// c - a * b
  CHORDAL_INLINE WideFloats wideFnma(WideFloats a, WideFloats b, WideFloats c) {
    return mulAdd(-a, b, c);
  }
};

} // namespace
} // namespace chordal::kernels
