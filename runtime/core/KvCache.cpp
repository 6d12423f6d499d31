//===- KvCache.cpp - blocks of the KV cache ---------------------------------------------------===//
//
// A block is free, or held by one or more sequences (forks). Before a sequence grows into a block
// that others hold too, it gets a copy of its own. Rings are never shared: a logical block lies in
// one as long as no later block took its place.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/KvCache.h"

#include "ir/gguf/Checked.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

namespace chordal {

static constexpr uint32_t blockPositions = CHORDAL_KV_BLOCK_POSITIONS;
static constexpr uint64_t maxBlocks = 1u << 28;

static uint32_t blocksFor(uint64_t positions) {
  return uint32_t((positions + blockPositions - 1) / blockPositions);
}

Result<KvCache> KvCache::create(std::span<const chordal_state> states,
                                const KvCacheOptions& options, const MemorySource& memory) {
  if (options.contextLength == 0 || options.contextLength > INT32_MAX)
    return Error{"KV cache: a context of " + std::to_string(options.contextLength) + " positions",
                 ErrorCode::OutOfRange};
  if (options.maxSequences == 0)
    return Error{"KV cache: no sequences", ErrorCode::OutOfRange};

  KvCache cache;
  cache.options = options;
  cache.tableStride = blocksFor(options.contextLength);
  uint64_t all = uint64_t(cache.tableStride) * options.maxSequences;
  if (all > maxBlocks)
    return Error{"KV cache: " + std::to_string(options.maxSequences) + " sequences of " +
                     std::to_string(options.contextLength) + " positions are too many",
                 ErrorCode::OutOfRange};
  if (options.blocks == 0 || options.blocks > all)
    cache.options.blocks = uint32_t(all);

  for (size_t i = 0; i < states.size(); ++i) {
    uint64_t blocks = states[i].ring_blocks ? uint64_t(states[i].ring_blocks) * options.maxSequences
                                            : cache.options.blocks;
    std::optional<uint64_t> bytes = checked::multiply(states[i].block_bytes, blocks);
    if (!bytes || blocks > maxBlocks)
      return Error{"KV cache: state " + std::to_string(i) + " is too large", ErrorCode::OutOfRange};
    Result<Reservation> reservation =
        Reservation::create(memory, *bytes, "state " + std::to_string(i) + " of the KV cache");
    if (!reservation)
      return std::move(reservation).error();
    cache.blockBytes.push_back(states[i].block_bytes);
    cache.rings.push_back({states[i].window, states[i].ring_blocks});
    cache.bases.push_back(reservation->data());
    cache.memories.push_back(*std::move(reservation));
  }
  cache.sequences.resize(options.maxSequences);
  cache.tables.resize(all);
  cache.references.resize(cache.options.blocks);
  // Low blocks are given first, so that the memory in use stays together.
  cache.freeList.resize(cache.options.blocks);
  for (uint32_t i = 0; i < cache.options.blocks; ++i)
    cache.freeList[i] = cache.options.blocks - 1 - i;
  return cache;
}

uint64_t KvCache::reservedBytes() const {
  uint64_t bytes = 0;
  for (const Reservation& memory : memories)
    bytes += memory.size();
  return bytes;
}

Result<void> KvCache::check(SequenceId sequence) const {
  if (exists(sequence))
    return {};
  return Error{"KV cache: there is no sequence " + std::to_string(sequence), ErrorCode::OutOfRange};
}

void KvCache::release(uint32_t block) {
  assert(references[block] > 0);
  if (--references[block] == 0)
    freeList.push_back(block);
}

void KvCache::releaseFrom(SequenceId sequence, uint32_t positions) {
  uint32_t* table = tables.data() + size_t(sequence) * tableStride;
  // From the last on, so that the blocks come back in the order in which they were given.
  for (uint32_t i = blocksFor(sequences[sequence].positions); i-- > blocksFor(positions);)
    release(table[i]);
  sequences[sequence].positions = positions;
  if (positions == 0)
    sequences[sequence].reached = 0;
}

/// The first logical block that is still in a ring after `reached` positions were written.
static uint32_t oldestBlock(uint32_t ringBlocks, uint32_t reached) {
  uint32_t written = blocksFor(reached);
  return written > ringBlocks ? written - ringBlocks : 0;
}

/// Whether the positions that a token at position `positions` looks at are still in a ring.
bool KvCache::retains(const Ring& ring, uint32_t reached, uint32_t positions) const {
  if (ring.blocks == 0)
    return true;
  uint32_t first = positions >= ring.window ? positions - ring.window + 1 : 0;
  return first >= positions || first / blockPositions >= oldestBlock(ring.blocks, reached);
}

uint32_t KvCache::retainable(SequenceId sequence, uint32_t positions) const {
  if (!exists(sequence))
    return 0;
  for (const Ring& ring : rings)
    if (!retains(ring, sequences[sequence].reached, positions))
      return 0;
  return positions;
}

Result<SequenceId> KvCache::createSequence() {
  for (SequenceId i = 0; i < sequences.size(); ++i)
    if (!sequences[i].used) {
      sequences[i] = {true, 0, 0};
      return i;
    }
  return Error{"KV cache: all " + std::to_string(sequences.size()) + " sequences are in use",
               ErrorCode::Full};
}

Result<SequenceId> KvCache::fork(SequenceId sequence) {
  if (Result<void> known = check(sequence); !known)
    return known.error();
  Result<SequenceId> created = createSequence();
  if (!created)
    return created;
  uint32_t positions = sequences[sequence].positions;
  const uint32_t* from = blockTable(sequence);
  uint32_t* to = tables.data() + size_t(*created) * tableStride;
  for (uint32_t i = 0; i < blocksFor(positions); ++i) {
    to[i] = from[i];
    ++references[to[i]];
  }
  for (size_t i = 0; i < bases.size(); ++i) {
    uint32_t ring = rings[i].blocks;
    if (ring == 0)
      continue;
    for (uint32_t block = oldestBlock(ring, sequences[sequence].reached);
         block < blocksFor(positions); ++block) {
      auto at = [&](SequenceId id) {
        return bases[i] + (uint64_t(id) * ring + block % ring) * blockBytes[i];
      };
      std::memcpy(at(*created), at(sequence), blockBytes[i]);
    }
  }
  sequences[*created] = sequences[sequence];
  return created;
}

Result<void> KvCache::freeSequence(SequenceId sequence) {
  if (Result<void> known = check(sequence); !known)
    return known;
  releaseFrom(sequence, 0);
  sequences[sequence].used = false;
  return {};
}

Result<void> KvCache::extend(SequenceId sequence, uint32_t count) {
  if (Result<void> known = check(sequence); !known)
    return known;
  uint32_t begin = sequences[sequence].positions;
  if (count > options.contextLength - begin)
    return Error{"the context is full: " + std::to_string(count) + " tokens do not fit behind " +
                     std::to_string(begin) + " of " + std::to_string(options.contextLength) +
                     " positions",
                 ErrorCode::Full};
  if (count == 0)
    return {};
  uint32_t* table = tables.data() + size_t(sequence) * tableStride;
  uint32_t held = blocksFor(begin);
  uint32_t wanted = blocksFor(uint64_t(begin) + count);
  // The last block held is written if it is not full; if others hold it too, it needs a copy.
  bool copy = begin % blockPositions != 0 && references[table[held - 1]] > 1;
  if (wanted - held + copy > freeList.size())
    return Error{"the KV cache is full: " + std::to_string(wanted - held + copy) +
                     " more blocks are needed, " + std::to_string(freeList.size()) + " of " +
                     std::to_string(options.blocks) + " are free",
                 ErrorCode::Full};
  auto take = [&] {
    uint32_t block = freeList.back();
    freeList.pop_back();
    references[block] = 1;
    return block;
  };
  if (copy) {
    uint32_t old = table[held - 1];
    uint32_t block = take();
    for (size_t i = 0; i < bases.size(); ++i)
      if (rings[i].blocks == 0)
        std::memcpy(bases[i] + block * blockBytes[i], bases[i] + old * blockBytes[i],
                    blockBytes[i]);
    release(old);
    table[held - 1] = block;
  }
  for (uint32_t i = held; i < wanted; ++i)
    table[i] = take();
  Sequence& grown = sequences[sequence];
  grown.positions = begin + count;
  grown.reached = std::max(grown.reached, grown.positions);
  return {};
}

Result<void> KvCache::truncate(SequenceId sequence, uint32_t positions) {
  if (Result<void> known = check(sequence); !known)
    return known;
  if (positions > sequences[sequence].positions)
    return Error{"KV cache: sequence " + std::to_string(sequence) + " has " +
                     std::to_string(sequences[sequence].positions) +
                     " positions and cannot be cut to " + std::to_string(positions),
                 ErrorCode::OutOfRange};
  if (retainable(sequence, positions) != positions)
    return Error{"KV cache: sequence " + std::to_string(sequence) + " cannot be cut from " +
                     std::to_string(sequences[sequence].positions) + " to " +
                     std::to_string(positions) +
                     " positions: layers with a sliding window keep the last positions only, and " +
                     "those before position " + std::to_string(positions) +
                     " are gone; cut it to 0 and evaluate its tokens again",
                 ErrorCode::OutOfRange};
  releaseFrom(sequence, positions);
  return {};
}

} // namespace chordal
