//===- AttentionAvx512.cpp - attention for AVX-512 --------------------------------------------===//
//
// The kernels of Attention.h at the level avx512vnni.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

void attentionF16Avx512(const chordal_task_args* args, uint32_t shard) {
  attentionShard<HalfElement>(args, shard);
}

void attentionF32Avx512(const chordal_task_args* args, uint32_t shard) {
  attentionShard<FloatElement>(args, shard);
}

} // namespace chordal::kernels
