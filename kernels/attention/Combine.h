//===- Combine.h - partial results of attention become one ------------------------------------===//
//
// The body of attention_combine, compiled once for each level by Attention<level>.cpp. Operands and
// parameters are stated in Kernels.h. Splits are added up in order, so that no bit depends on who
// computed them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/Kernels.h"
#include "kernels/math/VectorMath.h"
#include "kernels/rows/Quantize.h"

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
  // Hidden scores only: see referenceOf() in Context.h.
  const float reference = maximum == -__builtin_inff() ? 0 : maximum;
  float total = 0;
  for (uint32_t first = 0; first < used; first += lanes) {
    Floats weights{};
    const uint32_t end = used - first < lanes ? used - first : lanes;
    for (uint32_t i = 0; i < end; ++i)
      weights[i] = maximumOf(first + i) - reference;
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

inline void attentionCombineShard(const chordal_task_args* args, uint32_t token) {
  const auto& p = *reinterpret_cast<const AttentionCombineParameters*>(args->parameters);
  auto row = [&](uint32_t operand) {
    const chordal_view& view = args->operands[operand];
    return static_cast<char*>(view.data) + token * view.row_bytes;
  };
  const auto* partial = reinterpret_cast<const float*>(row(0));
  auto* out = p.writeFloat ? reinterpret_cast<float*>(row(1)) : static_cast<float*>(args->scratch);
  for (uint32_t head = 0; head < p.heads; ++head)
    combineHead(p, partial, head, out + size_t(head) * p.dimension);
  const uint32_t columns = p.heads * p.dimension;
  if (p.writeQuantized)
    quantizeRow(out, columns, Q8Parts(row(p.writeFloat ? 2 : 1), columns));
}

} // namespace
} // namespace chordal::kernels
