//===- CharacterMap.h - SentencePiece's precompiled normalisation -----------------------------===//
//
// A SentencePiece model carries its normalisation as a map from sequences of characters to
// replacements. Source of the format: the sentencepiece repository (normalizer.cc), the double
// array is that of Darts-clone: the length of the double array in bytes (u32, little-endian), the
// double array (u32 each), then the replacements, each with a zero byte behind it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstdint>
#include <string_view>

namespace chordal::text {

/// A view of a character map in the caller's memory. An empty one changes nothing.
class CharacterMap {
public:
  /// The longest key and the longest replacement that are read, in bytes; NFKC needs 33.
  static constexpr size_t maxLength = 255;

  /// Checks the lengths of the parts and every replacement. The links of the double array are
  /// checked as they are followed.
  Result<void> init(std::string_view bytes);

  bool empty() const { return units == 0; }

  /// What the front of a text becomes.
  struct Match {
    size_t length = 0; ///< bytes of the text that are replaced; 0 if the front is no key
    std::string_view replacement;
  };
  /// The longest key that `text` begins with. A broken link ends the search.
  Match find(std::string_view text) const;

private:
  uint32_t unit(size_t index) const;

  std::string_view array, replacements;
  size_t units = 0;
};

} // namespace chordal::text
