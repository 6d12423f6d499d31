//===- Vectors.h - the vectors in which gemv reads --------------------------------------------===//
//
// gemv reads in vectors of 32 bytes, those of the narrow part of the traits (Isa.h), or of 64 where
// a level specialises Vectors. Beside bytes, dot products and floats under the names that the
// narrow part gives them, all have
//
//   lanes             floats or int32s of a vector
//   permute(v, i)     four lanes of each v[i[0]], v[i[1]], ...
//
// and those of 64 bytes, for the formats' long codes (quant/Formats.h)
//
//   Half                the traits of vectors of 32
//   join(a, b), low(a)  two halves; one, and zeros above
//   high(v)             the upper half of floats, and zeros above
//   pieces(p, stride)   four times 16 bytes, from p, p + stride, ...
//   fields(p, s, t, m)  32 bytes at p: (v >> s) & m, and above them (v >> t) & m
//   bitsTo(u, m)        64 bits to bytes: m where the bit is set, else 0
//   signedWords(p)      16 bytes to floats
//   halves<s>(p)        8 halves of 128 bytes at p, s bytes apart, to floats, and zeros above
//   scalesOf8(p)        8 scales and then 8 minimums of Q4_K and Q5_K
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"

namespace chordal::kernels {
namespace {

template <class I> struct Vectors : I {
  static constexpr int lanes = 8;
  CHORDAL_INLINE typename I::Floats permute(typename I::Floats v, const int (&from)[2]) {
    return from[0] == from[1] ? I::broadcastLane(v, from[0]) : I::broadcastLanePair(v, from[0]);
  }
};

/// How many times 16 bytes a vector has.
template <class V> constexpr int partsOf = sizeof(typename V::Bytes) / 16;

} // namespace
} // namespace chordal::kernels
