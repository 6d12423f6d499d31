//===- Parameters.h - the kernel families of experts and heads --------------------------------===//
//
// What kernels of mixtures of experts and of matrices per head are given; the conventions are those
// of Kernels.h. K experts are used for a token; what belongs to the k-th of them are the features
// k*R .. k*R+R-1 of the token's row. A pair of a token t and its k-th expert has the number t*K +
// k.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace chordal::kernels {

/// router: operands: logits f32 [tokens, experts], bias f32 [experts] (if hasBias), chosen experts
/// int32 [tokens, used], weights f32 [tokens, used]. See the op `router`; of equal scores the lower
/// expert is chosen. Shards: row tile.
struct RouterParameters {
  uint32_t experts, used;
  uint32_t gating; // enum Gating
  uint32_t normalise, hasBias;
  float scale;
  uint32_t groups, groupsUsed;
  uint32_t rowTile;
};
enum Gating : uint32_t { SoftmaxGating, SigmoidGating, SoftmaxChosenGating };

/// group_routes: operands: chosen experts int32 [tokens, used], routes. The routes are one run of
/// int32, see ExpertRoutes. Shards: one.
struct GroupRoutesParameters {
  uint32_t experts, used;
};

/// Routes: the number n of experts in use, those experts ascending, n + 1 offsets, and the pairs,
/// sorted by expert: those of the i-th are [offsets[i], offsets[i + 1]).
struct ExpertRoutes {
  uint32_t count;
  const int32_t* experts;
  const int32_t* offsets;
  const int32_t* pairs;

  [[gnu::always_inline]] explicit ExpertRoutes(const int32_t* data)
      : count(uint32_t(data[0])), experts(data + 1), offsets(experts + count),
        pairs(offsets + count + 1) {}
};

/// moe_matmul: for each pair the product of the token's activations with the transpose of its
/// expert's matrix. Operands: x (f32 or Q8; [tokens, columns] if sharedInput, else
/// [tokens, used * columns]), routes (if routed), then `weights` matrices [experts * outputs,
/// columns] of one format, then as many biases f32 [experts, outputs] (if hasBias), then (without
/// epilogue) as many results f32 [tokens, used * outputs]. If not routed, all rows use matrix k for
/// part k: a matrix per head. Shards: not by tokens; factor = groups * ceil(outputs / outputTile).
/// `groups` is how many matrices can be in use: the least of `experts` and the bucket's pairs;
/// shards of those that are not end at once. Epilogue: functions[0] is called with views {tiles of
/// all weights, the tile that it writes: the first one}, and that tile is the part of the one
/// result, function_views[0].
struct ExpertMatmulParameters {
  uint32_t columns;
  uint32_t weights; // 1 or 2
  uint32_t outputs;
  uint32_t outputTile;
  uint32_t experts, used, groups;
  uint32_t routed, sharedInput, hasBias;
};
constexpr uint32_t maxExpertWeights = 2;

/// moe_combine: operands: x f32 [tokens, used * columns], weights f32 [tokens, used], result f32
/// [tokens, columns]: the weighted sum of the parts, in order. Shards: row tile.
struct CombineParameters {
  uint32_t columns, used;
  uint32_t rowTile;
};

/// head_slice: operands: x f32 [tokens, heads * dimension], result [tokens, heads * size]: the
/// features begin .. begin+size-1 of each head. Shards: row tile.
struct HeadSliceParameters {
  uint32_t heads, dimension, begin, size;
  uint32_t rowTile;
};

/// head_join: operands: a f32 [tokens, heads * first], b [tokens, heads * second], result
/// [tokens, heads * (first + second)]. Shards: row tile.
struct HeadJoinParameters {
  uint32_t heads, first, second;
  uint32_t rowTile;
};

} // namespace chordal::kernels
