//===- ViewTest.cpp - reading well-formed GGUF files ------------------------------------------===//

#include "tests/ir/gguf/GgufBuilder.h"

#include "ir/gguf/View.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>

using namespace chordal;
using namespace chordal::gguf;

namespace {

/// Fails the test, and stops it, if the file is refused.
#define ASSERT_OK(result) ASSERT_TRUE((result).ok()) << (result).error().message

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Tests that every type of scalar is read back.
TEST(View, Scalars) {
  std::vector<std::byte> bytes = GgufBuilder()
                                     .set("u8", uint8_t(200))
                                     .set("i8", int8_t(-100))
                                     .set("u16", uint16_t(60000))
                                     .set("i16", int16_t(-30000))
                                     .set("u32", uint32_t(4000000000))
                                     .set("i32", int32_t(-2000000000))
                                     .set("u64", uint64_t(1) << 63)
                                     .set("i64", std::numeric_limits<int64_t>::min())
                                     .set("f32", 1.5f)
                                     .set("f64", 0.1)
                                     .set("yes", true)
                                     .set("no", false)
                                     .set("text", "wörds")
                                     .set("empty", "")
                                     .build();
  Result<View> view = View::parse(bytes);
  ASSERT_OK(view);
  EXPECT_EQ(view->entries().size(), 14u);
  EXPECT_EQ(*view->getU32("u8"), 200u);
  EXPECT_EQ(*view->getI32("i8"), -100);
  EXPECT_EQ(*view->getU32("u16"), 60000u);
  EXPECT_EQ(*view->getI32("i16"), -30000);
  EXPECT_EQ(*view->getU32("u32"), 4000000000u);
  EXPECT_EQ(*view->getI32("i32"), -2000000000);
  EXPECT_EQ(*view->getU64("u64"), uint64_t(1) << 63);
  EXPECT_EQ(*view->get<int64_t>("i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(*view->getF32("f32"), 1.5f);
  EXPECT_EQ(*view->get<double>("f64"), 0.1);
  EXPECT_EQ(*view->getF32("f64"), 0.1f);
  EXPECT_TRUE(*view->getBool("yes"));
  EXPECT_FALSE(*view->getBool("no"));
  EXPECT_EQ(*view->getString("text"), "wörds");
  EXPECT_EQ(*view->getString("empty"), "");
  EXPECT_EQ(view->find("u16")->type, ValueType::U16);
  EXPECT_EQ(view->entries()[2].key, "u16");
  EXPECT_FALSE(view->has("u128"));
}

// Tests that integers convert when they fit, and that missing, mistyped and unfitting are told
// apart.
TEST(View, GetterErrors) {
  std::vector<std::byte> bytes = GgufBuilder()
                                     .set("big", uint64_t(5000000000))
                                     .set("negative", int32_t(-1))
                                     .set("float", 2.f)
                                     .set("huge", 1e300)
                                     .set("yes", true)
                                     .set("text", "abc")
                                     .setArray("list", std::vector<int32_t>{1, -2, 300})
                                     .setArray("floats", std::vector<double>{1, 1e300})
                                     .setArray("none", std::vector<float>{})
                                     .setStrings("words", {"a"})
                                     .build();
  Result<View> view = View::parse(bytes, "test.gguf");
  ASSERT_OK(view);
  auto expect = [&](const auto& result, ErrorCode code, std::string_view key,
                    const std::string& message) {
    ASSERT_FALSE(result.ok()) << message;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    std::string start = "test.gguf: ";
    if (const Entry* entry = view->find(key))
      start += "byte " + std::to_string(entry->offset) + ": ";
    EXPECT_EQ(result.error().message, start + "metadata key '" + std::string(key) + "' " + message);
  };
  expect(view->getU32("absent"), ErrorCode::Missing, "absent", "is missing");
  expect(view->getString("absent"), ErrorCode::Missing, "absent", "is missing");
  expect(view->getStrings("absent"), ErrorCode::Missing, "absent", "is missing");
  expect(view->getArray<float>("absent"), ErrorCode::Missing, "absent", "is missing");

  expect(view->getU32("big"), ErrorCode::OutOfRange, "big",
         "is 5000000000, which does not fit u32");
  expect(view->getU32("negative"), ErrorCode::OutOfRange, "negative",
         "is -1, which does not fit u32");
  expect(view->getU64("negative"), ErrorCode::OutOfRange, "negative",
         "is -1, which does not fit u64");
  EXPECT_EQ(view->getF32("huge").error().code, ErrorCode::OutOfRange);
  EXPECT_EQ(*view->get<int64_t>("big"), 5000000000);
  EXPECT_EQ(*view->get<int8_t>("negative"), -1);

  expect(view->getU32("float"), ErrorCode::WrongType, "float",
         "has type 'f32', but an integer is needed");
  expect(view->getU32("yes"), ErrorCode::WrongType, "yes",
         "has type 'bool', but an integer is needed");
  expect(view->getBool("negative"), ErrorCode::WrongType, "negative",
         "has type 'i32', but a bool is needed");
  expect(view->getF32("negative"), ErrorCode::WrongType, "negative",
         "has type 'i32', but a floating-point number is needed");
  expect(view->getF32("text"), ErrorCode::WrongType, "text",
         "has type 'string', but a floating-point number is needed");
  expect(view->getU32("list"), ErrorCode::WrongType, "list",
         "has type 'array of i32', but an integer is needed");
  expect(view->getString("big"), ErrorCode::WrongType, "big",
         "has type 'u64', but a string is needed");
  expect(view->getStrings("list"), ErrorCode::WrongType, "list",
         "has type 'array of i32', but an array of strings is needed");
  expect(view->getStrings("text"), ErrorCode::WrongType, "text",
         "has type 'string', but an array of strings is needed");
  expect(view->getArray<int32_t>("words"), ErrorCode::WrongType, "words",
         "has type 'array of string', but an array of integers is needed");
  expect(view->getArray<int32_t>("negative"), ErrorCode::WrongType, "negative",
         "has type 'i32', but an array of integers is needed");
  expect(view->getArray<int32_t>("none"), ErrorCode::WrongType, "none",
         "has type 'array of f32', but an array of integers is needed");
  expect(view->getArray<bool>("list"), ErrorCode::WrongType, "list",
         "has type 'array of i32', but an array of bools is needed");
  expect(view->getArray<float>("list"), ErrorCode::WrongType, "list",
         "has type 'array of i32', but an array of floating-point numbers is needed");
  expect(view->getArray<uint32_t>("list"), ErrorCode::OutOfRange, "list",
         "has element 1 of value -2, which does not fit u32");
  expect(view->getArray<int8_t>("list"), ErrorCode::OutOfRange, "list",
         "has element 2 of value 300, which does not fit i8");
  EXPECT_EQ(view->getArray<float>("floats").error().code, ErrorCode::OutOfRange);

  // A fallback stands in for what is missing, not for what is wrong.
  EXPECT_EQ(*view->getU32("absent", 7), 7u);
  EXPECT_EQ(*view->getF32("absent", 0.5f), 0.5f);
  EXPECT_EQ(*view->getString("absent", "x"), "x");
  EXPECT_TRUE(*view->getBool("absent", true));
  EXPECT_EQ(view->getU32("float", 7).error().code, ErrorCode::WrongType);
  EXPECT_EQ(view->getU32("big", 7).error().code, ErrorCode::OutOfRange);
  EXPECT_EQ(view->getString("big", "x").error().code, ErrorCode::WrongType);
}

// Tests arrays of numbers: as stored, converted, and of bools.
TEST(View, Arrays) {
  std::vector<std::byte> bytes = GgufBuilder()
                                     .setArray("ints", std::vector<int32_t>{3, -4, 5})
                                     .setArray("floats", std::vector<float>{0.5f, -2})
                                     .setArray("bools", std::vector<bool>{true, false, true})
                                     .setArray("none", std::vector<uint32_t>{})
                                     .build();
  Result<View> view = View::parse(bytes);
  ASSERT_OK(view);
  EXPECT_EQ(*view->getArray<int32_t>("ints"), (std::vector<int32_t>{3, -4, 5}));
  EXPECT_EQ(*view->getArray<int64_t>("ints"), (std::vector<int64_t>{3, -4, 5}));
  EXPECT_EQ(*view->getArray<float>("floats"), (std::vector<float>{0.5f, -2}));
  EXPECT_EQ(*view->getArray<double>("floats"), (std::vector<double>{0.5, -2}));
  EXPECT_EQ(*view->getArray<bool>("bools"), (std::vector<bool>{true, false, true}));
  EXPECT_TRUE(view->getArray<uint32_t>("none")->empty());
  EXPECT_EQ(view->find("ints")->count, 3u);
  EXPECT_EQ(view->find("ints")->elementType, ValueType::I32);
  EXPECT_TRUE(view->find("ints")->isArray());
}

// Tests arrays of strings of random lengths, by index in any order and by iteration.
TEST(View, StringArrays) {
  uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (size_t count : {0, 1, 15, 16, 17, 32, 1000}) {
    std::vector<std::string> words(count);
    for (std::string& word : words)
      word.assign(random() % 20, char('a' + random() % 26));
    std::vector<std::byte> bytes =
        GgufBuilder().setStrings("before", {"x", "y"}).setStrings("words", words).build();
    Result<View> view = View::parse(bytes);
    ASSERT_OK(view);
    Result<StringArray> array = view->getStrings("words");
    ASSERT_OK(array);
    ASSERT_EQ(array->size(), count);
    EXPECT_EQ(array->empty(), count == 0);
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (size_t i : order)
      ASSERT_EQ((*array)[i], words[i]);
    size_t i = 0;
    for (std::string_view word : *array)
      ASSERT_EQ(word, words[i++]);
    EXPECT_EQ(i, count);
  }
}

// Tests tensors: shapes, formats, places and bytes, in versions 2 and 3 and at several alignments.
TEST(View, Tensors) {
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 1.f);
  for (uint32_t version : {2u, 3u}) {
    for (uint32_t alignment : {8u, 32u, 256u, 4096u}) {
      GgufBuilder builder;
      builder.setVersion(version).set("general.alignment", alignment);
      builder.tensorF32("vector", {3}, {7, 8, 9});
      builder.tensorF32("cube", {2, 3, 2, 2}, values);
      builder.tensor("quantised", Format::Q4_K, {512, 3});
      builder.tensor("ids", Format::I32, {5});
      std::vector<std::byte> bytes = builder.build();
      Result<View> view = View::parse(bytes);
      ASSERT_OK(view);
      EXPECT_EQ(view->version(), version);
      EXPECT_EQ(view->alignment(), alignment);
      ASSERT_EQ(view->tensors().size(), 4u);
      const Tensor* cube = view->findTensor("cube");
      ASSERT_NE(cube, nullptr);
      EXPECT_EQ(cube, &view->tensors()[1]);
      EXPECT_EQ(cube->rank, 4u);
      EXPECT_EQ(cube->format, Format::F32);
      EXPECT_EQ(cube->rowLength(), 2u);
      EXPECT_EQ(cube->rows(), 12u);
      EXPECT_EQ(cube->elements(), 24u);
      EXPECT_EQ(cube->rowBytes(), 8u);
      EXPECT_EQ(cube->shape().size(), 4u);
      EXPECT_EQ(text(cube->data), text(std::as_bytes(std::span(values))));
      const Tensor* quantised = view->findTensor("quantised");
      ASSERT_NE(quantised, nullptr);
      EXPECT_EQ(quantised->rank, 2u);
      EXPECT_EQ(quantised->dims, (std::array<uint64_t, 4>{512, 3, 1, 1}));
      EXPECT_EQ(quantised->rowBytes(), 288u);
      EXPECT_EQ(quantised->data.size(), 864u);
      for (const Tensor& tensor : view->tensors()) {
        EXPECT_EQ(tensor.offset % alignment, 0u);
        EXPECT_EQ(tensor.shard, 0u);
        EXPECT_EQ(tensor.data.data(), view->shardBytes(0).data() + tensor.offset);
      }
      EXPECT_EQ(view->findTensor("sphere"), nullptr);
      Result<const Tensor*> missing = view->getTensor("sphere");
      ASSERT_FALSE(missing.ok());
      EXPECT_EQ(missing.error().code, ErrorCode::Missing);
      EXPECT_EQ(missing.error().message, "GGUF data: tensor 'sphere' is missing");
      EXPECT_EQ(*view->getTensor("cube"), cube);
    }
  }
}

// Tests every format of the table as a tensor's.
TEST(View, EveryFormat) {
  GgufBuilder builder;
  for (const FormatInfo& info : allFormats())
    builder.tensor(info.name, info.format, {256, 2});
  std::vector<std::byte> bytes = builder.build();
  Result<View> view = View::parse(bytes);
  ASSERT_OK(view);
  for (const FormatInfo& info : allFormats()) {
    const Tensor* tensor = view->findTensor(info.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->format, info.format);
    EXPECT_EQ(tensor->rowBytes(), 256 / info.weightsPerBlock * info.bytesPerBlock);
  }
}

// Tests files with nothing in them, and that a view can be moved.
TEST(View, EmptyAndMoved) {
  std::vector<std::byte> bytes = GgufBuilder().build();
  Result<View> empty = View::parse(bytes);
  ASSERT_OK(empty);
  EXPECT_TRUE(empty->entries().empty());
  EXPECT_TRUE(empty->tensors().empty());

  bytes = GgufBuilder().setStrings("words", {"a", "b"}).tensorF32("t", {1}, {3}).build();
  Result<View> view = View::parse(bytes);
  ASSERT_OK(view);
  View moved = std::move(*view);
  EXPECT_EQ((*moved.getStrings("words"))[1], "b");
  EXPECT_NE(moved.findTensor("t"), nullptr);
}

// Tests the longest key and tensor name, and a string with a zero byte.
TEST(View, LongNames) {
  std::string key(maxKeyLength, 'k'), name(maxTensorNameLength, 't');
  std::vector<std::byte> bytes =
      GgufBuilder().set(key, std::string_view("a\0b", 3)).tensorF32(name, {1}, {1}).build();
  Result<View> view = View::parse(bytes);
  ASSERT_OK(view);
  EXPECT_EQ(*view->getString(key), std::string_view("a\0b", 3));
  EXPECT_NE(view->findTensor(name), nullptr);
}

} // namespace
