//===- PreTokenizer.cpp - the matcher of the pre-tokenizers -----------------------------------===//
//
// A backtracking matcher that is linear in the text for the patterns it is made for. Within an
// alternative only one item can be long and give characters back, each in constant time; and when
// an alternative that begins with an unbounded item fails, it must fail again everywhere in that
// item's run of characters, which is remembered.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/PreTokenizer.h"

#include <algorithm>

namespace chordal::text {

namespace {

constexpr uint32_t noMatch = ~uint32_t(0);

bool inRanges(std::span<const CharRange> ranges, char32_t code) {
  for (CharRange range : ranges)
    if (code >= range.first && code <= range.last)
      return true;
  return false;
}

/// Length of `'s`, `'ll` and so on at the front of the text, or noMatch.
uint32_t matchContraction(std::string_view text, bool anyCase) {
  if (text.size() < 2 || text[0] != '\'')
    return noMatch;
  auto letter = [&](size_t at) {
    char byte = at < text.size() ? text[at] : '\0';
    return anyCase && byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
  };
  char first = letter(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return 2;
  char second = letter(2);
  bool two = ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
  return two ? 3 : noMatch;
}

/// Cuts one text by the stages of a pre-tokenizer.
class Splitter {
public:
  Splitter(std::span<const Stage> stages, std::string_view text, std::vector<uint32_t>& ends)
      : stages(stages), text(text), ends(ends) {}

  void split(size_t stage, uint32_t begin, uint32_t end) {
    if (begin == end)
      return;
    if (stage == stages.size()) {
      ends.push_back(end);
      return;
    }
    // For each alternative: up to here it is known to fail.
    uint32_t failsBefore[maxAlternatives] = {};
    uint32_t gap = begin;
    for (uint32_t at = begin; at < end;) {
      uint32_t matched = matchStage(stages[stage], at, end, failsBefore);
      if (matched == noMatch || matched == at) {
        at += charLength(at, end);
        continue;
      }
      split(stage + 1, gap, at);
      split(stage + 1, at, matched);
      gap = at = matched;
    }
    split(stage + 1, gap, end);
  }

private:
  static constexpr size_t maxAlternatives = 8;

  uint32_t charLength(uint32_t at, uint32_t end) const {
    return frontChar(text.substr(at, end - at)).length;
  }

  uint32_t matchStage(Stage stage, uint32_t at, uint32_t end, uint32_t* failsBefore) const {
    for (size_t i = 0; i != stage.size(); ++i) {
      if (at < failsBefore[i])
        continue;
      uint32_t firstRunEnd = at;
      std::span<const Item> items(stage[i].items, stage[i].count);
      uint32_t matched = matchItems(items, at, end, &firstRunEnd);
      if (matched != noMatch)
        return matched;
      if (items[0].kind == Item::Set && items[0].max == Item::unbounded)
        failsBefore[i] = firstRunEnd;
    }
    return noMatch;
  }

  /// The end of the match of `items` at `at`, or noMatch. `runEnd`, if given, receives the end of
  /// the longest repetition of the first item.
  uint32_t matchItems(std::span<const Item> items, uint32_t at, uint32_t end,
                      uint32_t* runEnd) const {
    if (items.empty())
      return at;
    const Item& item = items[0];
    std::span<const Item> rest = items.subspan(1);
    switch (item.kind) {
    case Item::Contraction:
    case Item::AnyContraction: {
      uint32_t length =
          matchContraction(text.substr(at, end - at), item.kind == Item::AnyContraction);
      if (length != noMatch)
        return matchItems(rest, at + length, end, nullptr);
      return item.min == 0 ? matchItems(rest, at, end, nullptr) : noMatch;
    }
    case Item::BeforeSpaceOnly:
      return at == end || isIn(whiteSpace, frontChar(text.substr(at, end - at)).code)
                 ? matchItems(rest, at, end, nullptr)
                 : noMatch;
    case Item::End:
      return at == end ? matchItems(rest, at, end, nullptr) : noMatch;
    case Item::Set:
      break;
    }
    uint32_t count = 0, stop = at;
    while (count < item.max && stop < end) {
      Char next = frontChar(text.substr(stop, end - stop));
      if (!item.set->contains(next.code))
        break;
      stop += next.length;
      ++count;
    }
    if (runEnd)
      *runEnd = stop;
    for (;; --count) {
      if (count < item.min)
        return noMatch;
      uint32_t matched = matchItems(rest, stop, end, nullptr);
      if (matched != noMatch || count == 0)
        return matched;
      stop -= backLength(text.substr(at, stop - at));
    }
  }

  std::span<const Stage> stages;
  std::string_view text;
  std::vector<uint32_t>& ends;
};

} // namespace

bool CharSet::contains(char32_t code) const {
  bool in = isIn(classes, code) || (!with.empty() && inRanges(with, code));
  return in && (without.empty() || !inRanges(without, code));
}

void splitWords(const PreTokenizer& preTokenizer, std::string_view text,
                std::vector<uint32_t>& ends) {
  Splitter(preTokenizer.stages, text, ends).split(0, 0, static_cast<uint32_t>(text.size()));
}

} // namespace chordal::text
