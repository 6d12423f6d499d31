//===- RowsScalar.cpp - kernels that work row by row, for any machine -------------------------===//
//
// The kernels of Rows.h at the level scalar.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

void normScalar(const chordal_task_args* args, uint32_t shard) {
  normShard(args, shard);
}

void quantizeScalar(const chordal_task_args* args, uint32_t shard) {
  quantizeShard(args, shard);
}

void ropeTableScalar(const chordal_task_args* args, uint32_t shard) {
  ropeTableShard(args, shard);
}

void ropeAppendF16Scalar(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<uint16_t>(args, token);
}

void ropeAppendF32Scalar(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<float>(args, token);
}

} // namespace chordal::kernels
