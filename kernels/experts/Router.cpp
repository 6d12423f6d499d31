//===- Router.cpp - which experts a token uses ------------------------------------------------===//
//
// Chooses by selection, K passes over the scores of a token, and groups the pairs by counting. Both
// are a small part of a step, so they are the same at every level.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/Kernels.h"
#include "kernels/math/VectorMath.h"

namespace chordal::kernels {

namespace {

template <typename T> T* rowOf(const chordal_view& view, uint64_t row) {
  return reinterpret_cast<T*>(static_cast<char*>(view.data) + row * view.row_bytes);
}

float expOf(float x) {
  return exp(broadcast(x))[0];
}

void softmax(float* values, uint32_t n) {
  float largest = values[0];
  for (uint32_t i = 1; i < n; ++i)
    largest = values[i] > largest ? values[i] : largest;
  float total = 0;
  for (uint32_t i = 0; i < n; ++i)
    total += values[i] = expOf(values[i] - largest);
  for (uint32_t i = 0; i < n; ++i)
    values[i] /= total;
}

/// The first of the greatest values that are not taken (-inf is); if no value can be compared, the
/// first index, so that the result is an index in any case.
uint32_t greatestOf(const float* values, uint32_t n) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < n; ++i)
    if (values[i] > values[best] || !(values[best] == values[best]))
      best = i;
  return best;
}

constexpr float taken = -__builtin_inff();

/// Takes the experts out of the choice whose group is not among the best ones.
void dropGroups(float* scores, const RouterParameters& p, float* sums) {
  const uint32_t length = p.experts / p.groups;
  for (uint32_t g = 0; g < p.groups; ++g) {
    float first = taken, second = taken;
    for (uint32_t i = 0; i < length; ++i) {
      float value = scores[g * length + i];
      if (value > first) {
        second = first;
        first = value;
      } else if (value > second) {
        second = value;
      }
    }
    sums[g] = length > 1 ? first + second : first;
  }
  for (uint32_t dropped = p.groups; dropped > p.groupsUsed; --dropped) {
    // The last of the least, so that the first of equal ones stays.
    uint32_t least = 0;
    for (uint32_t g = 1; g < p.groups; ++g)
      if (sums[g] <= sums[least])
        least = g;
    sums[least] = -taken;
    for (uint32_t i = 0; i < length; ++i)
      scores[least * length + i] = taken;
  }
}

} // namespace

void routerScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const RouterParameters*>(args->parameters);
  const chordal_view* operands = args->operands;
  const float* bias = p.hasBias ? static_cast<const float*>(operands[1].data) : nullptr;
  const chordal_view* results = operands + (p.hasBias ? 2 : 1);
  float* probabilities = static_cast<float*>(args->scratch);
  float* scores = probabilities + p.experts;
  float* sums = scores + p.experts;
  uint32_t begin = shard * p.rowTile;
  uint32_t end = args->n_rows - begin < p.rowTile ? args->n_rows : begin + p.rowTile;
  for (uint32_t row = begin; row < end; ++row) {
    __builtin_memcpy(probabilities, rowOf<const float>(operands[0], row),
                     p.experts * sizeof(float));
    if (p.gating == SoftmaxGating)
      softmax(probabilities, p.experts);
    else if (p.gating == SigmoidGating)
      for (uint32_t e = 0; e < p.experts; ++e)
        probabilities[e] = 1 / (1 + expOf(-probabilities[e]));
    for (uint32_t e = 0; e < p.experts; ++e)
      scores[e] = probabilities[e] + (bias ? bias[e] : 0);
    if (p.groups > 1)
      dropGroups(scores, p, sums);
    int32_t* chosen = rowOf<int32_t>(results[0], row);
    float* weights = rowOf<float>(results[1], row);
    for (uint32_t k = 0; k < p.used; ++k) {
      uint32_t best = greatestOf(scores, p.experts);
      // Scores that are not numbers leave only experts that were chosen before: then the first
      // that was not. Each token has each expert at most once.
      for (uint32_t other = 0; other < k; ++other)
        if (uint32_t(chosen[other]) == best) {
          best = best + 1 == p.experts ? 0 : best + 1;
          other = ~0u;
        }
      chosen[k] = int32_t(best);
      weights[k] = probabilities[best];
      scores[best] = taken;
    }
    if (p.gating == SoftmaxChosenGating)
      softmax(weights, p.used);
    float factor = p.scale;
    if (p.normalise) {
      float total = 0;
      for (uint32_t k = 0; k < p.used; ++k)
        total += weights[k];
      factor /= total;
    }
    for (uint32_t k = 0; k < p.used; ++k)
      weights[k] *= factor;
  }
}

void groupRoutesScalar(const chordal_task_args* args, uint32_t) {
  const auto& p = *reinterpret_cast<const GroupRoutesParameters*>(args->parameters);
  auto* counts = static_cast<uint32_t*>(args->scratch); // then where the next pair goes
  for (uint32_t e = 0; e < p.experts; ++e)
    counts[e] = 0;
  for (uint32_t row = 0; row < args->n_rows; ++row)
    for (uint32_t k = 0; k < p.used; ++k)
      ++counts[rowOf<const int32_t>(args->operands[0], row)[k]];
  uint32_t used = 0;
  for (uint32_t e = 0; e < p.experts; ++e)
    used += counts[e] != 0;
  auto* out = static_cast<int32_t*>(args->operands[1].data);
  *out++ = int32_t(used);
  int32_t* offsets = out + used;
  int32_t* pairs = offsets + used + 1;
  uint32_t next = 0, group = 0;
  for (uint32_t e = 0; e < p.experts; ++e) {
    if (counts[e] == 0)
      continue;
    out[group] = int32_t(e);
    offsets[group++] = int32_t(next);
    uint32_t count = counts[e];
    counts[e] = next;
    next += count;
  }
  offsets[group] = int32_t(next);
  for (uint32_t row = 0; row < args->n_rows; ++row)
    for (uint32_t k = 0; k < p.used; ++k)
      pairs[counts[rowOf<const int32_t>(args->operands[0], row)[k]]++] = int32_t(row * p.used + k);
}

} // namespace chordal::kernels
