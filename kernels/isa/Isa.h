//===- Isa.h - what instruction-set traits offer ----------------------------------------------===//
//
// A kernel is written once against a struct of traits: Scalar, Avx2, Avx512, and on vectors of 128
// bits (Pairs.h) Sse, Neon, NeonDotprod, NeonI8mm. Every translation unit includes the traits of
// its own level only, and all that kernels share lies in anonymous namespaces and is always
// inlined: nothing compiled with a level's flags may be visible to others.
//
// All traits have the narrow part, vectors of 32 bytes or 8 words, in which formats are unpacked:
//
//   Bytes, Ints, Floats    32 bytes, 8 int32, 8 float
//   load(p)                32 bytes
//   nibbles(p)             16 bytes: the 16 low nibbles, then the 16 high ones
//   field(v, s, m)         each byte: (v >> s) & m; s < 0 shifts left
//   bitsTo(p, m)           32 bits to bytes: m where the bit is set, else 0
//   either(a, b)           a | b
//   half(h), halves(p, stride, n)      binary16 to float: one; n <= 8 numbers, others 0
//   words(u), signedWords(u)           8 bytes to 8 floats
//   scalesOf8(p, s, m)     8 scales and minimums of Q4_K and Q5_K
//   dot(start, codes, q)   4-byte dot products: start[i] + sum of codes[4i+j] * q[4i+j]
//   signedDot(...)         the same for signed codes
//   transpose(v)           8 x 8 words
//
// and, but for Scalar, the wide part in which the GEMM computes: `lanes` weight rows to a vector.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

#define CHORDAL_INLINE [[gnu::always_inline]] static inline

namespace chordal::kernels {
namespace {

/// Hides where a number comes from. Compilers like to derive the addresses of several rows from one
/// another, with arithmetic in the innermost loop, rather than keep a register for each.
template <class T> CHORDAL_INLINE void opaque(T& number) {
  __asm__("" : "+r"(number));
}

/// Traits that can unpack several rows side by side.
template <class I>
concept HasColumns = requires { typename I::template Columns<64>; };

} // namespace
} // namespace chordal::kernels
