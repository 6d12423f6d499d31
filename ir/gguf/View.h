//===- View.h - one checked view of a GGUF model ----------------------------------------------===//
//
// A View maps the file (or all the shards of a split model) read-only and checks everything once:
// counts, lengths, types, offsets and overlaps. Afterwards every consumer sees the same validated
// metadata and tensors and needs no checks of its own. Nothing is copied: keys, strings and tensor
// data point into the mapping and live as long as the View.
//
// Source of the format: the GGUF specification (ggml/docs/gguf.md), versions 2 and 3,
// little-endian.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "ir/gguf/Formats.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace chordal::gguf {

/// The type of a metadata value; the value is the id that files store.
enum class ValueType : uint8_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
};

/// As errors and dumps write it: "u32", "string", ...
std::string_view typeName(ValueType type);

/// An array of strings in the file. Not copied and not fully indexed: the walk that validates it
/// notes where every 16th string starts, so `operator[]` skips at most 15 strings and an iterator
/// steps from one to the next.
class StringArray {
public:
  static constexpr uint64_t stride = 16;

  StringArray() = default;
  StringArray(const std::byte* data, const uint64_t* checkpoints, uint64_t count)
      : data(data), checkpoints(checkpoints), count(count) {}

  size_t size() const { return count; }
  bool empty() const { return count == 0; }

  /// String `index`, which must be less than size().
  std::string_view operator[](size_t index) const {
    const std::byte* at = data + checkpoints[index / stride];
    for (size_t skip = index % stride; skip != 0; --skip)
      at += 8 + length(at);
    return {reinterpret_cast<const char*>(at + 8), size_t(length(at))};
  }

  class Iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    Iterator(const std::byte* at, uint64_t index) : at(at), index(index) {}
    std::string_view operator*() const {
      return {reinterpret_cast<const char*>(at + 8), size_t(length(at))};
    }
    Iterator& operator++() {
      at += 8 + length(at);
      ++index;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return index == other.index; }

  private:
    const std::byte* at = nullptr;
    uint64_t index = 0;
  };
  Iterator begin() const { return {data, 0}; }
  Iterator end() const { return {nullptr, count}; }

private:
  static uint64_t length(const std::byte* at) {
    uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  const std::byte* data = nullptr;
  const uint64_t* checkpoints = nullptr;
  uint64_t count = 0;
};

/// One key and its value. For an array, `elementType` and `count` describe it and `bytes` holds the
/// elements as stored (unaligned); for a scalar `bytes` is the value, for a string its text.
struct Entry {
  std::string_view key;
  ValueType type = ValueType::U8;
  ValueType elementType = ValueType::U8; ///< of an array; else the same as `type`
  uint64_t count = 1;                    ///< elements of an array; else 1
  uint64_t offset = 0;                   ///< of the value in its file, for messages
  std::span<const std::byte> bytes;
  uint64_t firstCheckpoint = 0; ///< of an array of strings, in the View's table

  bool isArray() const { return type == ValueType::Array; }
};

/// A tensor in a file. Dimensions are innermost first, as files store them: `dims[0]` is the length
/// of a row; those beyond `rank` are 1.
struct Tensor {
  std::string_view name;
  Format format = Format::F32;
  uint32_t rank = 0;
  std::array<uint64_t, 4> dims{1, 1, 1, 1};
  uint32_t shard = 0;              ///< index of the file
  uint64_t offset = 0;             ///< absolute, in that file
  std::span<const std::byte> data; ///< size() is the tensor's bytes

  std::span<const uint64_t> shape() const { return {dims.data(), rank}; }
  uint64_t rowLength() const { return dims[0]; }
  uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  uint64_t elements() const { return rowLength() * rows(); }
  /// Bytes of one row: rows are whole blocks.
  uint64_t rowBytes() const { return data.size() / rows(); }
};

/// Limits beyond which a file is refused.
constexpr uint64_t maxKeyLength = 65535;      // the specification's limit
constexpr uint64_t maxTensorNameLength = 64;  // the specification's limit
constexpr uint64_t minAlignment = 8;          // the specification's: a multiple of 8
constexpr uint64_t maxAlignment = 1ull << 24; // far above any page or disk block
constexpr uint64_t defaultAlignment = 32;

struct ParsedFile;

template <typename T>
concept MetadataNumber = std::is_arithmetic_v<T>;

class View {
public:
  /// Opens the model at `path`. If it is one shard of a split model (`name-00002-of-00003.gguf`),
  /// all of them are opened, whichever was named.
  static Result<View> open(const std::string& path);

  /// A view of a complete file in memory, which must outlive the view. `name` is for messages.
  static Result<View> parse(std::span<const std::byte> bytes, std::string name = "GGUF data");

  /// A view of a split model's shards in memory, in order.
  static Result<View> parseShards(std::span<const std::span<const std::byte>> shards,
                                  std::string name = "GGUF data");

  View(View&&) = default;
  View& operator=(View&&) = default;

  //===--- metadata ---------------------------------------------------------------------------===//
  // Each getter fails with ErrorCode::Missing, WrongType or OutOfRange. Integers of any width and
  // sign convert when the value fits; f64 converts to f32 when it is in range; nothing else
  // converts. The forms with a fallback return it only when the key is missing: a key of the wrong
  // type is an error all the same.

  /// All entries, in file order (those of the first shard of a split model).
  std::span<const Entry> entries() const { return metadata; }
  const Entry* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// A scalar number or bool: T is bool, an integer type, float or double.
  template <MetadataNumber T> Result<T> get(std::string_view key) const;
  template <MetadataNumber T> Result<T> get(std::string_view key, T fallback) const {
    return has(key) ? get<T>(key) : Result<T>(fallback);
  }

  Result<uint32_t> getU32(std::string_view key) const { return get<uint32_t>(key); }
  Result<uint32_t> getU32(std::string_view key, uint32_t fallback) const {
    return get<uint32_t>(key, fallback);
  }
  Result<int32_t> getI32(std::string_view key) const { return get<int32_t>(key); }
  Result<int32_t> getI32(std::string_view key, int32_t fallback) const {
    return get<int32_t>(key, fallback);
  }
  Result<uint64_t> getU64(std::string_view key) const { return get<uint64_t>(key); }
  Result<float> getF32(std::string_view key) const { return get<float>(key); }
  Result<float> getF32(std::string_view key, float fallback) const {
    return get<float>(key, fallback);
  }
  Result<bool> getBool(std::string_view key) const { return get<bool>(key); }
  Result<bool> getBool(std::string_view key, bool fallback) const {
    return get<bool>(key, fallback);
  }
  Result<std::string_view> getString(std::string_view key) const;
  Result<std::string_view> getString(std::string_view key, std::string_view fallback) const {
    return has(key) ? getString(key) : Result<std::string_view>(fallback);
  }

  /// An array of numbers or bools, copied and converted like scalars; an element that does not fit
  /// is an error that names its index.
  template <MetadataNumber T> Result<std::vector<T>> getArray(std::string_view key) const;

  /// An array of strings, not copied.
  Result<StringArray> getStrings(std::string_view key) const;

  //===--- tensors ----------------------------------------------------------------------------===//

  /// All tensors, shard by shard in file order.
  std::span<const Tensor> tensors() const { return tensorTable; }
  const Tensor* findTensor(std::string_view name) const;
  /// Like findTensor, but a missing tensor is an error.
  Result<const Tensor*> getTensor(std::string_view name) const;

  //===--- files ------------------------------------------------------------------------------===//

  /// The path or name by which the model was opened.
  const std::string& name() const { return modelName; }
  size_t shardCount() const { return shards.size(); }
  /// Path of a shard (or the name given for memory).
  const std::string& shardPath(size_t shard) const { return shards[shard].path; }
  /// All bytes of a shard.
  std::span<const std::byte> shardBytes(size_t shard) const { return shards[shard].bytes; }
  /// 2 or 3, of the first shard.
  uint32_t version() const { return shards[0].version; }
  /// Alignment of tensor data, of the first shard.
  uint64_t alignment() const { return shards[0].alignment; }

private:
  struct Shard {
    std::string path;
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> mapping; ///< keeps `bytes` mapped; null for memory
    uint32_t version = 0;
    uint64_t alignment = defaultAlignment;
  };

  View() = default;
  /// Joins parsed shards into one model and checks them against each other.
  static Result<View> assemble(std::string name, std::vector<Shard> shards,
                               std::vector<ParsedFile> files);
  Error fail(const Entry& entry, ErrorCode code, std::string text) const;
  Error missing(std::string_view key) const;
  Error wrongType(const Entry& entry, std::string_view wanted) const;

  std::string modelName;
  std::vector<Shard> shards;
  std::vector<Entry> metadata;
  std::unordered_map<std::string_view, size_t> entryByKey;
  std::vector<uint64_t> checkpoints; ///< for arrays of strings: offset from the array's first byte
  std::vector<Tensor> tensorTable;
  std::unordered_map<std::string_view, size_t> tensorByName;
};

} // namespace chordal::gguf
