//===- SplitTest.cpp - opening files and split models -----------------------------------------===//

#include "tests/ir/gguf/GgufBuilder.h"

#include "ir/gguf/View.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace chordal;
using namespace chordal::gguf;

namespace {

/// A folder of the test's own, removed at its end.
class Files : public ::testing::Test {
protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             ("gguf_" + std::string(info->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  std::string shard(int index, int count = 3) const {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05d-of-%05d.gguf", index + 1, count);
    return path(name);
  }

  /// A shard as llama.cpp's splitting tool writes it: metadata in the first one only.
  static GgufBuilder makeShard(int index, int count = 3) {
    GgufBuilder builder;
    if (index == 0)
      builder.set("general.architecture", "llama");
    builder.set("split.no", uint16_t(index)).set("split.count", uint16_t(count));
    builder.set("split.tensors.count", int32_t(2 * count));
    float number = float(index);
    builder.tensorF32("t" + std::to_string(2 * index), {2}, {number, 1});
    builder.tensorF32("t" + std::to_string(2 * index + 1), {1}, {number});
    return builder;
  }
  void writeShards() {
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(makeShard(i).write(shard(i)));
  }
  static void expectError(const std::string& file, const std::string& message, ErrorCode code) {
    Result<View> view = View::open(file);
    ASSERT_FALSE(view.ok()) << "accepted, instead of: " << message;
    EXPECT_EQ(view.error().message, message);
    EXPECT_EQ(view.error().code, code);
  }

  std::filesystem::path folder;
};

// Tests that naming any shard opens them all.
TEST_F(Files, AnyShardOpensAll) {
  writeShards();
  for (int given = 0; given < 3; ++given) {
    Result<View> view = View::open(shard(given));
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ(view->name(), shard(given));
    EXPECT_EQ(view->shardCount(), 3u);
    EXPECT_EQ(*view->getString("general.architecture"), "llama");
    ASSERT_EQ(view->tensors().size(), 6u);
    for (uint32_t i = 0; i < 6; ++i) {
      const Tensor* tensor = view->findTensor("t" + std::to_string(i));
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->shard, i / 2);
      EXPECT_EQ(view->shardPath(tensor->shard), shard(int(i / 2)));
      EXPECT_EQ(tensor->data.data(), view->shardBytes(i / 2).data() + tensor->offset);
      float first;
      std::memcpy(&first, tensor->data.data(), sizeof first);
      EXPECT_EQ(first, float(i / 2));
    }
  }
}

// Tests that the mapping outlives the moving of its view.
TEST_F(Files, SingleFile) {
  ASSERT_TRUE(GgufBuilder().set("k", "v").tensorF32("t", {1}, {4}).write(path("m.gguf")));
  Result<View> view = View::open(path("m.gguf"));
  ASSERT_TRUE(view.ok()) << view.error().message;
  View moved = std::move(*view);
  EXPECT_EQ(*moved.getString("k"), "v");
  EXPECT_EQ(moved.shardCount(), 1u);
  EXPECT_EQ(moved.shardBytes(0).size(), std::filesystem::file_size(path("m.gguf")));
}

// Tests the models that say they are split into none or one.
TEST_F(Files, NotReallySplit) {
  for (int count : {0, 1}) {
    ASSERT_TRUE(makeShard(0, count).write(path("merged.gguf")));
    Result<View> view = View::open(path("merged.gguf"));
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ(view->shardCount(), 1u);
  }
}

TEST_F(Files, CannotOpen) {
  expectError(path("absent.gguf"),
              path("absent.gguf") + ": cannot open the file: No such file or directory",
              ErrorCode::Missing);
  expectError(folder.string(),
              folder.string() + ": this is not a regular file; a GGUF file is needed",
              ErrorCode::Io);
  std::ofstream(path("empty.gguf"));
  expectError(path("empty.gguf"), path("empty.gguf") + ": the file is empty", ErrorCode::Malformed);
}

TEST_F(Files, MissingShard) {
  writeShards();
  std::filesystem::remove(shard(1));
  expectError(shard(2),
              shard(1) + ": shard 2 of 3 of the model is missing; all shards must be in one folder",
              ErrorCode::Missing);
}

TEST_F(Files, WrongNames) {
  ASSERT_TRUE(makeShard(1).write(path("renamed.gguf")));
  expectError(path("renamed.gguf"),
              path("renamed.gguf") +
                  ": this is one of 3 shards, but its name does not end in '-00002-of-00003.gguf', "
                  "so the others cannot be found; give the files their original names",
              ErrorCode::Malformed);
  ASSERT_TRUE(makeShard(3).write(shard(2)));
  expectError(shard(2),
              shard(2) +
                  ": this is one of 3 shards, but its metadata key 'split.no' is missing or too "
                  "large",
              ErrorCode::Malformed);
  writeShards();
  ASSERT_TRUE(makeShard(0).write(shard(1)));
  expectError(shard(0), shard(1) + ": metadata key 'split.no' is 0 in shard 2 of 3; it must be 1",
              ErrorCode::Malformed);
  ASSERT_TRUE(
      GgufBuilder().set("split.count", uint16_t(3)).tensorF32("x", {1}, {1}).write(shard(1)));
  expectError(shard(0),
              shard(1) + ": metadata key 'split.no' is missing in shard 2 of 3; it must be 1",
              ErrorCode::Malformed);
  ASSERT_TRUE(makeShard(1, 4).write(shard(1)));
  expectError(shard(0), shard(1) + ": metadata key 'split.count' says 4 shards, but there are 3",
              ErrorCode::Malformed);
}

TEST_F(Files, BadShard) {
  writeShards();
  std::ofstream(shard(1), std::ios::binary) << "GGUX";
  expectError(shard(0),
              shard(1) +
                  ": byte 0: this is not a GGUF file: it starts with 'GGUX' instead of 'GGUF'",
              ErrorCode::Malformed);
}

TEST_F(Files, DuplicateTensorAcrossShards) {
  writeShards();
  ASSERT_TRUE(GgufBuilder()
                  .set("split.no", uint16_t(2))
                  .set("split.count", uint16_t(3))
                  .tensorF32("t1", {1}, {1})
                  .write(shard(2)));
  Result<View> view = View::open(shard(0));
  ASSERT_FALSE(view.ok());
  uint64_t offset = std::filesystem::file_size(shard(2)) - sizeof(float);
  EXPECT_EQ(view.error().message, shard(2) + ": byte " + std::to_string(offset) +
                                      ": tensor 't1' occurs in " + shard(0) + ", too");
}

TEST_F(Files, TensorCountOfSplit) {
  writeShards();
  ASSERT_TRUE(GgufBuilder()
                  .set("split.no", uint16_t(2))
                  .set("split.count", uint16_t(3))
                  .tensorF32("t4", {1}, {1})
                  .write(shard(2)));
  expectError(shard(0),
              shard(0) +
                  ": metadata key 'split.tensors.count' says 6 tensors, but the shards hold 5",
              ErrorCode::Malformed);
}

// Tests shards in memory, and that one shard alone is not taken for the model.
TEST(Split, InMemory) {
  auto makeShard = [](uint16_t index, const char* tensor) {
    return GgufBuilder()
        .set("split.no", index)
        .set("split.count", uint16_t(2))
        .tensorF32(tensor, {1}, {1})
        .build();
  };
  std::vector<std::byte> first = makeShard(0, "a"), second = makeShard(1, "b");
  std::span<const std::byte> shards[] = {first, second};
  Result<View> view = View::parseShards(shards, "m");
  ASSERT_TRUE(view.ok()) << view.error().message;
  EXPECT_EQ(view->tensors().size(), 2u);
  EXPECT_EQ(view->findTensor("b")->shard, 1u);

  Result<View> alone = View::parse(first, "m");
  ASSERT_FALSE(alone.ok());
  EXPECT_EQ(alone.error().message, "m: metadata key 'split.count' says 2 shards, but there are 1");
  Result<View> none = View::parseShards({}, "m");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message, "m: a model has at least one shard");

  std::vector<std::byte> text = GgufBuilder().set("split.count", "two").build();
  Result<View> wrong = View::parse(text, "m");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message,
            "m: byte 47: metadata key 'split.count' must be an integer that is not negative");
}

} // namespace
