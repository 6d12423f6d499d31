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
  return {{0, CHORDAL_F32, 1, 1, 256}, {0, CHORDAL_F32, 2, 1, 512}};
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

} // namespace
