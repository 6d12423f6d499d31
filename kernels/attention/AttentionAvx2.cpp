//===- AttentionAvx2.cpp - attention for AVX2, FMA and F16C -----------------------------------===//
//
// The kernels of Attention.h at the level x86-64-v3.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

void attentionF16Avx2(const chordal_task_args* args, uint32_t shard) {
  attentionShard<HalfElement>(args, shard);
}

void attentionF32Avx2(const chordal_task_args* args, uint32_t shard) {
  attentionShard<FloatElement>(args, shard);
}

} // namespace chordal::kernels
