//===- Shard.h - what one shard of a matmul of experts computes -------------------------------===//
//
// Gathers the activations of one expert's rows, runs a kernel of matmul on a tile of the expert's
// matrices, and scatters the results to their tokens.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/experts/Tiling.h"
#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Shard.h"

namespace chordal::kernels {
namespace {

/// The rows of one expert.
struct ExpertRows {
  const int32_t* pairs; ///< null: all tokens, part `part`
  uint32_t part;
  uint32_t used;
  uint32_t count;

  [[gnu::always_inline]] uint32_t token(uint32_t row) const {
    return pairs ? uint32_t(pairs[row]) / used : row;
  }
  [[gnu::always_inline]] uint32_t partOf(uint32_t row) const {
    return pairs ? uint32_t(pairs[row]) % used : part;
  }
};

/// Copies `columns` features of row `from`, from feature `first` of `all` on, to a row of their
/// own.
template <bool quantized>
CHORDAL_INLINE void gatherRow(const uint8_t* from, uint32_t all, uint32_t first, uint32_t columns,
                              uint8_t* to) {
  if constexpr (quantized) {
    const Activation a = activation(from, all);
    __builtin_memcpy(to, a.q + first, columns);
    __builtin_memcpy(to + Q8Row::scaleOffset(columns), a.scale + first / 32, columns / 32 * 4);
    __builtin_memcpy(to + Q8Row::sumOffset(columns), a.sum + first / 16, columns / 16 * 2);
  } else {
    __builtin_memcpy(to, from + size_t(first) * sizeof(float), columns * sizeof(float));
  }
}

/// Computes a shard with `Few::compute(tile)` for few rows, else with `Many::compute(tile)`.
template <class Few, class Many>
CHORDAL_INLINE void computeExpertShard(const chordal_task_args* args, uint32_t shard) {
  static_assert(Few::activations == Many::activations);
  constexpr bool quantized = Few::activations == Activations::Q8;
  const auto& p = *reinterpret_cast<const ExpertMatmulParameters*>(args->parameters);
  const uint32_t tiles = (p.outputs + matmulTile - 1) / matmulTile;
  const uint32_t group = shard / tiles, first = shard % tiles * matmulTile;
  const uint32_t left = p.outputs - first;
  const uint32_t count = left < matmulTile ? left : matmulTile;

  const chordal_view& x = args->operands[0];
  const chordal_view* operands = args->operands + 1;
  uint32_t expert = group;
  ExpertRows rows{nullptr, group, p.used, args->n_rows};
  if (p.routed) {
    const ExpertRoutes routes(static_cast<const int32_t*>((operands++)->data));
    if (group >= routes.count)
      return;
    expert = uint32_t(routes.experts[group]);
    rows.pairs = routes.pairs + routes.offsets[group];
    rows.count = uint32_t(routes.offsets[group + 1] - routes.offsets[group]);
  }
  const chordal_view* biases = operands + p.weights;
  const chordal_view* results = biases + (p.hasBias ? p.weights : 0);

  const MatmulParameters inner = ExpertScratch::matmulParameters(p);
  const ExpertScratch at(p, rows.count, Few::activations);
  const MatmulScratch layout(inner, rows.count, Few::activations);
  uint8_t* gathered = static_cast<uint8_t*>(args->scratch) + at.gathered;
  uint8_t* scratch = static_cast<uint8_t*>(args->scratch) + at.matmul;
  for (uint32_t r = 0; r < rows.count; ++r)
    gatherRow<quantized>(static_cast<const uint8_t*>(x.data) + rows.token(r) * x.row_bytes,
                         p.sharedInput ? p.columns : p.used * p.columns,
                         p.sharedInput ? 0 : rows.partOf(r) * p.columns, p.columns,
                         gathered + r * at.stride);

  auto tileOf = [&](uint32_t w) {
    return reinterpret_cast<float*>(scratch + layout.tiles + w * layout.tileBytes);
  };
  auto scatter = [&](uint32_t w, const chordal_view& result) {
    for (uint32_t r = 0; r < rows.count; ++r)
      __builtin_memcpy(static_cast<uint8_t*>(result.data) + rows.token(r) * result.row_bytes +
                           (size_t(rows.partOf(r)) * p.outputs + first) * sizeof(float),
                       tileOf(w) + size_t(r) * matmulTile, count * sizeof(float));
  };
  for (uint32_t w = 0; w < p.weights; ++w) {
    const chordal_view& view = operands[w];
    Tile tile{};
    tile.weights = static_cast<const uint8_t*>(view.data) +
                   (size_t(expert) * p.outputs + first) * view.row_bytes;
    tile.next = w + 1 < p.weights
                    ? static_cast<const uint8_t*>(operands[w + 1].data) +
                          (size_t(expert) * p.outputs + first) * operands[w + 1].row_bytes
                    : static_cast<const uint8_t*>(operands[0].data) +
                          (size_t(expert) * p.outputs + first + count) * operands[0].row_bytes;
    tile.weightStride = view.row_bytes;
    tile.count = count;
    tile.columns = p.columns;
    tile.x = gathered;
    tile.xStride = at.stride;
    tile.rows = rows.count;
    tile.out = tileOf(w);
    tile.outStride = matmulTile * sizeof(float);
    tile.scratch = scratch;
    tile.layout = &layout;
    FewOrMany<Few, Many>::compute(tile);
    if (p.hasBias) {
      const float* bias =
          reinterpret_cast<const float*>(static_cast<const uint8_t*>(biases[w].data) +
                                         size_t(expert) * biases[w].row_bytes) +
          first;
      for (uint32_t r = 0; r < rows.count; ++r)
        for (uint32_t c = 0; c < count; ++c)
          tile.out[size_t(r) * matmulTile + c] += bias[c];
    }
    if (!args->functions)
      scatter(w, results[w]);
  }
  if (!args->functions)
    return;
  chordal_view views[maxExpertWeights + 1];
  for (uint32_t w = 0; w < p.weights; ++w)
    views[w] = {tileOf(w), matmulTile * sizeof(float)};
  views[p.weights] = views[0];
  args->functions[0](views, 0, rows.count, 0, count);
  scatter(0, args->function_views[0]);
}

} // namespace
} // namespace chordal::kernels

/// Defines the kernel `name` of a format's two bodies.
#define CHORDAL_DEFINE_EXPERTS(name, ...)                                                          \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    computeExpertShard<__VA_ARGS__>(args, shard);                                                  \
  }
