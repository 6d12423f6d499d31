//===- Attention.h - causal attention over the KV cache ---------------------------------------===//
//
// The body of the attention kernels, compiled once for each level by Attention<level>.cpp. Operands
// and parameters are stated in Kernels.h. A shard is cut into runs of tokens of one sequence at
// consecutive positions; a run of few rows is computed token by token (Single.h), others in panels
// of rows (Tile.h). Which way a row takes, and the order of its sums, depends on the step's tokens
// alone, never on threads.
//
// Scores that a row must not see are replaced, whatever they are; their weights are exactly 0.
// Values of positions that only later rows of the same panel see are multiplied with that 0, so an
// infinite or NaN value shows up to a panel (a few tokens) early. Positions beyond a run are never
// read.
//
// All ways walk the blocks of the KV cache in order and carry (maximum, sum, results). A range of
// blocks may be one shard's (`splits`); attention_combine combines the partial results by the same
// rule.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Single.h"
#include "kernels/attention/Tile.h"

namespace chordal::kernels {

/// attendFew() of the level avx512vnni, for the level amx: `tokens` tokens of a task from `first`
/// on.
void attendFewF16Avx512(const chordal_task_args* args, uint32_t kvHead, uint32_t split,
                        uint32_t first, uint32_t tokens);

namespace {

/// Runs of few rows: token by token, or as one panel of one vector.
template <typename Element>
inline void attendFew(const AttentionContext& context, uint32_t first, uint32_t tokens) {
  if (const uint32_t rows = tokens * context.group; tokens > 1 && rows >= lanes / 2)
    return attendRun<Element, 1>(context, first, tokens);
  for (uint32_t i = 0; i < tokens; ++i)
    attendToken<Element>(context, first + i);
}

/// `few` computes runs of one token or of no more rows than vectors have lanes, `many` others.
template <typename Few, typename Many>
CHORDAL_INLINE void attentionShard(const chordal_task_args* args, uint32_t shard, Few few,
                                   Many many) {
  const auto& p = *reinterpret_cast<const AttentionParameters*>(args->parameters);
  const uint32_t factor = p.kvHeads * p.splits;
  AttentionContext context(args, shard % factor / p.splits, shard % p.splits);
  // The last tokens first: they see the most positions, and short shards at the end let all workers
  // end together.
  const uint32_t last = (args->n_rows - 1) / p.rowTile;
  uint32_t token = (last - shard / factor) * p.rowTile;
  uint32_t end = args->n_rows - token < p.rowTile ? args->n_rows : token + p.rowTile;
  while (token < end) {
    uint32_t tokens = 1;
    while (token + tokens < end && context.sequence(token + tokens) == context.sequence(token) &&
           context.position(token + tokens) == context.position(token) + int32_t(tokens))
      ++tokens;
    if (p.splits > 1 && context.isEmpty(token, tokens))
      context.finishEmpty(token, tokens);
    else if (tokens == 1 || tokens * context.group <= lanes)
      few(context, token, tokens);
    else
      many(context, token, tokens);
    token += tokens;
  }
}

template <typename Element>
inline void attentionShard(const chordal_task_args* args, uint32_t shard) {
  attentionShard(args, shard, attendFew<Element>, attendRun<Element, 2>);
}

} // namespace
} // namespace chordal::kernels

/// Defines the kernels of a level; the names are those of Kernels.def.
#define CHORDAL_DEFINE_ATTENTION(level)                                                            \
  void attentionF16##level(const chordal_task_args* args, uint32_t shard) {                        \
    attentionShard<HalfElement>(args, shard);                                                      \
  }                                                                                                \
  void attentionF32##level(const chordal_task_args* args, uint32_t shard) {                        \
    attentionShard<FloatElement>(args, shard);                                                     \
  }
