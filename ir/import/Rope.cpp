//===- Rope.cpp - rotary frequencies ----------------------------------------------------------===//
//
// See Rope.h for the formulas and their sources.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace chordal::ir {

namespace {

/// YaRN's ramp: the share of a pair's own frequency that is kept, 1 for fast pairs, 0 for slow
/// ones.
class YarnRamp {
public:
  YarnRamp(const RopeParameters& rope) {
    const RopeScaling& scaling = rope.scaling;
    double n = rope.dimensionCount;
    auto pairOfRotations = [&](double rotations) {
      return n * std::log(scaling.originalContextLength / (rotations * 2 * std::numbers::pi)) /
             (2 * std::log(rope.frequencyBase));
    };
    low = std::max(0.0, std::floor(pairOfRotations(scaling.betaFast)));
    high = std::min(n - 1, std::ceil(pairOfRotations(scaling.betaSlow)));
  }

  double kept(double pair) const {
    // The paper's ramp is a step when both ends coincide; a small width avoids dividing by zero.
    double width = std::max(0.001, high - low);
    return 1 - std::clamp((pair - low) / width, 0.0, 1.0);
  }

private:
  double low, high;
};

} // namespace

Result<RopeFrequencies> ropeFrequencies(const RopeParameters& rope,
                                        std::span<const float> factors) {
  uint32_t pairs = rope.dimensionCount / 2;
  if (!factors.empty() && factors.size() != pairs)
    return Error{fmt::format("there are {} rotary factors, but {} pairs of features are rotated",
                             factors.size(), pairs),
                 ErrorCode::Malformed};
  for (size_t j = 0; j < factors.size(); ++j)
    if (!(std::isfinite(factors[j]) && factors[j] > 0))
      return Error{
          fmt::format("rotary factor {} is {}, but must be finite and positive", j, factors[j]),
          ErrorCode::OutOfRange};

  const RopeScaling& scaling = rope.scaling;
  RopeFrequencies result;
  result.inverse.resize(pairs);
  double magnitude = scaling.attentionFactor;
  bool ramped = scaling.type == RopeScalingType::Yarn && scaling.extrapolationFactor != 0;
  if (ramped)
    magnitude *= 1 + 0.1 * std::log(scaling.factor);
  std::optional<YarnRamp> ramp;
  if (ramped)
    ramp.emplace(rope);

  for (uint32_t j = 0; j < pairs; ++j) {
    double own = std::pow(rope.frequencyBase, -2.0 * j / rope.dimensionCount);
    if (!factors.empty())
      own /= factors[j];
    bool divided = scaling.type == RopeScalingType::Linear || scaling.type == RopeScalingType::Yarn;
    double scaled = divided ? own / scaling.factor : own;
    double keep = ramp ? ramp->kept(j) * scaling.extrapolationFactor : 0;
    double frequency = scaled * (1 - keep) + own * keep;
    if (!std::isfinite(static_cast<float>(frequency)))
      return Error{
          fmt::format("rotary frequency {} is {}, beyond what float32 holds", j, frequency),
          ErrorCode::OutOfRange};
    result.inverse[j] = static_cast<float>(frequency);
  }
  result.magnitude = static_cast<float>(magnitude);
  if (!std::isfinite(result.magnitude))
    return Error{fmt::format("the magnitude of the rotation is {}", magnitude),
                 ErrorCode::OutOfRange};
  return result;
}

} // namespace chordal::ir
