//===- ViewErrorsTest.cpp - malformed GGUF files are refused ----------------------------------===//
//
// One test for each message of the parser. A message says at which byte the fault is.
//
//===------------------------------------------------------------------------------------------===//

#include "tests/ir/gguf/GgufBuilder.h"

#include "ir/gguf/View.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

using namespace chordal;
using namespace chordal::gguf;

namespace {

/// Expects the file to be refused with exactly this message.
void expectError(const ByteWriter& file, uint64_t offset, const std::string& message,
                 ErrorCode code = ErrorCode::Malformed) {
  // A copy of exactly the right size, so that a sanitizer sees a read past the end.
  std::unique_ptr<std::byte[]> copy(new std::byte[file.size()]);
  std::copy(file.data().begin(), file.data().end(), copy.get());
  Result<View> view = View::parse({copy.get(), file.size()}, "m");
  ASSERT_FALSE(view.ok()) << "accepted, instead of: " << message;
  EXPECT_EQ(view.error().message, "m: byte " + std::to_string(offset) + ": " + message);
  EXPECT_EQ(view.error().code, code);
}

std::string bytesOf(const ByteWriter& file) {
  return std::to_string(file.size()) + " bytes";
}

/// The description of one tensor, with 64 spare bytes of data after it.
ByteWriter oneTensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                     uint64_t offset = 0) {
  ByteWriter file;
  file.header(1, 0).string(name).u32(uint32_t(dims.size()));
  for (uint64_t dim : dims)
    file.u64(dim);
  file.u32(type).u64(offset).padTo(32);
  for (int i = 0; i < 64; ++i)
    file.u8(0);
  return file;
}

TEST(ViewErrors, Magic) {
  expectError(ByteWriter(), 0,
              "the file ends within the magic number (0 bytes; incomplete download?)");
  expectError(ByteWriter().text("GGU"), 0,
              "the file ends within the magic number (3 bytes; incomplete download?)");
  expectError(ByteWriter().text("PK\3\4abcdefgh"), 0,
              "this is not a GGUF file: it starts with 'PK\\x03\\x04' instead of 'GGUF'");
  expectError(ByteWriter().text("version https://git-lfs.github.com/spec/v1\n"), 0,
              "this is a Git LFS pointer, not the model itself; fetch it with 'git lfs pull'");
}

TEST(ViewErrors, BigEndian) {
  const char* message = "this is a big-endian GGUF file; only little-endian files are supported";
  expectError(ByteWriter().text("FUGG").u32(3), 0, message, ErrorCode::Unsupported);
  expectError(ByteWriter().text("GGUF").u32(0x03000000).u64(0).u64(0), 4, message,
              ErrorCode::Unsupported);
}

TEST(ViewErrors, Version) {
  expectError(ByteWriter().header(0, 0, 1), 4,
              "GGUF version 1 is not supported; versions 2 and 3 are (convert the model again)",
              ErrorCode::Unsupported);
  expectError(ByteWriter().header(0, 0, 4), 4,
              "GGUF version 4 is not supported; versions 2 and 3 are", ErrorCode::Unsupported);
  expectError(ByteWriter().header(0, 0, 0), 4,
              "GGUF version 0 is not supported; versions 2 and 3 are", ErrorCode::Unsupported);
}

// Tests that a file cut off anywhere is refused, and that what is missing is named.
TEST(ViewErrors, Truncation) {
  ByteWriter whole;
  whole.append(GgufBuilder()
                   .set("a.number", uint32_t(1))
                   .set("a.text", "hello")
                   .setStrings("a.list", {"x", "yy"})
                   .tensorF32("weights", {2}, {1, 2})
                   .build());
  ASSERT_TRUE(View::parse(whole.data()).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    std::unique_ptr<std::byte[]> copy(new std::byte[size]);
    std::copy_n(whole.data().begin(), size, copy.get());
    EXPECT_FALSE(View::parse({copy.get(), size}).ok()) << size;
  }

  auto expectTruncated = [](const ByteWriter& file, uint64_t offset, const std::string& what) {
    expectError(file, offset,
                "the file ends within " + what + " (" + bytesOf(file) + "; incomplete download?)");
  };
  expectTruncated(ByteWriter().text("GGUF").u8(3), 4, "the version");
  expectTruncated(ByteWriter().text("GGUF").u32(3).u64(0), 16, "the header");
  // Entries after a first one, so that the header's count is plausible.
  ByteWriter first;
  first.header(0, 2).key(std::string(40, 'k'), ValueType::U8).u8(1);
  expectTruncated(ByteWriter(first).u32(1), first.size(), "metadata entry 1");
  expectTruncated(ByteWriter(first).u64(9).text("abc"), first.size() + 8,
                  "the key of metadata entry 1");
  expectTruncated(ByteWriter(first).string("abc").u8(0), first.size() + 11,
                  "the type of metadata key 'abc'");
  expectTruncated(ByteWriter(first).key("abc", ValueType::F64).u32(0), first.size() + 15,
                  "the value of metadata key 'abc'");
  expectTruncated(ByteWriter(first).key("abc", ValueType::String).u32(0), first.size() + 15,
                  "the length of metadata key 'abc'");
  expectTruncated(ByteWriter(first).key("abc", ValueType::Array).type(ValueType::U8).u32(0),
                  first.size() + 19, "the type and length of metadata key 'abc'");
  ByteWriter strings = first;
  strings.key("abc", ValueType::Array).type(ValueType::String).u64(2).string("0123456789");
  expectTruncated(strings.u32(0), strings.size() - 4, "string 1 of metadata key 'abc'");

  ByteWriter tensor;
  tensor.header(2, 0).string(std::string(40, 't')).u32(1).u64(1).u32(0).u64(0);
  expectTruncated(ByteWriter(tensor).u32(1), tensor.size(), "the description of tensor 1");
  expectTruncated(ByteWriter(tensor).u64(9).text("abc"), tensor.size() + 8, "the name of tensor 1");
  expectTruncated(ByteWriter(tensor).string("abc"), tensor.size() + 11,
                  "the description of tensor 'abc'");
  expectTruncated(ByteWriter(tensor).string("abc").u32(2).u64(1), tensor.size() + 23,
                  "the dimensions of tensor 'abc'");
  expectTruncated(ByteWriter(tensor).string("abc").u32(1).u64(1).u32(0), tensor.size() + 27,
                  "the description of tensor 'abc'");
}

// Tests that counts are compared with the file's size before anything is allocated.
TEST(ViewErrors, LyingCounts) {
  for (uint64_t count : {uint64_t(1), uint64_t(1) << 40, UINT64_MAX}) {
    expectError(ByteWriter().header(0, count), 16,
                "the header claims " + std::to_string(count) +
                    " metadata entries, more than the remaining 0 bytes can hold");
    expectError(ByteWriter().header(count, 0), 8,
                "the header claims " + std::to_string(count) +
                    " tensors, more than the remaining 0 bytes can hold");
  }
  // Enough bytes for the tensor, but a metadata entry takes them.
  ByteWriter file;
  file.header(1, 1).key("k", ValueType::String).string(std::string(30, 'v'));
  expectError(file, 8, "the header claims 1 tensors, more than the remaining 0 bytes can hold");

  for (uint64_t count : {uint64_t(5), uint64_t(1) << 61, UINT64_MAX}) {
    for (ValueType type : {ValueType::U32, ValueType::String, ValueType::F64}) {
      ByteWriter array;
      array.header(0, 1).key("list", ValueType::Array).type(type).u64(count).u64(0).u64(0);
      expectError(array, 24 + 12 + 4 + 4,
                  "metadata key 'list' claims an array of " + std::to_string(count) +
                      " elements, more than the remaining 16 bytes can hold");
    }
  }
}

TEST(ViewErrors, Lengths) {
  ByteWriter longString;
  longString.header(0, 1).key("k", ValueType::String).u64(UINT64_MAX).text("abc");
  expectError(
      longString, 37,
      "metadata key 'k' claims a string of 18446744073709551615 bytes, but only 3 are left");

  ByteWriter inArray;
  inArray.header(0, 1).key("k", ValueType::Array).type(ValueType::String).u64(2);
  inArray.string("a").u64(UINT64_MAX - 7).text("b");
  expectError(
      inArray, 58,
      "string 1 of metadata key 'k' claims 18446744073709551608 bytes, but only 1 are left");

  ByteWriter emptyKey;
  emptyKey.header(0, 1).key("", ValueType::U64).u64(0);
  expectError(emptyKey, 24, "metadata entry 0 has a key of 0 bytes; 1 to 65535 are allowed");
  ByteWriter longKey;
  longKey.header(0, 1).key(std::string(65536, 'k'), ValueType::U8).u8(0);
  expectError(longKey, 24, "metadata entry 0 has a key of 65536 bytes; 1 to 65535 are allowed");

  expectError(oneTensor("", {1}, 0), 24, "tensor 0 has a name of 0 bytes; 1 to 64 are allowed");
  expectError(oneTensor(std::string(65, 't'), {1}, 0), 24,
              "tensor 0 has a name of 65 bytes; 1 to 64 are allowed");
}

TEST(ViewErrors, ValueTypes) {
  expectError(ByteWriter().header(0, 1).string("k").u32(13).u64(0), 33,
              "metadata key 'k' has the unknown value type 13");
  expectError(ByteWriter().header(0, 1).string("k").u32(9).u32(77).u64(0), 37,
              "metadata key 'k' is an array of the unknown value type 77");
  expectError(ByteWriter().header(0, 1).string("k").u32(9).u32(9).u64(1).u32(0).u64(0), 37,
              "metadata key 'k' is an array of arrays, which is not supported",
              ErrorCode::Unsupported);
  ByteWriter boolean;
  boolean.header(0, 1).key("k", ValueType::Bool).u8(2);
  expectError(boolean, 37, "metadata key 'k' is a bool of value 2, neither 0 nor 1");
  ByteWriter booleans;
  booleans.header(0, 1).key("k", ValueType::Array).type(ValueType::Bool).u64(3);
  booleans.u8(1).u8(0).u8(255);
  expectError(booleans, 51,
              "element 2 of metadata key 'k' is a bool of value 255, neither 0 nor 1");
}

TEST(ViewErrors, Duplicates) {
  ByteWriter keys;
  keys.append(GgufBuilder().set("k", uint8_t(1)).set("k", uint8_t(1)).build());
  expectError(keys, 38, "metadata key 'k' occurs twice");
  ByteWriter tensors;
  tensors.append(GgufBuilder().tensorF32("t", {1}, {1}).tensorF32("t", {1}, {1}).build());
  expectError(tensors, 57, "tensor 't' occurs twice");
}

// Tests that names are shown without control characters and shortened.
TEST(ViewErrors, QuotedNames) {
  std::string name = "a\n'\\\xff" + std::string(100, 'b');
  ByteWriter file;
  file.header(0, 1).string(name).u32(99);
  expectError(file, 24 + 8 + name.size(),
              "metadata key 'a\\x0a\\x27\\x5c\\xff" + std::string(75, 'b') +
                  "...' has the unknown value type 99");
}

TEST(ViewErrors, Alignment) {
  for (uint32_t alignment : {0u, 1u, 4u, 24u, 33u, 1u << 25, 0x80000000u}) {
    ByteWriter file;
    file.header(0, 1).key("general.alignment", ValueType::U32).u32(alignment);
    expectError(file, 53,
                "metadata key 'general.alignment' is " + std::to_string(alignment) +
                    "; it must be a power of two from 8 to 16777216");
  }
  const std::string message = "metadata key 'general.alignment' must be a positive integer";
  ByteWriter text;
  text.header(0, 1).key("general.alignment", ValueType::String).string("32");
  expectError(text, 53, message);
  ByteWriter negative;
  negative.header(0, 1).key("general.alignment", ValueType::I32).number(int32_t(-32));
  expectError(negative, 53, message);
}

TEST(ViewErrors, Dimensions) {
  expectError(oneTensor("t", {}, 0), 33, "tensor 't' has 0 dimensions; 1 to 4 are allowed");
  expectError(oneTensor("t", {1, 1, 1, 1, 1}, 0), 33,
              "tensor 't' has 5 dimensions; 1 to 4 are allowed");
  expectError(oneTensor("t", {4, 0}, 0), 45, "dimension 1 of tensor 't' is zero");
  const std::string overflow = "the dimensions of tensor 't' multiply to more than 2^63 - 1";
  expectError(oneTensor("t", {uint64_t(1) << 32, uint64_t(1) << 32}, 0), 45, overflow);
  expectError(oneTensor("t", {uint64_t(1) << 32, uint64_t(1) << 31}, 0), 45, overflow);
  expectError(oneTensor("t", {UINT64_MAX}, 0), 37, overflow);
  expectError(oneTensor("t", {uint64_t(1) << 62, 1}, 0), 37,
              "the size of tensor 't' in bytes overflows 64 bits");
  expectError(oneTensor("t", {48}, 2), 37,
              "rows of tensor 't' have 48 weights, not a whole number of Q4_0 blocks of 32");
  expectError(oneTensor("t", {128, 2}, 12), 37,
              "rows of tensor 't' have 128 weights, not a whole number of Q4_K blocks of 256");
}

TEST(ViewErrors, TensorTypes) {
  for (uint32_t type : {4u, 5u, 31u, 33u, 36u, 41u, 0xffffffffu})
    expectError(oneTensor("t", {1}, type), 45,
                "tensor 't' has the unknown tensor type " + std::to_string(type),
                ErrorCode::Unsupported);
}

TEST(ViewErrors, TensorPlaces) {
  auto outside = [](uint64_t bytes, uint64_t offset, uint64_t fileSize) {
    return "tensor 't' lies outside the file: " + std::to_string(bytes) + " bytes at offset " +
           std::to_string(offset) + " of the tensor data, which starts at byte 64 of a file of " +
           std::to_string(fileSize) + " (incomplete download?)";
  };
  ByteWriter exact = oneTensor("t", {16}, 0);
  ASSERT_EQ(exact.size(), 128u);
  EXPECT_TRUE(View::parse(exact.data()).ok());
  expectError(oneTensor("t", {17}, 0), 24, outside(68, 0, 128));
  expectError(oneTensor("t", {16}, 0, 32), 24, outside(64, 32, 128));
  expectError(oneTensor("t", {1}, 0, UINT64_MAX - 31), 24, outside(4, UINT64_MAX - 31, 128));
  expectError(oneTensor("t", {uint64_t(1) << 60}, 0), 24, outside(uint64_t(1) << 62, 0, 128));
  expectError(oneTensor("t", {1}, 0, 16), 24,
              "tensor 't' is misaligned: its offset 16 is no multiple of 32");

  ByteWriter overlap;
  overlap.header(2, 0);
  overlap.string("b").u32(1).u64(4).u32(0).u64(32);
  uint64_t second = overlap.size();
  overlap.string("a").u32(1).u64(9).u32(0).u64(0);
  overlap.padTo(32);
  uint64_t data = overlap.size();
  for (int i = 0; i < 64; ++i)
    overlap.u8(0);
  ASSERT_EQ(second, 57u);
  expectError(overlap, 24,
              "tensors 'a' and 'b' overlap: bytes " + std::to_string(data) + " to " +
                  std::to_string(data + 36) + " and from " + std::to_string(data + 32));
}

// Tests that no flipped byte of a good file makes the parser misbehave; a sanitizer would see it.
TEST(ViewErrors, FlippedBytes) {
  uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::byte> whole = GgufBuilder()
                                           .set("a", uint32_t(1))
                                           .setStrings("b", {"x", "yy"})
                                           .setArray("c", std::vector<bool>{true, false})
                                           .tensorF32("d", {2, 2}, {1, 2, 3, 4})
                                           .tensor("e", Format::Q4_0, {64})
                                           .build();
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte(1 + random() % 255);
    refused += !View::parse(bytes).ok();
  }
  EXPECT_GT(refused, 50);
}

} // namespace
