//===- KvCache.h - storage of keys and values -------------------------------------------------===//
//
// Keys and values are kept in blocks of CHORDAL_KV_BLOCK_POSITIONS positions. A sequence has one
// table of physical blocks, which all states (K and V of every layer) share: physical block b of a
// state lies at its base + b * block_bytes. Blocks are given as a sequence grows and return when it
// is truncated or freed; forks share blocks until one of them writes.
//
// A state with a window (chordal_state) keeps only its last blocks: each sequence has a ring of its
// own there, at slot * ring_blocks, the slot being its id. What lies before the window is written
// over, so a sequence cannot be cut back by more than the rings still hold, and forks copy them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/MemorySource.h"
#include "runtime/program.h"

#include <cstdint>
#include <span>
#include <vector>

namespace chordal {

/// Names a sequence of a cache; free ids are used again.
using SequenceId = uint32_t;

struct KvCacheOptions {
  uint32_t contextLength = 0; ///< the most positions of a sequence
  uint32_t maxSequences = 1;  ///< sequences that exist at once
  uint32_t blocks = 0;        ///< physical blocks; 0: enough for every sequence to be full
};

/// Not thread-safe, and not to be changed while a step runs.
class KvCache {
public:
  /// Reserves the addresses for all blocks of all states; nothing is touched. Errors: no context,
  /// no sequences, sizes beyond the address space, no memory.
  static Result<KvCache> create(std::span<const chordal_state> states,
                                const KvCacheOptions& options, const MemorySource& memory);

  uint32_t contextLength() const { return options.contextLength; }
  uint32_t maxSequences() const { return options.maxSequences; }
  uint32_t totalBlocks() const { return options.blocks; }
  uint32_t freeBlocks() const { return uint32_t(freeList.size()); }
  uint32_t blocksPerSequence() const { return tableStride; }

  /// Base addresses, one for each state; fixed for the cache's life.
  std::span<std::byte* const> stateData() const { return bases; }
  /// Bytes of addresses reserved.
  uint64_t reservedBytes() const;

  /// A new, empty sequence. Errors: ErrorCode::Full when maxSequences exist.
  Result<SequenceId> createSequence();
  /// A new sequence with the content of another. Errors: as createSequence; an unknown sequence.
  Result<SequenceId> fork(SequenceId sequence);
  Result<void> freeSequence(SequenceId sequence);

  /// Room for `count` more positions at the sequence's end. Blocks that are shared and would be
  /// written are copied. Errors, which leave all as it was: ErrorCode::Full when the context or the
  /// blocks are used up; an unknown sequence.
  Result<void> extend(SequenceId sequence, uint32_t count);
  /// Keeps the first `positions` positions. Errors: an unknown sequence, or one shorter than that;
  /// the window of the next position is no longer there, see retainable().
  Result<void> truncate(SequenceId sequence, uint32_t positions);
  /// How many of the first `positions` positions truncate() can keep: all of them, or 0 if the
  /// window of the next one was written over.
  uint32_t retainable(SequenceId sequence, uint32_t positions) const;

  bool exists(SequenceId sequence) const {
    return sequence < sequences.size() && sequences[sequence].used;
  }
  /// Positions of a sequence; 0 if it does not exist.
  uint32_t positions(SequenceId sequence) const {
    return exists(sequence) ? sequences[sequence].positions : 0;
  }
  /// The sequence's table of physical blocks; at a fixed address for the cache's life.
  const uint32_t* blockTable(SequenceId sequence) const {
    return tables.data() + size_t(sequence) * tableStride;
  }

private:
  struct Sequence {
    bool used = false;
    uint32_t positions = 0;
    uint32_t reached = 0; ///< the most positions since it was last empty: what the rings have seen
  };

  struct Ring {
    uint32_t window, blocks; ///< 0: the state has none
  };

  Result<void> check(SequenceId sequence) const;
  bool retains(const Ring& ring, uint32_t reached, uint32_t positions) const;
  void release(uint32_t block);
  void releaseFrom(SequenceId sequence, uint32_t positions);

  KvCacheOptions options;
  uint32_t tableStride = 0;
  std::vector<uint64_t> blockBytes; ///< of each state
  std::vector<Ring> rings;          ///< of each state
  std::vector<Reservation> memories;
  std::vector<std::byte*> bases;
  std::vector<Sequence> sequences;
  std::vector<uint32_t> tables;     ///< [maxSequences][tableStride]
  std::vector<uint32_t> references; ///< sequences that hold a block
  std::vector<uint32_t> freeList;   ///< the next block to give is the last
};

} // namespace chordal
