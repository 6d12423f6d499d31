//===- RowsAvx512.cpp - kernels that work row by row, for AVX-512 -----------------------------===//
//
// The kernels of Rows.h at the level avx512vnni.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

void normAvx512(const chordal_task_args* args, uint32_t shard) {
  normShard(args, shard);
}

void quantizeAvx512(const chordal_task_args* args, uint32_t shard) {
  quantizeShard(args, shard);
}

void ropeTableAvx512(const chordal_task_args* args, uint32_t shard) {
  ropeTableShard(args, shard);
}

void ropeAppendF16Avx512(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<uint16_t>(args, token);
}

void ropeAppendF32Avx512(const chordal_task_args* args, uint32_t token) {
  ropeAppendShard<float>(args, token);
}

} // namespace chordal::kernels
