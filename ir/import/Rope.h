//===- Rope.h - rotary frequencies ------------------------------------------------------------===//
//
// Computes, once at import, the inverse frequencies of rotary position embeddings (Su et al. 2021),
// with linear scaling (Chen et al. 2023), YaRN (Peng et al. 2023) and the per-pair factors that
// Llama 3 files carry as a tensor.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/import/HyperParameters.h"

#include <span>
#include <vector>

namespace chordal::ir {

struct RopeFrequencies {
  /// [dimensionCount / 2]: the angle of pair j at position p is p * inverse[j].
  std::vector<float> inverse;
  /// Multiplies cosine and sine.
  float magnitude = 1;
};

/// The frequencies of `parameters`, computed in float64 and rounded once. `factors` is empty or has
/// dimensionCount / 2 elements, and divides them before scaling. Fails if a factor is not finite
/// and positive or their number is wrong.
///
/// Without scaling, frequency j of n = dimensionCount features is base^(-2j/n). Linear scaling
/// divides all by the factor. YaRN divides the slow ones only: with
/// d(r) = n ln(L / (2 pi r)) / (2 ln base), the pair that turns r times within the original context
/// L, a pair below floor(d(betaFast)) is left alone, one above ceil(d(betaSlow)) is divided, and
/// those between are interpolated; the magnitude is multiplied with 0.1 ln(factor) + 1.
Result<RopeFrequencies> ropeFrequencies(const RopeParameters& parameters,
                                        std::span<const float> factors);

} // namespace chordal::ir
