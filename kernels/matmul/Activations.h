//===- Activations.h - rows of Q8 activations and numbers derived from them ------------------===//
//
// A row's bytes, scales and sums (Q8Row), and what kernels compute from them once for many weight
// rows: the start of integer sums where codes have a zero point, and scaled sums for minimums.
//
//===----------------------------------------------------------------------------------------===//
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

/// out[g] = -zero * (sum of the q of group g), groups of `perScale`.
template <int perScale>
CHORDAL_INLINE void zeroSums(const int16_t* sum, int groups, int zero, int32_t* out) {
  for (int g = 0; g < groups; ++g)
    out[g] = -zero * (perScale == 32 ? sum[2 * g] + sum[2 * g + 1] : sum[g]);
}

/// out[g] = scale * (sum of the q of group g), groups of `perScale`; `scale` is of 32.
template <int perScale>
CHORDAL_INLINE void scaledSums(const int16_t* sum, const float* scale, int groups, float* out) {
  for (int g = 0; g < groups; ++g)
    out[g] = perScale == 32 ? scale[g] * float(sum[2 * g] + sum[2 * g + 1])
                            : scale[g / 2] * float(sum[g]);
}

} // namespace
} // namespace chordal::kernels
