//===- Experts.h - what the ops of mixtures of experts compute --------------------------------===//
//
// The numbers of routers, matrices per expert and per head, on plain arrays: float32 in and out,
// sums and functions in float64.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/reference/Arithmetic.h"

#include <utility>

namespace chordal::reference {

struct RouterSettings {
  enum class Gating { Softmax, Sigmoid, SoftmaxChosen };
  size_t used = 1;
  Gating gating = Gating::Softmax;
  bool normalise = false;
  float scale = 1;
  size_t groups = 1, groupsUsed = 1;
};

/// The chosen experts [T, K] of logits [T, E] and their weights [T, K]; `bias` [E] may be null.
std::pair<Ints, Floats> route(const Floats& logits, const Floats* bias,
                              const RouterSettings& settings);

/// Pairs sorted by expert, as `chordal.group_routes` lays them out: [T, 3K + 2]. Each expert must
/// be below `count`.
Ints groupRoutes(const Ints& experts, size_t count);

/// x [T, C] or [T, K*C] times the matrices w [E, R, C] of the experts of `routes`, plus `bias`
/// [E, R], which may be null: [T, K*R].
Floats expertMatmul(const Floats& x, const Ints& routes, const Floats& w, const Floats* bias);

/// The sum over k of weights [T, K] times parts of x [T, K*R]: [T, R].
Floats combine(const Floats& x, const Floats& weights);

/// Head h of x [T, H*C] times matrix h of w [H, R, C]: [T, H*R].
Floats headMatmul(const Floats& x, const Floats& w);
Floats headSlice(const Floats& x, size_t headDim, size_t begin, size_t size);
Floats headJoin(const Floats& first, const Floats& second, size_t heads);

/// g / (1 + exp(-1.702 g)) * (u + 1) for g = min(gate, 7), u = clamp(up, -7, 7).
double clampedSwiglu(double gate, double up);

} // namespace chordal::reference
