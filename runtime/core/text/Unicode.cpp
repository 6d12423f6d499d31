//===- Unicode.cpp - characters, their classes, UTF-8 -----------------------------------------===//
//
// The look-up in the generated table, and decoding of UTF-8 after table 3-7 of the Unicode
// Standard: no overlong forms, no surrogates, nothing beyond U+10FFFF.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Unicode.h"

namespace chordal::text {

namespace {

#include "runtime/core/text/UnicodeTables.inc"

/// The range that the second byte of a sequence must lie in.
struct ByteRange {
  unsigned char low, high;
};

ByteRange secondByteRange(unsigned char first) {
  switch (first) {
  case 0xE0:
    return {0xA0, 0xBF};
  case 0xED:
    return {0x80, 0x9F};
  case 0xF0:
    return {0x90, 0xBF};
  case 0xF4:
    return {0x80, 0x8F};
  default:
    return {0x80, 0xBF};
  }
}

} // namespace

CharClass classOf(char32_t code) {
  if (code >= invalidByte)
    return CharClass::Cn;
  size_t block = blockIndex[code >> blockShift];
  return static_cast<CharClass>(
      blockClasses[(block << blockShift) + (code & ((1u << blockShift) - 1))]);
}

bool isCharPrefix(std::string_view text) {
  if (text.empty())
    return true;
  if (text.size() > sequenceLength(text[0]))
    return false;
  if (text.size() == 1) {
    auto byte = static_cast<unsigned char>(text[0]);
    return byte < 0x80 || (byte >= 0xC2 && byte <= 0xF4);
  }
  ByteRange range = secondByteRange(static_cast<unsigned char>(text[0]));
  for (size_t i = 1; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < range.low || byte > range.high)
      return false;
    range = {0x80, 0xBF};
  }
  return true;
}

Char frontChar(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80)
    return {first, 1};
  uint32_t length = sequenceLength(text[0]);
  if (length == 1 || text.size() < length || !isCharPrefix(text.substr(0, length)))
    return {invalidByte + first, 1};
  // The first byte of a sequence of n bytes holds 7 - n bits, each other byte 6.
  char32_t code = first & (0x7Fu >> length);
  for (uint32_t i = 1; i < length; ++i)
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  return {code, length};
}

uint32_t backLength(std::string_view text) {
  // A lead byte is never a continuation byte, so a whole sequence at the end is one character
  // whatever stands before it; anything else at the end is a byte on its own.
  for (uint32_t length = 2; length <= 4 && length <= text.size(); ++length)
    if (frontChar(text.substr(text.size() - length)).length == length)
      return length;
  return 1;
}

} // namespace chordal::text
