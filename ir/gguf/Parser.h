//===- Parser.h - parsing and checking one GGUF file ------------------------------------------===//
//
// Internal to the view: turns the bytes of one file, which may be hostile, into tables whose every
// offset and length has been checked. Splits are the view's business.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"

namespace chordal::gguf {

/// The tables of one file. Everything points into the file's bytes.
struct ParsedFile {
  uint32_t version = 0;
  uint64_t alignment = defaultAlignment;
  std::vector<Entry> entries;
  std::unordered_map<std::string_view, size_t> entryByKey;
  std::vector<uint64_t> checkpoints;
  std::vector<Tensor> tensors; ///< in file order; `shard` is 0

  const Entry* find(std::string_view key) const {
    auto found = entryByKey.find(key);
    return found == entryByKey.end() ? nullptr : &entries[found->second];
  }
};

/// Parses a complete file. `path` is for messages.
Result<ParsedFile> parseFile(const std::string& path, std::span<const std::byte> bytes);

/// The value of an integer entry that is not negative; nothing for any other entry.
std::optional<uint64_t> unsignedValue(const Entry& entry);

/// A name from a file as messages show it: in quotes, shortened, unprintable bytes escaped.
std::string quoted(std::string_view name);

/// Bytes of a scalar of this type; 0 for strings and arrays.
uint64_t scalarSize(ValueType type);

} // namespace chordal::gguf
