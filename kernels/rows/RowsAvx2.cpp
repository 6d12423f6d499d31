//===- RowsAvx2.cpp - kernels that work row by row, for AVX2, FMA and F16C --------------------===//
//
// The kernels of Rows.h at the level x86-64-v3.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

void normAvx2(const chordal_task_args* args, uint32_t shard) {
  normShard(args, shard);
}

void quantizeAvx2(const chordal_task_args* args, uint32_t shard) {
  quantizeShard(args, shard);
}

void ropeTableAvx2(const chordal_task_args* args, uint32_t shard) {
  ropeTableShard(args, shard);
}

void ropeAppendF16Avx2(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<uint16_t>(args, token);
}

void ropeAppendF32Avx2(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<float>(args, token);
}

} // namespace chordal::kernels
