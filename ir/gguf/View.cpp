//===- View.cpp - look-ups in a GGUF model ----------------------------------------------------===//
//
// Joining parsed shards into one model, and the typed getters of metadata. What touches files is in
// Open.cpp.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/View.h"

#include "ir/gguf/Parser.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace chordal::gguf {
namespace {

std::string shardText(uint64_t index, uint64_t count) {
  return "shard " + std::to_string(index + 1) + " of " + std::to_string(count);
}

/// Reads split.no or split.count: nothing if the file has none.
Result<std::optional<uint64_t>> splitNumber(const std::string& path, const ParsedFile& file,
                                            std::string_view key) {
  const Entry* entry = file.find(key);
  if (!entry)
    return std::optional<uint64_t>();
  std::optional<uint64_t> value = unsignedValue(*entry);
  if (!value)
    return Error{path + ": byte " + std::to_string(entry->offset) + ": metadata key " +
                     quoted(key) + " must be an integer that is not negative",
                 ErrorCode::Malformed};
  return value;
}

/// What a caller wants, in words.
template <typename T> constexpr std::string_view wantedText(bool array) {
  if constexpr (std::is_same_v<T, bool>)
    return array ? "an array of bools" : "a bool";
  else if constexpr (std::is_floating_point_v<T>)
    return array ? "an array of floating-point numbers" : "a floating-point number";
  else
    return array ? "an array of integers" : "an integer";
}

template <typename T> std::string targetName() {
  if constexpr (std::is_floating_point_v<T>)
    return "f" + std::to_string(sizeof(T) * 8);
  else
    return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
}

enum class Conversion : uint8_t { Done, WrongType, OutOfRange };

/// Converts one stored number; on OutOfRange `text` says what it is.
template <typename T, typename Stored>
Conversion convertFrom(const std::byte* at, T& value, std::string& text) {
  Stored stored;
  std::memcpy(&stored, at, sizeof stored);
  if constexpr (std::is_same_v<T, bool> ||
                std::is_floating_point_v<T> != std::is_floating_point_v<Stored>) {
    return Conversion::WrongType;
  } else if constexpr (std::is_floating_point_v<T>) {
    // Rounding to a shorter float is accepted, overflow is not.
    value = T(stored);
    if (std::isinf(value) && !std::isinf(stored)) {
      text = std::to_string(stored);
      return Conversion::OutOfRange;
    }
    return Conversion::Done;
  } else {
    if (!std::in_range<T>(stored)) {
      text = std::to_string(stored);
      return Conversion::OutOfRange;
    }
    value = T(stored);
    return Conversion::Done;
  }
}

template <typename T>
Conversion convert(ValueType type, const std::byte* at, T& value, std::string& text) {
  switch (type) {
  case ValueType::U8:
    return convertFrom<T, uint8_t>(at, value, text);
  case ValueType::I8:
    return convertFrom<T, int8_t>(at, value, text);
  case ValueType::U16:
    return convertFrom<T, uint16_t>(at, value, text);
  case ValueType::I16:
    return convertFrom<T, int16_t>(at, value, text);
  case ValueType::U32:
    return convertFrom<T, uint32_t>(at, value, text);
  case ValueType::I32:
    return convertFrom<T, int32_t>(at, value, text);
  case ValueType::U64:
    return convertFrom<T, uint64_t>(at, value, text);
  case ValueType::I64:
    return convertFrom<T, int64_t>(at, value, text);
  case ValueType::F32:
    return convertFrom<T, float>(at, value, text);
  case ValueType::F64:
    return convertFrom<T, double>(at, value, text);
  case ValueType::Bool:
    if constexpr (std::is_same_v<T, bool>) {
      value = uint8_t(*at) != 0;
      return Conversion::Done;
    }
    return Conversion::WrongType;
  case ValueType::String:
  case ValueType::Array:
    return Conversion::WrongType;
  }
  return Conversion::WrongType;
}

} // namespace

std::string_view typeName(ValueType type) {
  switch (type) {
  case ValueType::U8:
    return "u8";
  case ValueType::I8:
    return "i8";
  case ValueType::U16:
    return "u16";
  case ValueType::I16:
    return "i16";
  case ValueType::U32:
    return "u32";
  case ValueType::I32:
    return "i32";
  case ValueType::F32:
    return "f32";
  case ValueType::Bool:
    return "bool";
  case ValueType::String:
    return "string";
  case ValueType::Array:
    return "array";
  case ValueType::U64:
    return "u64";
  case ValueType::I64:
    return "i64";
  case ValueType::F64:
    return "f64";
  }
  return "unknown";
}

//===--- joining shards -----------------------------------------------------------------------===//

Result<View> View::assemble(std::string name, std::vector<Shard> shards,
                            std::vector<ParsedFile> files) {
  View view;
  view.modelName = std::move(name);
  uint64_t count = files.size();

  uint64_t tensorCount = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string& path = shards[i].path;
    Result<std::optional<uint64_t>> splitNo = splitNumber(path, files[i], "split.no");
    Result<std::optional<uint64_t>> splitCount = splitNumber(path, files[i], "split.count");
    if (!splitNo.ok())
      return splitNo.error();
    if (!splitCount.ok())
      return splitCount.error();
    // A model that is not split has no such keys, or a count of 0 or 1.
    uint64_t claimed = std::max<uint64_t>((*splitCount).value_or(1), 1);
    if (claimed != count)
      return Error{path + ": metadata key 'split.count' says " + std::to_string(claimed) +
                       " shards, but there are " + std::to_string(count),
                   ErrorCode::Malformed};
    if (count > 1 && (*splitNo).value_or(i + 1) != i)
      return Error{path + ": metadata key 'split.no' " +
                       (*splitNo ? "is " + std::to_string(**splitNo) : "is missing") + " in " +
                       shardText(i, count) + "; it must be " + std::to_string(i),
                   ErrorCode::Malformed};
    tensorCount += files[i].tensors.size();
    shards[i].version = files[i].version;
    shards[i].alignment = files[i].alignment;
  }

  view.tensorTable.reserve(tensorCount);
  view.tensorByName.reserve(tensorCount);
  for (uint64_t i = 0; i < count; ++i) {
    for (Tensor tensor : files[i].tensors) {
      tensor.shard = uint32_t(i);
      auto [place, isNew] = view.tensorByName.try_emplace(tensor.name, view.tensorTable.size());
      if (!isNew)
        return Error{shards[i].path + ": byte " + std::to_string(tensor.offset) + ": tensor " +
                         quoted(tensor.name) + " occurs in " +
                         shards[view.tensorTable[place->second].shard].path + ", too",
                     ErrorCode::Malformed};
      view.tensorTable.push_back(tensor);
    }
  }

  if (count > 1) {
    Result<std::optional<uint64_t>> claimed =
        splitNumber(shards[0].path, files[0], "split.tensors.count");
    if (!claimed.ok())
      return claimed.error();
    if (*claimed && **claimed != tensorCount)
      return Error{shards[0].path + ": metadata key 'split.tensors.count' says " +
                       std::to_string(**claimed) + " tensors, but the shards hold " +
                       std::to_string(tensorCount),
                   ErrorCode::Malformed};
  }

  view.shards = std::move(shards);
  view.metadata = std::move(files[0].entries);
  view.entryByKey = std::move(files[0].entryByKey);
  view.checkpoints = std::move(files[0].checkpoints);
  return view;
}

Result<View> View::parse(std::span<const std::byte> bytes, std::string name) {
  Result<ParsedFile> file = parseFile(name, bytes);
  if (!file.ok())
    return file.error();
  std::vector<Shard> shards(1);
  shards[0].path = name;
  shards[0].bytes = bytes;
  std::vector<ParsedFile> files;
  files.push_back(std::move(*file));
  return assemble(std::move(name), std::move(shards), std::move(files));
}

Result<View> View::parseShards(std::span<const std::span<const std::byte>> bytes,
                               std::string name) {
  if (bytes.empty())
    return Error{name + ": a model has at least one shard", ErrorCode::Missing};
  std::vector<Shard> shards(bytes.size());
  std::vector<ParsedFile> files;
  for (size_t i = 0; i < bytes.size(); ++i) {
    shards[i].path = name + " " + shardText(i, bytes.size());
    shards[i].bytes = bytes[i];
    Result<ParsedFile> file = parseFile(shards[i].path, bytes[i]);
    if (!file.ok())
      return file.error();
    files.push_back(std::move(*file));
  }
  return assemble(std::move(name), std::move(shards), std::move(files));
}

//===--- metadata -----------------------------------------------------------------------------===//

const Entry* View::find(std::string_view key) const {
  auto found = entryByKey.find(key);
  return found == entryByKey.end() ? nullptr : &metadata[found->second];
}

Error View::missing(std::string_view key) const {
  return {modelName + ": metadata key " + quoted(key) + " is missing", ErrorCode::Missing};
}

Error View::fail(const Entry& entry, ErrorCode code, std::string text) const {
  return {shards[0].path + ": byte " + std::to_string(entry.offset) + ": metadata key " +
              quoted(entry.key) + " " + text,
          code};
}

Error View::wrongType(const Entry& entry, std::string_view wanted) const {
  std::string found = entry.isArray() ? "array of " : "";
  found += typeName(entry.elementType);
  return fail(entry, ErrorCode::WrongType,
              "has type '" + found + "', but " + std::string(wanted) + " is needed");
}

template <MetadataNumber T> Result<T> View::get(std::string_view key) const {
  const Entry* entry = find(key);
  if (!entry)
    return missing(key);
  T value{};
  std::string text;
  switch (convert<T>(entry->type, entry->bytes.data(), value, text)) {
  case Conversion::Done:
    return value;
  case Conversion::OutOfRange:
    return fail(*entry, ErrorCode::OutOfRange,
                "is " + text + ", which does not fit " + targetName<T>());
  case Conversion::WrongType:
    break;
  }
  return wrongType(*entry, wantedText<T>(false));
}

template <MetadataNumber T> Result<std::vector<T>> View::getArray(std::string_view key) const {
  const Entry* entry = find(key);
  if (!entry)
    return missing(key);
  if (!entry->isArray())
    return wrongType(*entry, wantedText<T>(true));
  std::string text;
  uint64_t size = scalarSize(entry->elementType);
  // An array's type must be right even when it has no elements.
  constexpr std::byte zero[8]{};
  T probe{};
  if (convert<T>(entry->elementType, zero, probe, text) == Conversion::WrongType)
    return wrongType(*entry, wantedText<T>(true));
  std::vector<T> values;
  values.reserve(entry->count);
  for (uint64_t i = 0; i < entry->count; ++i) {
    T value{};
    if (convert<T>(entry->elementType, entry->bytes.data() + i * size, value, text) !=
        Conversion::Done)
      return fail(*entry, ErrorCode::OutOfRange,
                  "has element " + std::to_string(i) + " of value " + text +
                      ", which does not fit " + targetName<T>());
    values.push_back(value);
  }
  return values;
}

Result<std::string_view> View::getString(std::string_view key) const {
  const Entry* entry = find(key);
  if (!entry)
    return missing(key);
  if (entry->type != ValueType::String)
    return wrongType(*entry, "a string");
  return std::string_view(reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size());
}

Result<StringArray> View::getStrings(std::string_view key) const {
  const Entry* entry = find(key);
  if (!entry)
    return missing(key);
  if (!entry->isArray() || entry->elementType != ValueType::String)
    return wrongType(*entry, "an array of strings");
  return StringArray(entry->bytes.data(), checkpoints.data() + entry->firstCheckpoint,
                     entry->count);
}

// All fundamental types, so that the fixed-width ones are among them on every platform.
#define CHORDAL_GETTERS(T)                                                                         \
  template Result<T> View::get<T>(std::string_view) const;                                         \
  template Result<std::vector<T>> View::getArray<T>(std::string_view) const;
CHORDAL_GETTERS(bool)
CHORDAL_GETTERS(signed char)
CHORDAL_GETTERS(unsigned char)
CHORDAL_GETTERS(short)
CHORDAL_GETTERS(unsigned short)
CHORDAL_GETTERS(int)
CHORDAL_GETTERS(unsigned)
CHORDAL_GETTERS(long)
CHORDAL_GETTERS(unsigned long)
CHORDAL_GETTERS(long long)
CHORDAL_GETTERS(unsigned long long)
CHORDAL_GETTERS(float)
CHORDAL_GETTERS(double)
#undef CHORDAL_GETTERS

//===--- tensors ------------------------------------------------------------------------------===//

const Tensor* View::findTensor(std::string_view name) const {
  auto found = tensorByName.find(name);
  return found == tensorByName.end() ? nullptr : &tensorTable[found->second];
}

Result<const Tensor*> View::getTensor(std::string_view name) const {
  if (const Tensor* tensor = findTensor(name))
    return tensor;
  return Error{modelName + ": tensor " + quoted(name) + " is missing", ErrorCode::Missing};
}

} // namespace chordal::gguf
