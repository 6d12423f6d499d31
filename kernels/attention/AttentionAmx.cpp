//===- AttentionAmx.cpp - attention on matrix units -------------------------------------------===//
//
// The kernel of Attention.h at the level amx: runs of many rows by way of TileAmx.h.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"
#include "kernels/attention/TileAmx.h"

namespace chordal::kernels {

void attentionF16Amx(const chordal_task_args* args, uint32_t shard);

void attentionF16Amx(const chordal_task_args* args, uint32_t shard) {
  attentionShard<HalfElement>(args, shard, attendRunAmx);
}

} // namespace chordal::kernels
