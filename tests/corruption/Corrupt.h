//===- Corrupt.h - model files with something wrong in them -----------------------------------===//
//
// Knows where the fields of a valid GGUF file are (counts, lengths, types, values, dimensions,
// offsets), so that most corruptions hit something that a reader acts upon. Knows nothing of what
// readers check.
//
// Source of the format: the GGUF specification (ggml/docs/gguf.md), version 3, little-endian.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace chordal::corruption {

/// What a field of the file says.
enum class FieldKind : uint8_t {
  Header,     ///< magic and version
  Count,      ///< of tensors, of metadata, of the elements of an array
  Length,     ///< of a string
  ValueType,  ///< of a metadata value or of an array's elements
  Scalar,     ///< a number of the metadata
  Element,    ///< a number in an array
  Text,       ///< the bytes of a key, a value or a name
  Rank,       ///< number of dimensions of a tensor
  Dimension,  ///< of a tensor
  TensorType, ///< its format
  Offset,     ///< where its data starts
};
inline constexpr size_t fieldKinds = size_t(FieldKind::Offset) + 1;

struct Field {
  size_t at;   ///< byte offset in the file
  size_t size; ///< in bytes
  bool isFloat = false;
};

/// A valid file and where its fields are.
class Source {
public:
  /// Reads a file that is known to be valid; throws std::runtime_error if it is not.
  explicit Source(const std::string& path);

  const std::string& path() const { return name; }
  /// A copy with one to four things wrong, and in `what` a list of them.
  std::vector<uint8_t> corrupt(std::mt19937_64& random, std::string& what) const;

private:
  friend class Walk;
  std::string name;
  std::vector<uint8_t> bytes;
  std::array<std::vector<Field>, fieldKinds> fields;
  size_t headerEnd = 0; ///< where the list of tensors ends
};

} // namespace chordal::corruption
