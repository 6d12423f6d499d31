//===- Normalize.cpp - decomposition and letter case ------------------------------------------===//
//
// Binary searches in the generated tables.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Normalize.h"

#include <algorithm>
#include <iterator>

namespace chordal::text {

namespace {

#include "runtime/core/text/UnicodeMappings.inc"

// Hangul syllables are numbered leading consonant, vowel, trailing consonant (Unicode Standard,
// 3.12).
constexpr char32_t firstSyllable = 0xAC00, firstLead = 0x1100, firstVowel = 0x1161;
constexpr char32_t beforeTrail = 0x11A7;
constexpr char32_t leads = 19, vowels = 21, trails = 28;

} // namespace

std::span<const char32_t> decompose(char32_t code, std::array<char32_t, 4>& parts) {
  if (code >= firstSyllable && code < firstSyllable + leads * vowels * trails) {
    char32_t index = code - firstSyllable;
    parts[0] = firstLead + index / (vowels * trails);
    parts[1] = firstVowel + index / trails % vowels;
    parts[2] = beforeTrail + index % trails;
    return {parts.data(), size_t(index % trails == 0 ? 2 : 3)};
  }
  const char32_t* found = std::lower_bound(std::begin(decomposed), std::end(decomposed), code);
  if (code < 0xC0 || found == std::end(decomposed) || *found != code) {
    parts[0] = code;
    return {parts.data(), 1};
  }
  size_t index = static_cast<size_t>(found - std::begin(decomposed));
  const char32_t* from = decompositions + decompositionStarts[index];
  size_t count = size_t(decompositionStarts[index + 1]) - decompositionStarts[index];
  std::copy_n(from, count, parts.data());
  return {parts.data(), count};
}

char32_t lowerCase(char32_t code) {
  if (code < 0x80)
    return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
  const char32_t* found = std::lower_bound(std::begin(upperCases), std::end(upperCases), code);
  if (found == std::end(upperCases) || *found != code)
    return code;
  return lowerCases[found - std::begin(upperCases)];
}

void appendUtf8(char32_t code, std::string& text) {
  auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
    return;
  }
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

} // namespace chordal::text
