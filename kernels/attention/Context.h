//===- Context.h - what the attention kernels work on -----------------------------------------===//
//
// A shard's operands and scratch, decoded once, and the elements of the KV cache. In an anonymous
// namespace, see isa/Floats.h.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/attention/Tiling.h"
#include "kernels/math/VectorMath.h"

namespace chordal::kernels {
namespace {

constexpr uint32_t blockPositions = CHORDAL_KV_BLOCK_POSITIONS;
constexpr float negativeInfinity = -__builtin_inff();

/// Elements of the KV cache.
struct HalfElement {
  using Type = uint16_t;
  static CHORDAL_INLINE Floats load(const Type* p) { return loadHalves(p); }
  static CHORDAL_INLINE Floats loadPartial(const Type* p, size_t n) {
    return loadHalvesPartial(p, n);
  }
  /// n elements as floats: converted into `buffer`.
  static CHORDAL_INLINE const float* floats(const Type* p, size_t n, float* buffer) {
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
      store(buffer + i, load(p + i));
    if (i < n)
      storePartial(buffer + i, loadPartial(p + i, n - i), n - i);
    return buffer;
  }
};

struct FloatElement {
  using Type = float;
  static CHORDAL_INLINE Floats load(const Type* p) { return kernels::load(p); }
  static CHORDAL_INLINE Floats loadPartial(const Type* p, size_t n) {
    return kernels::loadPartial(p, n);
  }
  static CHORDAL_INLINE const float* floats(const Type* p, size_t n, float* buffer) { return p; }
};

/// Where the blocks of a sequence are: in its ring if the state has one, else as its table says.
struct SequenceBlocks {
  const uint32_t* table;
  uint32_t ring, first;

  CHORDAL_INLINE SequenceBlocks(const chordal_sequence& sequence, uint32_t ring)
      : table(sequence.kv_blocks), ring(ring), first(sequence.slot * ring) {}
  /// Physical block of a logical one.
  CHORDAL_INLINE uint32_t operator[](uint32_t block) const {
    return ring ? first + block % ring : table[block];
  }
};

/// A shard of an attention task: all query heads of one KV head, for the tokens of one tile, and
/// one split of the positions that they see.
struct AttentionContext {
  const AttentionParameters& parameters;
  const chordal_task_args* args;
  uint32_t kvHead;
  uint32_t split;
  uint32_t group;  ///< query heads of a KV head
  uint32_t window; ///< at most what int32 holds, which is as good as none
  float scale;     ///< of the queries: what a score is multiplied with before the softcap's tanh
  AttentionScratch at;

  CHORDAL_INLINE AttentionContext(const chordal_task_args* args, uint32_t kvHead, uint32_t split)
      : parameters(*reinterpret_cast<const AttentionParameters*>(args->parameters)), args(args),
        kvHead(kvHead), split(split), group(parameters.heads / parameters.kvHeads),
        window(parameters.window < 0x7fffffffu ? parameters.window : 0),
        scale(parameters.softcap > 0 ? parameters.scale / parameters.softcap : parameters.scale),
        at(parameters, args->n_rows) {}

  CHORDAL_INLINE float* scratch(uint64_t offset) const {
    return reinterpret_cast<float*>(static_cast<char*>(args->scratch) + offset);
  }
  CHORDAL_INLINE int32_t position(uint32_t token) const {
    return static_cast<const int32_t*>(args->operands[1].data)[token];
  }
  CHORDAL_INLINE int32_t sequence(uint32_t token) const {
    return static_cast<const int32_t*>(args->operands[2].data)[token];
  }
  CHORDAL_INLINE SequenceBlocks blocks(uint32_t token) const {
    return {args->step->sequences[sequence(token)], parameters.ringBlocks};
  }
  /// The queries of a token's group, [group][keyDimension].
  CHORDAL_INLINE const float* query(uint32_t token) const {
    const chordal_view& view = args->operands[0];
    return reinterpret_cast<const float*>(static_cast<const char*>(view.data) +
                                          token * view.row_bytes) +
           size_t(kvHead) * group * parameters.keyDimension;
  }
  /// The results of a token: its row of the output, or the part of it that is this split's.
  CHORDAL_INLINE float* results(uint32_t token) const {
    const AttentionParameters& p = parameters;
    const chordal_view& view = args->operands[5];
    return reinterpret_cast<float*>(static_cast<char*>(view.data) + token * view.row_bytes) +
           split * PartialAttention::floats(p.heads, p.valueDimension);
  }
  /// The result of a token and head of its group, [valueDimension].
  CHORDAL_INLINE float* result(uint32_t token, uint32_t head) const {
    return results(token) + size_t(kvHead * group + head) * parameters.valueDimension;
  }
  /// What sums of weighted values are multiplied with on their way to result(token, head). If there
  /// are several splits, tells of the greatest score and the sum of weights, too.
  [[gnu::noinline]] float finish(uint32_t token, uint32_t head, float maximum, float sum) const {
    const AttentionParameters& p = parameters;
    if (p.splits == 1)
      return 1.0f / sum;
    const uint32_t at = kvHead * group + head;
    results(token)[PartialAttention::maximum(p.heads, p.valueDimension, at)] = maximum;
    results(token)[PartialAttention::sum(p.heads, p.valueDimension, at)] = sum;
    return 1.0f;
  }
  /// The blocks that this shard computes of those that tokens from `firstSeen` to `last` see.
  [[gnu::noinline]] BlockRange blockRange(int32_t firstSeen, int32_t last) const {
    return BlockRange{uint32_t(firstSeen) / blockPositions, uint32_t(last) / blockPositions + 1}
        .part(split, parameters.splits);
  }
  /// Whether this shard has none of the positions that a run of tokens sees.
  bool isEmpty(uint32_t first, uint32_t tokens) const {
    const BlockRange range =
        blockRange(firstPosition(position(first)), position(first + tokens - 1));
    return range.begin == range.end;
  }
  /// Says so in place of results.
  [[gnu::noinline]] void finishEmpty(uint32_t first, uint32_t tokens) const {
    for (uint32_t token = first; token < first + tokens; ++token)
      for (uint32_t head = 0; head < group; ++head)
        finish(token, head, negativeInfinity, -1);
  }
  /// The sinks of this KV head's query heads, [group]; null if there are none, or another split has
  /// them.
  CHORDAL_INLINE const float* sinks() const {
    return parameters.hasSinks && split == 0
               ? static_cast<const float*>(args->operands[6].data) + size_t(kvHead) * group
               : nullptr;
  }
  /// Keys (operand 3) or values (4) of this KV head in a block, [blockPositions][dimension].
  template <typename Element>
  CHORDAL_INLINE const typename Element::Type* cache(uint32_t operand, uint32_t block,
                                                     uint32_t dimension) const {
    const chordal_view& view = args->operands[operand];
    return reinterpret_cast<const typename Element::Type*>(static_cast<const char*>(view.data) +
                                                           block * view.row_bytes) +
           size_t(kvHead) * blockPositions * dimension;
  }
  /// The first position that a query at `position` looks at.
  CHORDAL_INLINE int32_t firstPosition(int32_t position) const {
    return window == 0 || uint32_t(position) < window ? 0 : position - int32_t(window) + 1;
  }
};

/// Fetches a block's keys and values into the cache, a little at a time, while another block is
/// computed: the hardware does not foresee the step from block to block. It does read ahead at each
/// place that is touched, so the halves of keys and of values are fetched side by side (measured
/// with two threads: half of the time that attention of one token waits).
class Prefetch {
public:
  CHORDAL_INLINE Prefetch() = default;
  /// For keyDimension and valueDimension columns of `columnBytes`, in `steps` calls of advance().
  CHORDAL_INLINE Prefetch(const void* keys, const void* values, size_t columnBytes,
                          size_t keyDimension, size_t valueDimension, size_t steps)
      : keys(static_cast<const char*>(keys)), values(static_cast<const char*>(values)),
        keyHalf(columnBytes * keyDimension / 2), valueHalf(columnBytes * valueDimension / 2),
        stride(((keyHalf > valueHalf ? keyHalf : valueHalf) / 64 / (steps + 1) + 1) * 64) {}

  CHORDAL_INLINE void advance() {
    for (const size_t end = at + stride; at < end; at += 64) {
      fetchHalves(keys, keyHalf);
      fetchHalves(values, valueHalf);
    }
  }

private:
  CHORDAL_INLINE void fetchHalves(const char* begin, size_t half) const {
    if (at >= half)
      return;
    __builtin_prefetch(begin + at, 0, 2);
    __builtin_prefetch(begin + half + at, 0, 2);
  }

  const char *keys = nullptr, *values = nullptr;
  size_t keyHalf = 0, valueHalf = 0; // bytes
  size_t stride = 0, at = 0;         // bytes, in each half
};

/// Of the keys and values of a block of this KV head.
template <typename Element>
CHORDAL_INLINE Prefetch prefetchBlock(const AttentionContext& context, uint32_t block,
                                      size_t steps) {
  const AttentionParameters& p = context.parameters;
  return Prefetch(context.cache<Element>(3, block, p.keyDimension),
                  context.cache<Element>(4, block, p.valueDimension),
                  blockPositions * sizeof(typename Element::Type), p.keyDimension, p.valueDimension,
                  steps);
}

/// What scores are taken relative to. Lanes that have seen nothing but hidden scores have a maximum
/// of -inf, and their reference is 0, so that their weights are 0 rather than NaN.
CHORDAL_INLINE Floats referenceOf(Floats maximum) {
  return maximum == negativeInfinity ? Floats{} : maximum;
}

/// One step of the online softmax (Milakov and Gimelshein 2018; Dao et al. 2022), lane by lane:
/// takes the greatest score of a block and gives what scores are taken relative to and the factor
/// of what was summed so far.
CHORDAL_INLINE void advanceMaximum(Floats blockMaximum, Floats& maximum, Floats& reference,
                                   Floats& factor) {
  Floats next = greater(blockMaximum, maximum);
  reference = referenceOf(next);
  factor = exp(maximum - reference);
  maximum = next;
}

} // namespace
} // namespace chordal::kernels
