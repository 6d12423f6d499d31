//===- AttentionAmx.cpp - attention on matrix units -------------------------------------------===//
//
// The kernels of Attention.h at the level amx: runs of many rows by way of TileAmx.h, others by
// those of AVX-512.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"
#include "kernels/attention/TileAmx.h"

namespace chordal::kernels {

#define CHORDAL_DEFINE_ATTENTION_AMX(name, parts)                                                  \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    auto few = [args](const AttentionContext& context, uint32_t first, uint32_t tokens) {          \
      attendFewF16Avx512(args, context.kvHead, context.split, first, tokens);                      \
    };                                                                                             \
    attentionShard(args, shard, few, attendRunAmx<parts>);                                         \
  }
CHORDAL_DEFINE_ATTENTION_AMX(attentionF16Amx, 2)
CHORDAL_DEFINE_ATTENTION_AMX(attentionF16BF16x16Amx, 1)

} // namespace chordal::kernels
