//===- KvCacheTest.cpp - blocks of the KV cache -----------------------------------------------===//
//
// A random history of a cache is followed beside a plain model of it: every position of every
// sequence must keep what was written, whatever is shared, copied or given back.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/KvCache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

using namespace chordal;

namespace {

constexpr uint32_t blockPositions = CHORDAL_KV_BLOCK_POSITIONS;

std::vector<chordal_state> makeStates() {
  return {{0, CHORDAL_F32, 1, 1, 256, 0, 0}, {0, CHORDAL_F32, 2, 1, 512, 0, 0}};
}

uint32_t* cell(const KvCache& cache, SequenceId sequence, size_t state, uint32_t position) {
  uint32_t block = cache.blockTable(sequence)[position / blockPositions];
  std::byte* data = cache.stateData()[state] + block * makeStates()[state].block_bytes;
  return reinterpret_cast<uint32_t*>(data) + position % blockPositions;
}

TEST(KvCache, RefusesBadOptions) {
  auto states = makeStates();
  EXPECT_FALSE(KvCache::create(states, {0, 1, 0}, heapMemory()));
  EXPECT_FALSE(KvCache::create(states, {100, 0, 0}, heapMemory()));
  EXPECT_FALSE(KvCache::create(states, {INT32_MAX, UINT32_MAX, 0}, heapMemory()));
  states[0].block_bytes = ~0ull / 2;
  EXPECT_FALSE(KvCache::create(states, {1000, 1, 0}, heapMemory()));
  MemorySource none = heapMemory();
  none.reserve = [](void*, uint64_t) -> void* { return nullptr; };
  Result<KvCache> cache = KvCache::create(makeStates(), {100, 1, 0}, none);
  ASSERT_FALSE(cache);
  EXPECT_NE(cache.error().message.find("state 0 of the KV cache"), std::string::npos);
}

TEST(KvCache, IsFullAtTheContext) {
  Result<KvCache> cache = KvCache::create(makeStates(), {100, 2, 0}, heapMemory());
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->totalBlocks(), 4u);
  SequenceId sequence = *cache->createSequence();
  EXPECT_TRUE(cache->extend(sequence, 100));
  Result<void> full = cache->extend(sequence, 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::Full);
  EXPECT_EQ(cache->positions(sequence), 100u);
  ASSERT_TRUE(cache->extend(sequence, 0));
  ASSERT_TRUE(cache->createSequence());
  Result<SequenceId> third = cache->createSequence();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::Full);
}

TEST(KvCache, IsFullWhenBlocksRunOut) {
  Result<KvCache> cache = KvCache::create(makeStates(), {1000, 2, 3}, heapMemory());
  ASSERT_TRUE(cache);
  SequenceId first = *cache->createSequence(), second = *cache->createSequence();
  ASSERT_TRUE(cache->extend(first, 128));
  Result<void> full = cache->extend(second, 65);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::Full);
  EXPECT_EQ(cache->positions(second), 0u);
  EXPECT_EQ(cache->freeBlocks(), 1u);
  ASSERT_TRUE(cache->truncate(first, 64));
  EXPECT_TRUE(cache->extend(second, 65));
}

TEST(KvCache, RefusesUnknownSequences) {
  Result<KvCache> cache = KvCache::create(makeStates(), {100, 2, 0}, heapMemory());
  ASSERT_TRUE(cache);
  EXPECT_FALSE(cache->extend(0, 1));
  EXPECT_FALSE(cache->truncate(7, 0));
  EXPECT_FALSE(cache->fork(0));
  EXPECT_FALSE(cache->freeSequence(2));
  SequenceId sequence = *cache->createSequence();
  ASSERT_TRUE(cache->freeSequence(sequence));
  EXPECT_FALSE(cache->freeSequence(sequence));
  EXPECT_FALSE(cache->truncate(*cache->createSequence(), 1));
}

TEST(KvCache, KeepsEverySequence) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto upTo = [&](uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n)(random); };
  constexpr uint32_t context = 500, maxSequences = 6, blocks = 24;
  Result<KvCache> created =
      KvCache::create(makeStates(), {context, maxSequences, blocks}, heapMemory());
  ASSERT_TRUE(created);
  KvCache cache = *std::move(created);
  std::map<SequenceId, std::vector<uint32_t>> model;
  std::map<SequenceId, const uint32_t*> addresses;
  uint32_t value = 1;
  auto any = [&] { return std::next(model.begin(), upTo(uint32_t(model.size()) - 1)); };
  for (int i = 0; i < 5000; ++i) {
    uint32_t what = upTo(9);
    if (what == 0 || (what == 1 && !model.empty())) {
      SequenceId parent = what == 1 ? any()->first : 0;
      Result<SequenceId> id = what == 0 ? cache.createSequence() : cache.fork(parent);
      EXPECT_EQ(id.ok(), model.size() < maxSequences);
      if (id) {
        ASSERT_FALSE(model.count(*id));
        model[*id] = what == 1 ? model[parent] : std::vector<uint32_t>();
        if (addresses.count(*id)) {
          ASSERT_EQ(addresses[*id], cache.blockTable(*id)) << "the table moved";
        }
        addresses[*id] = cache.blockTable(*id);
      }
    } else if (model.empty()) {
      continue;
    } else if (what == 2) {
      auto gone = any();
      ASSERT_TRUE(cache.freeSequence(gone->first));
      model.erase(gone);
    } else if (what <= 4) {
      auto it = any();
      uint32_t keep = upTo(uint32_t(it->second.size()));
      ASSERT_TRUE(cache.truncate(it->first, keep));
      it->second.resize(keep);
    } else {
      auto it = any();
      uint32_t count = upTo(upTo(3) ? 20 : 150), before = uint32_t(it->second.size());
      uint32_t free = cache.freeBlocks();
      if (Result<void> grown = cache.extend(it->first, count); !grown) {
        EXPECT_EQ(grown.error().code, ErrorCode::Full);
        EXPECT_EQ(cache.freeBlocks(), free);
        EXPECT_EQ(cache.positions(it->first), before);
      } else {
        for (uint32_t k = 0; k < count; ++k) {
          it->second.push_back(value);
          for (size_t state = 0; state < 2; ++state)
            *cell(cache, it->first, state, before + k) = value + uint32_t(state);
          ++value;
        }
      }
    }
    for (const auto& [id, values] : model) {
      ASSERT_EQ(cache.positions(id), values.size());
      for (uint32_t k = 0; k < values.size(); ++k)
        for (size_t state = 0; state < 2; ++state)
          ASSERT_EQ(*cell(cache, id, state, k), values[k] + state)
              << "sequence " << id << " at " << k;
    }
  }
  while (!model.empty()) {
    ASSERT_TRUE(cache.freeSequence(model.begin()->first));
    model.erase(model.begin());
  }
  EXPECT_EQ(cache.freeBlocks(), cache.totalBlocks());
}

// States that keep a window: whatever happens, the next step finds what it looks at.
TEST(KvCache, KeepsTheWindowsOfEverySequence) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto upTo = [&](uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n)(random); };
  constexpr uint32_t context = 2000, maxSequences = 4;
  const uint32_t tokens = 30 + upTo(50);
  std::vector<chordal_state> states = makeStates();
  for (chordal_state& state : states) {
    state.window = 1 + upTo(200);
    state.ring_blocks = uint32_t(CHORDAL_RING_BLOCKS(state.window, tokens));
  }
  Result<KvCache> full = KvCache::create(makeStates(), {context, maxSequences, 0}, heapMemory());
  Result<KvCache> created = KvCache::create(states, {context, maxSequences, 0}, heapMemory());
  ASSERT_TRUE(full && created);
  EXPECT_LT(created->reservedBytes(), full->reservedBytes());
  KvCache cache = *std::move(created);
  auto ringCell = [&](SequenceId id, size_t state, uint32_t position) {
    uint32_t ring = states[state].ring_blocks;
    std::byte* data = cache.stateData()[state] +
                      (id * ring + position / blockPositions % ring) * states[state].block_bytes;
    return reinterpret_cast<uint32_t*>(data) + position % blockPositions;
  };
  struct Expected {
    std::vector<uint32_t> values;
    size_t reached = 0;
  };
  std::map<SequenceId, Expected> model;
  uint32_t value = 1, refused = 0;
  for (int i = 0; i < 5000; ++i) {
    uint32_t what = upTo(19);
    if (model.empty() || (what <= 1 && model.size() < maxSequences)) {
      bool isFork = what == 1 && !model.empty();
      SequenceId parent = isFork ? model.begin()->first : 0;
      Result<SequenceId> id = isFork ? cache.fork(parent) : cache.createSequence();
      ASSERT_TRUE(id);
      model[*id] = isFork ? model[parent] : Expected();
      continue;
    }
    auto it = std::next(model.begin(), upTo(uint32_t(model.size()) - 1));
    auto& [values, reached] = it->second;
    if (what == 2 && upTo(3) == 0) {
      ASSERT_TRUE(cache.freeSequence(it->first));
      model.erase(it);
    } else if (what <= 5) {
      auto size = uint32_t(values.size());
      uint32_t keep = upTo(9) == 0 ? 0 : size - std::min(size, upTo(upTo(1) ? tokens : size));
      uint32_t retainable = cache.retainable(it->first, keep);
      Result<void> cut = cache.truncate(it->first, keep);
      ASSERT_EQ(cut.ok(), retainable == keep);
      if (cut) {
        values.resize(keep);
        reached = keep == 0 ? 0 : reached;
      } else {
        ++refused;
        ASSERT_EQ(retainable, 0u);
        ASSERT_LT(keep + tokens, reached) << "what a failed step appends can be cut off";
        ASSERT_NE(cut.error().message.find("sliding window"), std::string::npos);
      }
    } else {
      auto before = uint32_t(values.size());
      uint32_t count = std::min(1 + upTo(tokens - 1), context - before);
      ASSERT_TRUE(cache.extend(it->first, count));
      for (uint32_t k = before; k < before + count; ++k, ++value) {
        values.push_back(value);
        for (size_t state = 0; state < 2; ++state)
          *ringCell(it->first, state, k) = value + uint32_t(state);
      }
      // What the first of these tokens looks at is still there, whatever the others wrote.
      for (size_t state = 0; state < 2; ++state)
        for (uint32_t k = before - std::min(before, states[state].window - 1); k < before; ++k)
          ASSERT_EQ(*ringCell(it->first, state, k), values[k] + state);
      reached = std::max(reached, values.size());
    }
    for (const auto& [id, expected] : model) {
      auto size = uint32_t(expected.values.size());
      ASSERT_EQ(cache.positions(id), size);
      for (size_t state = 0; state < 2; ++state)
        for (uint32_t k = size - std::min(size, states[state].window - 1); k < size; ++k)
          ASSERT_EQ(*ringCell(id, state, k), expected.values[k] + state)
              << "sequence " << id << " at " << k;
    }
  }
  EXPECT_GT(refused, 0u);
}

} // namespace
