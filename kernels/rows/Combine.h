//===- Combine.h - partial results of attention become one ------------------------------------===//
//
// The body of attention_combine. Splits are added up in order, so that no bit depends on who
// computed them. Part of Rows.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"
#include "kernels/math/VectorMath.h"

namespace chordal::kernels {
namespace {

/// out = [out +] values * weight, n floats.
template <bool adds>
CHORDAL_INLINE void addScaled(const float* values, float weight, uint32_t n, float* out) {
  uint32_t i = 0;
  for (; i + lanes <= n; i += lanes)
    store(out + i, adds ? mulAdd(load(values + i), broadcast(weight), load(out + i))
                        : load(values + i) * weight);
  for (; i < n; ++i)
    out[i] = adds ? out[i] + values[i] * weight : values[i] * weight;
}

/// The result of one head of a token.
inline void combineHead(const AttentionCombineParameters& p, const float* partial, uint32_t head,
                        float* out) {
  const uint32_t n = p.dimension;
  auto part = [&](uint32_t split) {
    return partial + split * PartialAttention::floats(p.heads, n);
  };
  auto maximumOf = [&](uint32_t split) {
    return part(split)[PartialAttention::maximum(p.heads, n, head)];
  };
  auto sumOf = [&](uint32_t split) { return part(split)[PartialAttention::sum(p.heads, n, head)]; };
  // What nobody had positions for is not read: other processors have written it.
  uint32_t used = 1;
  while (used < p.splits && !(sumOf(used) < 0))
    ++used;
  if (used == 1)
    return addScaled<false>(part(0) + size_t(head) * n, 1.0f / sumOf(0), n, out);

  float maximum = -__builtin_inff();
  for (uint32_t split = 0; split < used; ++split)
    if (maximumOf(split) > maximum)
      maximum = maximumOf(split);
  float total = 0;
  for (uint32_t first = 0; first < used; first += lanes) {
    Floats weights{};
    const uint32_t end = used - first < lanes ? used - first : lanes;
    for (uint32_t i = 0; i < end; ++i)
      weights[i] = maximumOf(first + i) - maximum;
    weights = exp(weights);
    for (uint32_t i = 0; i < end; ++i) {
      const float* values = part(first + i) + size_t(head) * n;
      total += weights[i] * sumOf(first + i);
      if (first + i == 0)
        addScaled<false>(values, weights[i], n, out);
      else
        addScaled<true>(values, weights[i], n, out);
    }
  }
  addScaled<false>(out, 1.0f / total, n, out);
}

} // namespace
} // namespace chordal::kernels
