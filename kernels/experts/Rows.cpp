//===- Rows.cpp - sums over experts, and parts of heads ---------------------------------------===//
//
// Work that is all memory: the same at every level.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/Kernels.h"

namespace chordal::kernels {

namespace {

template <typename T> T* rowOf(const chordal_view& view, uint64_t row) {
  return reinterpret_cast<T*>(static_cast<char*>(view.data) + row * view.row_bytes);
}

uint32_t endOf(const chordal_task_args* args, uint32_t begin, uint32_t tile) {
  return args->n_rows - begin < tile ? args->n_rows : begin + tile;
}

} // namespace

void combineScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const CombineParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = endOf(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row) {
    const float* weights = rowOf<const float>(args->operands[1], row);
    float* __restrict out = rowOf<float>(args->operands[2], row);
    for (uint32_t k = 0; k < p.used; ++k) {
      const float* x = rowOf<const float>(args->operands[0], row) + size_t(k) * p.columns;
      const float weight = weights[k];
      if (k == 0)
        for (uint32_t c = 0; c < p.columns; ++c)
          out[c] = weight * x[c];
      else
        for (uint32_t c = 0; c < p.columns; ++c)
          out[c] += weight * x[c];
    }
  }
}

void headSliceScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const HeadSliceParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = endOf(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row)
    for (uint32_t h = 0; h < p.heads; ++h)
      __builtin_memcpy(rowOf<float>(args->operands[1], row) + size_t(h) * p.size,
                       rowOf<const float>(args->operands[0], row) + size_t(h) * p.dimension +
                           p.begin,
                       p.size * sizeof(float));
}

void headJoinScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const HeadJoinParameters*>(args->parameters);
  uint32_t begin = shard * p.rowTile, end = endOf(args, begin, p.rowTile);
  for (uint32_t row = begin; row < end; ++row)
    for (uint32_t h = 0; h < p.heads; ++h) {
      float* out = rowOf<float>(args->operands[2], row) + size_t(h) * (p.first + p.second);
      __builtin_memcpy(out, rowOf<const float>(args->operands[0], row) + size_t(h) * p.first,
                       p.first * sizeof(float));
      __builtin_memcpy(out + p.first,
                       rowOf<const float>(args->operands[1], row) + size_t(h) * p.second,
                       p.second * sizeof(float));
    }
}

} // namespace chordal::kernels
