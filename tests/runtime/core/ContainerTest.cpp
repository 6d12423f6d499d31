//===- ContainerTest.cpp - containers: written, read back, damaged ----------------------------===//
#include "runtime/core/Container.h"
#include "tests/runtime/core/TestPrograms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace chordal {
namespace {

std::vector<std::byte> bytesOf(std::string_view text) {
  auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

/// A container with everything, behind `prefix` bytes of something else.
std::vector<std::byte> makeFile(size_t prefix, const std::vector<std::vector<std::byte>>& weights) {
  std::vector<std::byte> file(prefix, std::byte(0x55));
  ContainerWriter writer(
      [&](const void* data, size_t size) -> Result<void> {
        auto* begin = static_cast<const std::byte*>(data);
        file.insert(file.end(), begin, begin + size);
        return {};
      },
      62, prefix);
  std::vector<std::span<const std::byte>> spans(weights.begin(), weights.end());
  ContainerIdentity identity{42, 0};
  EXPECT_TRUE(writer.begin().ok());
  EXPECT_TRUE(
      writer.section(SectionKind::Identity, 0, std::as_bytes(std::span(&identity, 1))).ok());
  EXPECT_TRUE(writer.section(SectionKind::Metadata, 0, bytesOf("metadata")).ok());
  EXPECT_TRUE(writer.section(SectionKind::PlannedIr, 3, bytesOf("module {}")).ok());
  EXPECT_TRUE(writer.weights(spans, [] { return false; }).ok());
  EXPECT_TRUE(writer.finish().ok());
  return file;
}

std::vector<std::vector<std::byte>> someWeights() {
  std::vector<std::vector<std::byte>> weights;
  for (size_t size : {100, 70000, 1, 131072, 0})
    weights.push_back(std::vector<std::byte>(size, std::byte(weights.size() + 1)));
  return weights;
}

// The values of the specification's own test vectors.
TEST(Checksum, AgreesWithTheSpecification) {
  EXPECT_EQ(Checksum::of({}), 0xEF46DB3751D8E999u);
  EXPECT_EQ(Checksum::of(bytesOf("a")), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(Checksum::of(bytesOf("abc")), 0x44BC2CF5AD770999u);
  EXPECT_EQ(
      Checksum::of(bytesOf("Call me Ishmael. Some years ago--never mind how long precisely-")),
      0x02A2E85470D6FD96u);
}

TEST(Checksum, DoesNotDependOnThePieces) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::byte> data(1000);
  for (auto& byte : data)
    byte = std::byte(random());
  Checksum pieces;
  for (size_t at = 0; at < data.size();) {
    size_t size = std::min<size_t>(random() % 70, data.size() - at);
    pieces.update(data.data() + at, size);
    at += size;
  }
  EXPECT_EQ(pieces.finish(), Checksum::of(data));
}

TEST(Container, ReadsBackWhatWasWritten) {
  auto weights = someWeights();
  auto file = makeFile(12345, weights);
  auto container = Container::open(file, "test");
  ASSERT_TRUE(container.ok()) << container.error().message;
  EXPECT_EQ(container->architecture(), 62u);
  EXPECT_EQ(container->identity().program, 42u);
  EXPECT_EQ(container->weightFile(), "");
  auto metadata = container->section(SectionKind::Metadata);
  ASSERT_TRUE(metadata.ok());
  EXPECT_TRUE(std::ranges::equal(*metadata, bytesOf("metadata")));
  ASSERT_EQ(container->weightCount(), weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(container->weight(i), weights[i])) << i;
    EXPECT_TRUE(container->weightIsIntact(i));
    if (weights[i].size() >= 65536)
      EXPECT_EQ(size_t(container->weight(i).data() - file.data()) % weightPageAlignment, 0u);
  }
  EXPECT_FALSE(container->section(SectionKind::Object).ok());
}

TEST(Container, SameInputGivesTheSameBytes) {
  EXPECT_EQ(makeFile(1, someWeights()), makeFile(1, someWeights()));
}

TEST(Container, EveryTruncationIsDetected) {
  auto file = makeFile(1000, someWeights());
  std::mt19937_64 random(std::random_device{}());
  for (size_t keep : {size_t(0), size_t(1), size_t(63), size_t(64), size_t(1000), file.size() / 2,
                      file.size() - 64, file.size() - 1, size_t(random() % file.size())})
    EXPECT_FALSE(Container::open(std::span(file).first(keep), "test").ok()) << keep;
  // Bytes missing at the front: the end is whole, but not what it speaks of.
  for (size_t drop : {size_t(70000), file.size() - 64, file.size() - 1000})
    EXPECT_FALSE(Container::open(std::span(file).subspan(drop), "test").ok()) << drop;
}

TEST(Container, EveryChangeIsDetected) {
  auto weights = someWeights();
  const auto intact = makeFile(0, weights);
  uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  auto original = Container::open(intact, "test");
  ASSERT_TRUE(original.ok());
  // All that is not padding: each byte of the sections, of the directory and of the trailer (64
  // bytes), but of a weight one.
  std::vector<size_t> places;
  auto addAll = [&](size_t offset, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
      places.push_back(offset + i);
  };
  for (const ContainerSection& section : original->sections())
    if (section.kind != SectionKind::Weights)
      addAll(section.offset, section.bytes);
  for (size_t i = 0; i < original->weightCount(); ++i)
    if (auto weight = original->weight(i); !weight.empty())
      places.push_back(size_t(weight.data() - intact.data()) + random() % weight.size());
  const size_t end = original->sections().size_bytes() + 64;
  addAll(intact.size() - end, end);
  for (size_t place : places) {
    auto file = intact;
    file[place] ^= std::byte(1 << random() % 8);
    auto container = Container::open(file, "test");
    bool detected = !container.ok();
    if (!detected) {
      for (const ContainerSection& section : container->sections())
        if (section.kind != SectionKind::Weights)
          detected |= !container->section(section.kind, section.level).ok();
      for (size_t i = 0; i < container->weightCount(); ++i)
        detected |= !container->weightIsIntact(i);
    }
    EXPECT_TRUE(detected) << place;
  }
}

TEST(Container, OffsetsBeyond4GiB) {
  // Sizes only: no such memory is needed to place weights.
  std::vector<uint64_t> sizes{100, uint64_t(5) << 30, uint64_t(3) << 30, 64};
  auto placement = placeWeights(sizes);
  ASSERT_TRUE(placement.has_value());
  EXPECT_EQ(placement->offsets[3], 128u);
  EXPECT_EQ(placement->offsets[1], weightPageAlignment);
  EXPECT_EQ(placement->offsets[2], weightPageAlignment + (uint64_t(5) << 30));
  EXPECT_EQ(placement->bytes, weightPageAlignment + (uint64_t(8) << 30));
  std::vector<uint64_t> tooLarge{~uint64_t(0) - 100, ~uint64_t(0) - 100};
  EXPECT_FALSE(placeWeights(tooLarge).has_value());
}

TEST(Container, TablesReadBackAndStayTheSame) {
  Program program = test::makeRecall();
  std::vector<std::byte> stored = writeProgram(program);
  auto read = readProgram(stored);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->tasks.size(), program.tasks.size());
  EXPECT_EQ(read->strings, program.strings);
  EXPECT_EQ(read->kernelNames, program.kernelNames);
  EXPECT_EQ(writeProgram(*read), stored);
}

TEST(Container, DamagedTablesAreErrors) {
  EXPECT_FALSE(readProgram(writeProgram(Program())).ok()); // a program without buckets is none
  std::vector<std::byte> stored = writeProgram(test::makeRecall());
  for (size_t size = 0; size < stored.size(); size += 4)
    EXPECT_FALSE(readProgram(std::span(stored).first(size)).ok()) << size;
  stored.resize(stored.size() + 8);
  EXPECT_FALSE(readProgram(stored).ok());
}

} // namespace
} // namespace chordal
