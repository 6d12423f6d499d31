//===- Activations.h - rows of Q8 activations and numbers derived from them -------------------===//
//
// A row's bytes, scales and sums (Q8Row), and what kernels compute from them once for many weight
// rows: the start of integer sums where codes have a zero point, and scaled sums for minimums.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/isa/Isa.h"
#include "kernels/matmul/Tiling.h"

namespace chordal::kernels {
namespace {

struct Activation {
  const int8_t* q;
  const float* scale; ///< of 32
  const int16_t* sum; ///< of 16
};

CHORDAL_INLINE Activation activation(const uint8_t* row, uint32_t columns) {
  const size_t n = columns;
  return {reinterpret_cast<const int8_t*>(row), reinterpret_cast<const float*>(row + n),
          reinterpret_cast<const int16_t*>(row + n + n / 32 * 4)};
}

/// out[g] = base - zero * (sum of the q of group g), groups of `perScale`.
template <class I, int perScale>
CHORDAL_INLINE void zeroSums(const int16_t* sum, int groups, int zero, int32_t* out,
                             int32_t base = 0) {
  int g = 0;
  for (; g + 8 <= groups; g += 8)
    I::storeInts(out + g, I::addInts(perScale == 32 ? I::pairSums(sum + 2 * g, -zero)
                                                    : I::products(sum + g, -zero),
                                     base));
#pragma clang loop vectorize(disable)
  for (; g < groups; ++g)
    out[g] = base - zero * (perScale == 32 ? sum[2 * g] + sum[2 * g + 1] : sum[g]);
}

/// out[g] = factor * scale * (sum of the q of group g), groups of `perScale`; `scale` is of 32.
template <class I, int perScale>
CHORDAL_INLINE void scaledSums(const int16_t* sum, const float* scale, int groups, int factor,
                               float* out) {
  int g = 0;
  for (; g + 8 <= groups; g += 8)
    I::storeFloats(out + g, perScale == 32 ? I::mul(I::toFloats(I::pairSums(sum + 2 * g, factor)),
                                                    I::loadFloats(scale + g))
                                           : I::mul(I::toFloats(I::products(sum + g, factor)),
                                                    I::loadTwice(scale + g / 2)));
#pragma clang loop vectorize(disable)
  for (; g < groups; ++g)
    out[g] = perScale == 32 ? scale[g] * float(factor * (sum[2 * g] + sum[2 * g + 1]))
                            : scale[g / 2] * float(factor * sum[g]);
}

} // namespace
} // namespace chordal::kernels
