//===- GgufBuilder.h - makes GGUF files in memory ---------------------------------------------===//
//
// For tests: `GgufBuilder` writes well-formed files, small models for instance; `ByteWriter` writes
// anything, malformed files in particular.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"

#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace chordal::gguf {

/// Little-endian bytes, one item after another.
class ByteWriter {
public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  ByteWriter& number(T value) {
    const std::byte* data = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), data, data + sizeof value);
    return *this;
  }
  ByteWriter& u8(uint8_t value) { return number(value); }
  ByteWriter& u32(uint32_t value) { return number(value); }
  ByteWriter& u64(uint64_t value) { return number(value); }
  ByteWriter& text(std::string_view value) {
    const std::byte* data = reinterpret_cast<const std::byte*>(value.data());
    bytes.insert(bytes.end(), data, data + value.size());
    return *this;
  }
  /// A string as GGUF stores it: its length in 8 bytes, then its bytes.
  ByteWriter& string(std::string_view value) { return u64(value.size()).text(value); }
  /// The start of a metadata entry.
  ByteWriter& key(std::string_view name, ValueType type) {
    return string(name).u32(static_cast<uint32_t>(type));
  }
  ByteWriter& append(std::span<const std::byte> data) {
    bytes.insert(bytes.end(), data.begin(), data.end());
    return *this;
  }
  ByteWriter& padTo(uint64_t alignment) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  /// The first 24 bytes of a file.
  ByteWriter& header(uint64_t tensors, uint64_t entries, uint32_t version = 3) {
    return text("GGUF").u32(version).u64(tensors).u64(entries);
  }
  ByteWriter& type(ValueType value) { return u32(static_cast<uint32_t>(value)); }

  uint64_t size() const { return bytes.size(); }
  const std::vector<std::byte>& data() const { return bytes; }

private:
  std::vector<std::byte> bytes;
};

/// The ValueType that stores a C++ type.
template <typename T> constexpr ValueType valueTypeOf() {
  if constexpr (std::is_same_v<T, bool>)
    return ValueType::Bool;
  else if constexpr (std::is_same_v<T, float>)
    return ValueType::F32;
  else if constexpr (std::is_same_v<T, double>)
    return ValueType::F64;
  else if constexpr (sizeof(T) == 1)
    return std::is_signed_v<T> ? ValueType::I8 : ValueType::U8;
  else if constexpr (sizeof(T) == 2)
    return std::is_signed_v<T> ? ValueType::I16 : ValueType::U16;
  else if constexpr (sizeof(T) == 4)
    return std::is_signed_v<T> ? ValueType::I32 : ValueType::U32;
  else
    return std::is_signed_v<T> ? ValueType::I64 : ValueType::U64;
}

/// Collects metadata and tensors, then lays out a file. The C++ type of a value decides the type it
/// is stored with: `set("llama.block_count", uint32_t(2))`.
class GgufBuilder {
public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  GgufBuilder& set(std::string_view key, T value) {
    if (key == "general.alignment")
      alignment = uint64_t(value);
    entries.string(key).type(valueTypeOf<T>()).number(value);
    return countEntry();
  }
  GgufBuilder& set(std::string_view key, std::string_view value) {
    entries.string(key).type(ValueType::String).string(value);
    return countEntry();
  }
  GgufBuilder& set(std::string_view key, const char* value) {
    return set(key, std::string_view(value));
  }
  template <typename T>
    requires std::is_arithmetic_v<T>
  GgufBuilder& setArray(std::string_view key, const std::vector<T>& values) {
    entries.string(key).type(ValueType::Array).type(valueTypeOf<T>()).u64(values.size());
    for (T value : values)
      entries.number(value);
    return countEntry();
  }
  GgufBuilder& setStrings(std::string_view key, const std::vector<std::string>& values) {
    entries.string(key).type(ValueType::Array).type(ValueType::String).u64(values.size());
    for (const std::string& value : values)
      entries.string(value);
    return countEntry();
  }

  /// Adds a tensor; `dims` are innermost first. Without data its bytes are zero.
  GgufBuilder& tensor(std::string_view name, Format format, const std::vector<uint64_t>& dims,
                      std::span<const std::byte> data = {}) {
    uint64_t elements = 1;
    for (uint64_t dim : dims)
      elements *= dim;
    const FormatInfo& info = formatInfo(format);
    std::vector<std::byte> bytes(elements / info.weightsPerBlock * info.bytesPerBlock);
    if (!data.empty())
      bytes.assign(data.begin(), data.end());
    tensors.push_back({std::string(name), format, dims, std::move(bytes)});
    return *this;
  }
  GgufBuilder& tensorF32(std::string_view name, const std::vector<uint64_t>& dims,
                         const std::vector<float>& values) {
    return tensor(name, Format::F32, dims, std::as_bytes(std::span(values)));
  }

  GgufBuilder& setVersion(uint32_t value) {
    version = value;
    return *this;
  }

  std::vector<std::byte> build() const {
    ByteWriter file;
    file.header(tensors.size(), entryCount, version).append(entries.data());
    uint64_t offset = 0;
    for (const TensorSpec& spec : tensors) {
      file.string(spec.name).u32(uint32_t(spec.dims.size()));
      for (uint64_t dim : spec.dims)
        file.u64(dim);
      file.u32(static_cast<uint32_t>(spec.format)).u64(offset);
      offset += (spec.bytes.size() + alignment - 1) / alignment * alignment;
    }
    for (const TensorSpec& spec : tensors)
      file.padTo(alignment).append(spec.bytes);
    return file.data();
  }

  /// Writes the file; false if that fails.
  bool write(const std::string& path) const {
    std::vector<std::byte> bytes = build();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    return file.good();
  }

private:
  struct TensorSpec {
    std::string name;
    Format format;
    std::vector<uint64_t> dims;
    std::vector<std::byte> bytes;
  };

  GgufBuilder& countEntry() {
    ++entryCount;
    return *this;
  }

  uint32_t version = 3;
  uint64_t alignment = defaultAlignment;
  uint64_t entryCount = 0;
  ByteWriter entries;
  std::vector<TensorSpec> tensors;
};

} // namespace chordal::gguf
