//===- Parser.cpp - parsing and checking one GGUF file ----------------------------------------===//
//
// A file is: magic, version, number of tensors, number of metadata entries, the entries, the
// tensors' descriptions, padding, tensor data. Counts are compared with the bytes that are left
// before anything is allocated for them, so memory stays proportional to the file whatever it
// claims.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Parser.h"

#include "ir/gguf/Checked.h"

#include <algorithm>
#include <unordered_set>

namespace chordal::gguf {
namespace {

// The fewest bytes that an entry (key length, one byte of key, type, one byte of value) and a
// tensor's description (name length, one byte of name, rank, one dimension, type, offset) can take.
constexpr uint64_t minEntryBytes = 8 + 1 + 4 + 1;
constexpr uint64_t minTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

std::string number(uint64_t value) {
  return std::to_string(value);
}

class Parser {
public:
  Parser(const std::string& path, std::span<const std::byte> bytes) : path(path), bytes(bytes) {}

  Result<ParsedFile> run() {
    if (Result<void> header = parseHeader(); !header.ok())
      return header.error();
    file.entries.reserve(entryCount);
    file.entryByKey.reserve(entryCount);
    for (uint64_t i = 0; i < entryCount; ++i)
      if (Result<void> entry = parseEntry(i); !entry.ok())
        return entry.error();
    if (Result<void> alignment = findAlignment(); !alignment.ok())
      return alignment.error();
    if (Result<void> tensors = parseTensors(); !tensors.ok())
      return tensors.error();
    return std::move(file);
  }

private:
  uint64_t remaining() const { return bytes.size() - position; }

  /// Reads a little-endian number if it is there.
  template <typename T> bool read(T& value) {
    if (remaining() < sizeof(T))
      return false;
    std::memcpy(&value, bytes.data() + position, sizeof(T));
    position += sizeof(T);
    return true;
  }

  Error fail(uint64_t offset, const std::string& text,
             ErrorCode code = ErrorCode::Malformed) const {
    return {path + ": byte " + number(offset) + ": " + text, code};
  }
  Error truncated(const std::string& what) const {
    return fail(position, "the file ends within " + what + " (" + number(bytes.size()) +
                              " bytes; incomplete download?)");
  }

  Result<void> parseHeader();
  Result<void> parseEntry(uint64_t index);
  Result<void> parseArray(Entry& entry, const std::string& what);
  Result<void> findAlignment();
  Result<void> parseTensors();
  Result<void> parseTensor(uint64_t index, Tensor& tensor, uint64_t& relativeOffset);
  Result<void> placeTensors(std::span<const uint64_t> relativeOffsets);
  Result<void> checkOverlaps();

  const std::string& path;
  std::span<const std::byte> bytes;
  uint64_t position = 0;
  uint64_t tensorCount = 0;
  uint64_t entryCount = 0;
  std::vector<uint64_t> infoOffsets; ///< of the tensors' descriptions, for messages
  std::unordered_set<std::string_view> tensorNames;
  ParsedFile file;
};

Result<void> Parser::parseHeader() {
  char magic[4];
  if (!read(magic))
    return truncated("the magic number");
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (std::string_view(magic, 4) == "FUGG")
    return fail(0, "this is a big-endian GGUF file; only little-endian files are supported",
                ErrorCode::Unsupported);
  if (text.starts_with("version https://git-lfs"))
    return fail(0, "this is a Git LFS pointer, not the model itself; fetch it with 'git lfs pull'");
  if (std::string_view(magic, 4) != "GGUF")
    return fail(0, "this is not a GGUF file: it starts with " + quoted({magic, 4}) +
                       " instead of 'GGUF'");

  if (!read(file.version))
    return truncated("the version");
  // Big-endian files keep the magic's bytes and reverse all numbers.
  if (file.version != 0 && (file.version & 0xffff) == 0)
    return fail(4, "this is a big-endian GGUF file; only little-endian files are supported",
                ErrorCode::Unsupported);
  if (file.version != 2 && file.version != 3)
    return fail(4,
                "GGUF version " + number(file.version) + " is not supported; versions 2 and 3 are" +
                    (file.version == 1 ? " (convert the model again)" : ""),
                ErrorCode::Unsupported);

  if (!read(tensorCount) || !read(entryCount))
    return truncated("the header");
  if (entryCount > remaining() / minEntryBytes)
    return fail(16, "the header claims " + number(entryCount) +
                        " metadata entries, more than the remaining " + number(remaining()) +
                        " bytes can hold");
  return {};
}

Result<void> Parser::parseEntry(uint64_t index) {
  std::string which = "metadata entry " + number(index);
  uint64_t keyOffset = position;
  uint64_t length;
  if (!read(length))
    return truncated(which);
  if (length == 0 || length > maxKeyLength)
    return fail(keyOffset, which + " has a key of " + number(length) + " bytes; 1 to " +
                               number(maxKeyLength) + " are allowed");
  if (length > remaining())
    return truncated("the key of " + which);
  Entry entry;
  entry.key = {reinterpret_cast<const char*>(bytes.data() + position), size_t(length)};
  position += length;
  std::string what = "metadata key " + quoted(entry.key);

  auto [place, isNew] = file.entryByKey.try_emplace(entry.key, file.entries.size());
  if (!isNew)
    return fail(keyOffset, what + " occurs twice");

  uint32_t type;
  uint64_t typeOffset = position;
  if (!read(type))
    return truncated("the type of " + what);
  if (type > uint32_t(ValueType::F64))
    return fail(typeOffset, what + " has the unknown value type " + number(type));
  entry.type = entry.elementType = ValueType(type);
  entry.offset = position;

  if (entry.type == ValueType::Array) {
    if (Result<void> array = parseArray(entry, what); !array.ok())
      return array;
  } else {
    uint64_t size = scalarSize(entry.type);
    if (entry.type == ValueType::String && !read(size))
      return truncated("the length of " + what);
    if (size > remaining()) {
      if (entry.type == ValueType::String)
        return fail(entry.offset, what + " claims a string of " + number(size) +
                                      " bytes, but only " + number(remaining()) + " are left");
      return truncated("the value of " + what);
    }
    entry.bytes = bytes.subspan(position, size);
    position += size;
    if (entry.type == ValueType::Bool && uint8_t(entry.bytes[0]) > 1)
      return fail(entry.offset, what + " is a bool of value " + number(uint8_t(entry.bytes[0])) +
                                    ", neither 0 nor 1");
  }
  file.entries.push_back(entry);
  return {};
}

Result<void> Parser::parseArray(Entry& entry, const std::string& what) {
  uint32_t type;
  if (!read(type) || !read(entry.count))
    return truncated("the type and length of " + what);
  if (type > uint32_t(ValueType::F64))
    return fail(entry.offset, what + " is an array of the unknown value type " + number(type));
  entry.elementType = ValueType(type);
  if (entry.elementType == ValueType::Array)
    return fail(entry.offset, what + " is an array of arrays, which is not supported",
                ErrorCode::Unsupported);

  bool isStrings = entry.elementType == ValueType::String;
  uint64_t size = isStrings ? 8 : scalarSize(entry.elementType);
  if (entry.count > remaining() / size)
    return fail(entry.offset + 4, what + " claims an array of " + number(entry.count) +
                                      " elements, more than the remaining " + number(remaining()) +
                                      " bytes can hold");

  uint64_t start = position;
  if (isStrings) {
    entry.firstCheckpoint = file.checkpoints.size();
    file.checkpoints.reserve(file.checkpoints.size() +
                             (entry.count + StringArray::stride - 1) / StringArray::stride);
    for (uint64_t i = 0; i < entry.count; ++i) {
      if (i % StringArray::stride == 0)
        file.checkpoints.push_back(position - start);
      uint64_t lengthOffset = position;
      uint64_t length;
      if (!read(length))
        return truncated("string " + number(i) + " of " + what);
      if (length > remaining())
        return fail(lengthOffset, "string " + number(i) + " of " + what + " claims " +
                                      number(length) + " bytes, but only " + number(remaining()) +
                                      " are left");
      position += length;
    }
  } else {
    position += entry.count * size; // fits: compared with what remains above
  }
  entry.bytes = bytes.subspan(start, position - start);
  if (entry.elementType == ValueType::Bool)
    for (uint64_t i = 0; i < entry.count; ++i)
      if (uint8_t(entry.bytes[i]) > 1)
        return fail(start + i, "element " + number(i) + " of " + what + " is a bool of value " +
                                   number(uint8_t(entry.bytes[i])) + ", neither 0 nor 1");
  return {};
}

Result<void> Parser::findAlignment() {
  const Entry* entry = file.find("general.alignment");
  if (!entry)
    return {};
  std::optional<uint64_t> value = unsignedValue(*entry);
  if (!value)
    return fail(entry->offset, "metadata key 'general.alignment' must be a positive integer");
  if (!checked::isPowerOfTwo(*value) || *value < minAlignment || *value > maxAlignment)
    return fail(entry->offset, "metadata key 'general.alignment' is " + number(*value) +
                                   "; it must be a power of two from " + number(minAlignment) +
                                   " to " + number(maxAlignment));
  file.alignment = *value;
  return {};
}

Result<void> Parser::parseTensors() {
  if (tensorCount > remaining() / minTensorBytes)
    return fail(8, "the header claims " + number(tensorCount) +
                       " tensors, more than the remaining " + number(remaining()) +
                       " bytes can hold");
  file.tensors.reserve(tensorCount);
  infoOffsets.reserve(tensorCount);
  tensorNames.reserve(tensorCount);
  std::vector<uint64_t> relativeOffsets;
  relativeOffsets.reserve(tensorCount);
  for (uint64_t i = 0; i < tensorCount; ++i) {
    infoOffsets.push_back(position);
    Tensor tensor;
    uint64_t relativeOffset;
    if (Result<void> parsed = parseTensor(i, tensor, relativeOffset); !parsed.ok())
      return parsed;
    file.tensors.push_back(tensor);
    relativeOffsets.push_back(relativeOffset);
  }
  if (Result<void> placed = placeTensors(relativeOffsets); !placed.ok())
    return placed;
  return checkOverlaps();
}

Result<void> Parser::parseTensor(uint64_t index, Tensor& tensor, uint64_t& relativeOffset) {
  std::string which = "tensor " + number(index);
  uint64_t start = position;
  uint64_t length;
  if (!read(length))
    return truncated("the description of " + which);
  if (length == 0 || length > maxTensorNameLength)
    return fail(start, which + " has a name of " + number(length) + " bytes; 1 to " +
                           number(maxTensorNameLength) + " are allowed");
  if (length > remaining())
    return truncated("the name of " + which);
  tensor.name = {reinterpret_cast<const char*>(bytes.data() + position), size_t(length)};
  position += length;
  std::string what = "tensor " + quoted(tensor.name);
  if (!tensorNames.insert(tensor.name).second)
    return fail(start, what + " occurs twice");

  uint64_t rankOffset = position;
  if (!read(tensor.rank))
    return truncated("the description of " + what);
  if (tensor.rank < 1 || tensor.rank > tensor.dims.size())
    return fail(rankOffset,
                what + " has " + number(tensor.rank) + " dimensions; 1 to 4 are allowed");
  uint64_t elements = 1;
  for (uint32_t d = 0; d < tensor.rank; ++d) {
    uint64_t dimOffset = position;
    if (!read(tensor.dims[d]))
      return truncated("the dimensions of " + what);
    if (tensor.dims[d] == 0)
      return fail(dimOffset, "dimension " + number(d) + " of " + what + " is zero");
    std::optional<uint64_t> product = checked::multiply(elements, tensor.dims[d]);
    // Signed 64-bit arithmetic on element counts must be safe, too.
    if (!product || *product > uint64_t(INT64_MAX))
      return fail(dimOffset, "the dimensions of " + what + " multiply to more than 2^63 - 1");
    elements = *product;
  }

  uint64_t typeOffset = position;
  uint32_t type;
  if (!read(type) || !read(relativeOffset))
    return truncated("the description of " + what);
  std::optional<Format> format = formatFromId(type);
  if (!format)
    return fail(typeOffset, what + " has the unknown tensor type " + number(type),
                ErrorCode::Unsupported);
  tensor.format = *format;
  const FormatInfo& info = formatInfo(*format);
  if (tensor.rowLength() % info.weightsPerBlock != 0)
    return fail(rankOffset + 4, "rows of " + what + " have " + number(tensor.rowLength()) +
                                    " weights, not a whole number of " + std::string(info.name) +
                                    " blocks of " + number(info.weightsPerBlock));
  std::optional<uint64_t> size =
      checked::multiply(elements / info.weightsPerBlock, info.bytesPerBlock);
  if (!size)
    return fail(rankOffset + 4, "the size of " + what + " in bytes overflows 64 bits");
  // The size is compared with the file, and the data found, once the start of the data is known.
  tensor.data = {static_cast<const std::byte*>(nullptr), size_t(*size)};
  if (tensor.data.size() != *size)
    return fail(rankOffset + 4, what + " is larger than this machine's address space");
  return {};
}

Result<void> Parser::placeTensors(std::span<const uint64_t> relativeOffsets) {
  // The start cannot overflow: it lies less than one alignment past a position within the file.
  std::optional<uint64_t> dataStart = checked::alignUp(position, file.alignment);
  if (!dataStart)
    return fail(position, "the start of the tensor data overflows 64 bits");
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    Tensor& tensor = file.tensors[i];
    std::string what = "tensor " + quoted(tensor.name);
    if (relativeOffsets[i] % file.alignment != 0)
      return fail(infoOffsets[i], what + " is misaligned: its offset " +
                                      number(relativeOffsets[i]) + " is no multiple of " +
                                      number(file.alignment));
    std::optional<uint64_t> offset = checked::add(*dataStart, relativeOffsets[i]);
    if (!offset || !checked::inRange(*offset, tensor.data.size(), bytes.size()))
      return fail(infoOffsets[i], what + " lies outside the file: " + number(tensor.data.size()) +
                                      " bytes at offset " + number(relativeOffsets[i]) +
                                      " of the tensor data, which starts at byte " +
                                      number(*dataStart) + " of a file of " + number(bytes.size()) +
                                      " (incomplete download?)");
    tensor.offset = *offset;
    tensor.data = bytes.subspan(*offset, tensor.data.size());
  }
  return {};
}

Result<void> Parser::checkOverlaps() {
  std::vector<size_t> order(file.tensors.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return file.tensors[a].offset < file.tensors[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const Tensor& before = file.tensors[order[i - 1]];
    const Tensor& after = file.tensors[order[i]];
    if (before.offset + before.data.size() > after.offset)
      return fail(infoOffsets[order[i]], "tensors " + quoted(before.name) + " and " +
                                             quoted(after.name) + " overlap: bytes " +
                                             number(before.offset) + " to " +
                                             number(before.offset + before.data.size()) +
                                             " and from " + number(after.offset));
  }
  return {};
}

} // namespace

Result<ParsedFile> parseFile(const std::string& path, std::span<const std::byte> bytes) {
  return Parser(path, bytes).run();
}

std::optional<uint64_t> unsignedValue(const Entry& entry) {
  auto load = [&]<typename T>(T value) -> std::optional<uint64_t> {
    std::memcpy(&value, entry.bytes.data(), sizeof value);
    if (value < T(0))
      return std::nullopt;
    return uint64_t(value);
  };
  switch (entry.type) {
  case ValueType::U8:
    return load(uint8_t());
  case ValueType::I8:
    return load(int8_t());
  case ValueType::U16:
    return load(uint16_t());
  case ValueType::I16:
    return load(int16_t());
  case ValueType::U32:
    return load(uint32_t());
  case ValueType::I32:
    return load(int32_t());
  case ValueType::U64:
    return load(uint64_t());
  case ValueType::I64:
    return load(int64_t());
  default:
    return std::nullopt;
  }
}

std::string quoted(std::string_view name) {
  constexpr size_t shown = 80;
  std::string text = "'";
  for (char c : name.substr(0, shown)) {
    if (c >= 0x20 && c < 0x7f && c != '\'' && c != '\\') {
      text += c;
    } else {
      constexpr char digits[] = "0123456789abcdef";
      text += "\\x";
      text += digits[uint8_t(c) >> 4];
      text += digits[uint8_t(c) & 15];
    }
  }
  return text + (name.size() > shown ? "...'" : "'");
}

uint64_t scalarSize(ValueType type) {
  switch (type) {
  case ValueType::U8:
  case ValueType::I8:
  case ValueType::Bool:
    return 1;
  case ValueType::U16:
  case ValueType::I16:
    return 2;
  case ValueType::U32:
  case ValueType::I32:
  case ValueType::F32:
    return 4;
  case ValueType::U64:
  case ValueType::I64:
  case ValueType::F64:
    return 8;
  case ValueType::String:
  case ValueType::Array:
    break;
  }
  return 0;
}

} // namespace chordal::gguf
