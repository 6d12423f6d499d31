//===- MemoryTest.cpp - address space, weights and threads ------------------------------------===//
//
// Reserved memory costs nothing until it is touched; weights lie within their file; the default
// number of threads follows the control groups.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Memory.h"
#include "runtime/core/KvCache.h"
#include "runtime/tbb/Threads.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

using namespace chordal;

namespace {

TEST(Memory, CostsNothingUntilTouched) {
  // The KV cache of 80 layers at 128 thousand positions, of 64 sequences: 2.5 TiB.
  std::vector<chordal_state> states(160, {0, CHORDAL_F16, 8, 128, 8 * 64 * 128 * 2, 0, 0});
  Result<KvCache> cache = KvCache::create(states, {131072, 64, 0}, systemMemory());
  ASSERT_TRUE(cache) << cache.error().message;
  EXPECT_GT(cache->reservedBytes(), uint64_t(2) << 40);
  SequenceId sequence = *cache->createSequence();
  ASSERT_TRUE(cache->extend(sequence, 100));
  uint64_t each = uint64_t(cache->totalBlocks()) * states[0].block_bytes;
  EXPECT_EQ(residentBytes(cache->stateData()[7], each), 0u);
  uint32_t block = cache->blockTable(sequence)[1];
  std::memset(cache->stateData()[7] + block * states[0].block_bytes, 1, 100);
  EXPECT_EQ(residentBytes(cache->stateData()[7], each), pageSize());
}

TEST(Memory, RoundsToPages) {
  EXPECT_EQ(roundToPages(0), 0u);
  EXPECT_EQ(roundToPages(1), pageSize());
  EXPECT_EQ(roundToPages(pageSize()), pageSize());
}

/// A GGUF file with one tensor "w" of F32 [32].
std::vector<std::byte> makeFile() {
  std::string file = "GGUF";
  auto put = [&](auto value) { file.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(uint32_t(3));
  put(uint64_t(1)); // tensors
  put(uint64_t(0)); // keys
  put(uint64_t(1));
  file += 'w';
  put(uint32_t(1));
  put(uint64_t(32));
  put(uint32_t(0));
  put(uint64_t(0));
  file.resize((file.size() + 31) / 32 * 32);
  for (int i = 0; i < 32; ++i)
    put(float(i));
  std::vector<std::byte> bytes(file.size());
  std::memcpy(bytes.data(), file.data(), file.size());
  return bytes;
}

TEST(Weights, LieWithinTheirFile) {
  std::vector<std::byte> bytes = makeFile();
  Result<gguf::View> model = gguf::View::parse(bytes, "tiny");
  ASSERT_TRUE(model) << model.error().message;
  const gguf::Tensor& tensor = model->tensors()[0];
  Program program;
  program.weights.push_back({program.addString("w"), 0, 0, 0, tensor.offset, 128, 1, 32});
  auto spans = resolveWeights(program, *model);
  ASSERT_TRUE(spans) << spans.error().message;
  EXPECT_EQ(spans->at(0).data(), tensor.data.data());
  EXPECT_EQ(spans->at(0).size(), 128u);

  chordal_weight& weight = program.weights[0];
  for (auto [offset, size] : {std::pair<uint64_t, uint64_t>{tensor.offset + 1, 128},
                              {bytes.size() + 1, 0},
                              {tensor.offset, ~0ull},
                              {~0ull, 128}}) {
    weight.offset = offset;
    weight.bytes = size;
    spans = resolveWeights(program, *model);
    ASSERT_FALSE(spans) << offset << " " << size;
    EXPECT_NE(spans.error().message.find("weight 'w'"), std::string::npos);
  }
  weight = {0, 0, 1, 0, tensor.offset, 128, 1, 32};
  spans = resolveWeights(program, *model);
  ASSERT_FALSE(spans);
  EXPECT_NE(spans.error().message.find("tiny has 1"), std::string::npos) << spans.error().message;
}

struct FakeRoot {
  std::filesystem::path path;
  FakeRoot() {
    std::string name = testing::TempDir() + "chordal-root-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(path); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
};

TEST(Threads, FollowCgroupVersion2) {
  FakeRoot root;
  EXPECT_EQ(cgroupCpuQuota(root.path), std::nullopt);
  root.write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(cgroupCpuQuota(root.path), std::nullopt);
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroupCpuQuota(root.path), std::nullopt);
  root.write("sys/fs/cgroup/a/cpu.max", "350000 100000\n");
  EXPECT_EQ(cgroupCpuQuota(root.path), 3.5);
  root.write("sys/fs/cgroup/cpu.max", "50000 100000\n"); // a container sees its own as the root
  EXPECT_EQ(cgroupCpuQuota(root.path), 0.5);
  root.write("sys/fs/cgroup/cpu.max", "garbage");
  EXPECT_EQ(cgroupCpuQuota(root.path), 3.5);
}

TEST(Threads, FollowCgroupVersion1) {
  FakeRoot root;
  root.write("proc/self/cgroup", "3:memory:/m\n4:cpu,cpuacct:/x/y\nbroken\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroupCpuQuota(root.path), std::nullopt);
  root.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroupCpuQuota(root.path), 2.0);
}

TEST(Threads, AreAtLeastOne) {
  EXPECT_GE(availableThreads(), 1u);
}

} // namespace
