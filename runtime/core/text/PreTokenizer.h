//===- PreTokenizer.h - where byte-level BPE may not merge ------------------------------------===//
//
// Byte-level BPE cuts a text into words first and merges inside each only. Where it cuts is
// published with each vocabulary as a list of regular expressions. Here they are data for a small
// matcher: a pre-tokenizer is a list of stages, a stage a list of alternatives, an alternative a
// short sequence of items, and an item a set of characters with a repetition.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/text/Unicode.h"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

/// A closed range of code points.
struct CharRange {
  char32_t first, last;
};

/// Characters: those of some classes and ranges, without others.
struct CharSet {
  ClassSet classes = 0;
  std::span<const CharRange> with = {};
  std::span<const CharRange> without = {};

  bool contains(char32_t code) const;
};

/// One element of an alternative, with the regular expression it stands for.
struct Item {
  enum Kind : uint8_t {
    Set,             ///< `[set]{min,max}`, greedy
    Contraction,     ///< `'s|'t|'re|'ve|'m|'ll|'d`, if min is 0 with `?`
    AnyContraction,  ///< the same in upper or lower case
    BeforeSpaceOnly, ///< `(?!\S)`: white space or the end of the text follows
    End,             ///< `$`: the end of the text
  };
  static constexpr uint32_t unbounded = ~uint32_t(0);

  Kind kind = Set;
  const CharSet* set = nullptr;
  uint32_t min = 1;
  uint32_t max = 1;
};

/// Items in sequence; matched greedily with backtracking, like a regular expression.
struct Alternative {
  static constexpr size_t maxItems = 4;
  Item items[maxItems];
  uint8_t count = 0;

  constexpr Alternative(std::initializer_list<Item> list) {
    for (const Item& item : list)
      items[count++] = item;
  }
};

/// The first alternative that matches at a position wins; what lies between matches is a word too.
using Stage = std::span<const Alternative>;

/// A pre-tokenizer: each stage cuts the words that the stages before it left, each word on its own.
struct PreTokenizer {
  std::span<const std::string_view> names; ///< the values of `tokenizer.ggml.pre` it goes by
  std::span<const Stage> stages;
  bool wholeWords = false;  ///< a word that is a token is not split, whatever the merges say
  bool addBos = false;      ///< where the file has no `tokenizer.ggml.add_bos_token`
  bool cleanSpaces = false; ///< detokenising removes spaces before punctuation
};

/// The pre-tokenizer of this name ("" is "default"), or null.
const PreTokenizer* findPreTokenizer(std::string_view name);

/// All names, sorted, separated by ", ": for messages.
std::string preTokenizerNames();

/// Appends to `ends` the end of each word of `text`, in bytes, ascending; the last is text.size().
/// Takes time linear in the length of the text.
void splitWords(const PreTokenizer& preTokenizer, std::string_view text,
                std::vector<uint32_t>& ends);

} // namespace chordal::text
