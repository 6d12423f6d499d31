//===- Halves.h - half-precision numbers to float in vectors ----------------------------------===//
//
// For machines without an instruction for it, in integer and float arithmetic that vectors have
// everywhere. In an anonymous namespace, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

namespace chordal::kernels {
namespace {

/// The float with the value of each binary16 in the low halves of `h` (IEEE 754-2019): exponent and
/// fraction move into place, the product with 2^112 corrects the bias and normalises subnormals.
/// Floats and Words are vectors of as many floats and uint32_t.
template <class Floats, class Words>
inline __attribute__((always_inline)) Floats halvesToFloats(Words h) {
  Words magnitude = (h & 0x7fff) << 13;
  Words scaled = (Words)((Floats)magnitude * 0x1p112f);
  Words special = magnitude >= 0x0f800000 ? (magnitude | 0x7f800000) : scaled; // infinity, NaN
  return (Floats)(special | (h & 0x8000) << 16);
}

} // namespace
} // namespace chordal::kernels
