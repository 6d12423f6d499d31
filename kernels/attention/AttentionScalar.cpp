//===- AttentionScalar.cpp - attention for any machine ----------------------------------------===//
//
// The kernels of Attention.h at the level scalar.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

void attentionF16Scalar(const chordal_task_args* args, uint32_t shard) {
  attentionShard<HalfElement>(args, shard);
}

void attentionF32Scalar(const chordal_task_args* args, uint32_t shard) {
  attentionShard<FloatElement>(args, shard);
}

} // namespace chordal::kernels
