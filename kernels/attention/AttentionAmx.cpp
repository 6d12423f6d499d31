//===- AttentionAmx.cpp - attention on matrix units -------------------------------------------===//
//
// The kernels of Attention.h at the level amx: runs of many rows by way of TileAmx.h.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"
#include "kernels/attention/TileAmx.h"

namespace chordal::kernels {

#define CHORDAL_DEFINE_ATTENTION_AMX(name, parts)                                                  \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    attentionShard<HalfElement>(args, shard, attendRunAmx<parts>);                                 \
  }
CHORDAL_DEFINE_ATTENTION_AMX(attentionF16Amx, 2)
CHORDAL_DEFINE_ATTENTION_AMX(attentionF16BF16x16Amx, 1)

} // namespace chordal::kernels
