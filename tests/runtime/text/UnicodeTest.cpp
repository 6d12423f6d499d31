//===- UnicodeTest.cpp - character classes, UTF-8, streams ------------------------------------===//
//
// Tests character classes by examples of each, and that any bytes are
// divided into characters the same way from the front, from the back and in a stream.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Unicode.h"
#include "runtime/core/text/Utf8Stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

using namespace chordal::text;

namespace {

std::string utf8(std::initializer_list<int> bytes) {
  std::string text;
  for (int byte : bytes)
    text.push_back(static_cast<char>(byte));
  return text;
}

} // namespace

TEST(Unicode, KnowsClasses) {
  struct Case {
    char32_t code;
    CharClass expected;
  };
  // One code point of each general category, the ends of ranges among them.
  for (Case each : {Case{'A', CharClass::Lu},
                    Case{'z', CharClass::Ll},
                    Case{0x1C5, CharClass::Lt},
                    Case{0x2B0, CharClass::Lm},
                    Case{0x4E00, CharClass::Lo},
                    Case{0x9FFF, CharClass::Lo},
                    Case{0xAC00, CharClass::Lo},
                    Case{0xD7A3, CharClass::Lo},
                    Case{0xD7A4, CharClass::Cn},
                    Case{0x301, CharClass::Mn},
                    Case{0x903, CharClass::Mc},
                    Case{0x20DD, CharClass::Me},
                    Case{'7', CharClass::Nd},
                    Case{0x2167, CharClass::Nl},
                    Case{0xB2, CharClass::No},
                    Case{'_', CharClass::Pc},
                    Case{'-', CharClass::Pd},
                    Case{'(', CharClass::Ps},
                    Case{')', CharClass::Pe},
                    Case{0x201C, CharClass::Pi},
                    Case{0x201D, CharClass::Pf},
                    Case{'!', CharClass::Po},
                    Case{'+', CharClass::Sm},
                    Case{0x20AC, CharClass::Sc},
                    Case{'^', CharClass::Sk},
                    Case{0x1F600, CharClass::So},
                    Case{0x3000, CharClass::Zs},
                    Case{0x2028, CharClass::Zl},
                    Case{0x2029, CharClass::Zp},
                    Case{0, CharClass::Cc},
                    Case{'\t', CharClass::ControlSpace},
                    Case{0x85, CharClass::ControlSpace},
                    Case{0x200B, CharClass::Cf},
                    Case{0xD800, CharClass::Cs},
                    Case{0xDFFF, CharClass::Cs},
                    Case{0xE000, CharClass::Co},
                    Case{0x10FFFD, CharClass::Co},
                    Case{0x10FFFF, CharClass::Cn},
                    Case{invalidByte, CharClass::Cn},
                    Case{0xFFFFFFFF, CharClass::Cn}})
    EXPECT_EQ(static_cast<int>(classOf(each.code)), static_cast<int>(each.expected))
        << std::hex << uint32_t(each.code);
}

TEST(Unicode, KnowsWhiteSpace) {
  int count = 0;
  for (char32_t code = 0; code != 0x110000; ++code)
    count += isIn(whiteSpace, code);
  EXPECT_EQ(count, 25); // the property White_Space has had 25 members since Unicode 6.3
}

TEST(Unicode, DecodesOnlyWellFormedSequences) {
  struct Case {
    std::string bytes;
    char32_t code;
    uint32_t length;
  };
  const Case cases[] = {
      {"A", 'A', 1},
      {utf8({0xC2, 0x80}), 0x80, 2},
      {utf8({0xDF, 0xBF}), 0x7FF, 2},
      {utf8({0xE0, 0xA0, 0x80}), 0x800, 3},
      {utf8({0xEF, 0xBF, 0xBF}), 0xFFFF, 3},
      {utf8({0xF0, 0x90, 0x80, 0x80}), 0x10000, 4},
      {utf8({0xF4, 0x8F, 0xBF, 0xBF}), 0x10FFFF, 4},
      // Continuation alone, overlong, surrogate, beyond the end, cut off, no such byte.
      {utf8({0x80}), invalidByte + 0x80, 1},
      {utf8({0xC0, 0x80}), invalidByte + 0xC0, 1},
      {utf8({0xC1, 0xBF}), invalidByte + 0xC1, 1},
      {utf8({0xE0, 0x9F, 0xBF}), invalidByte + 0xE0, 1},
      {utf8({0xED, 0xA0, 0x80}), invalidByte + 0xED, 1},
      {utf8({0xF0, 0x8F, 0xBF, 0xBF}), invalidByte + 0xF0, 1},
      {utf8({0xF4, 0x90, 0x80, 0x80}), invalidByte + 0xF4, 1},
      {utf8({0xE2, 0x82}), invalidByte + 0xE2, 1},
      {utf8({0xE2, 0x82, 'x'}), invalidByte + 0xE2, 1},
      {utf8({0xFF}), invalidByte + 0xFF, 1},
  };
  for (const Case& each : cases) {
    Char decoded = frontChar(each.bytes);
    EXPECT_EQ(uint32_t(decoded.code), uint32_t(each.code)) << ::testing::PrintToString(each.bytes);
    EXPECT_EQ(decoded.length, each.length) << ::testing::PrintToString(each.bytes);
  }
}

TEST(Unicode, DividesAnyBytesTheSameWayFromBothEnds) {
  std::mt19937_64 random(std::random_device{}());
  static const unsigned char likely[] = {0x80, 0xBF, 0xC2, 0xE0, 0xA0, 0xE2, 0x82,
                                         0xED, 0xF0, 0x90, 0xF4, 0x8F, 'a',  0xFF};
  for (int i = 0; i != 20000; ++i) {
    std::string bytes(1 + random() % 12, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random() % 4 ? likely[random() % std::size(likely)] : random());
    std::vector<size_t> forward, backward;
    for (size_t at = 0; at < bytes.size();) {
      forward.push_back(at);
      at += frontChar(std::string_view(bytes).substr(at)).length;
    }
    for (size_t end = bytes.size(); end != 0;) {
      end -= backLength(std::string_view(bytes).substr(0, end));
      backward.insert(backward.begin(), end);
    }
    ASSERT_EQ(forward, backward) << ::testing::PrintToString(bytes);
  }
}

TEST(Utf8Stream, HoldsBackUnfinishedCharacters) {
  Utf8Stream stream;
  std::string out;
  stream.push(utf8({'a', 0xF0, 0x9F}), out);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(stream.pending(), 2u);
  stream.push(utf8({0x98}), out);
  EXPECT_EQ(out, "a");
  stream.push(utf8({0x80, 'b'}), out);
  EXPECT_EQ(out, "a\U0001F600b");
  EXPECT_EQ(stream.pending(), 0u);
  stream.push(utf8({0xE2, 0x82}), out);
  stream.flush(out);
  EXPECT_EQ(out, "a\U0001F600b" + utf8({0xE2, 0x82}));
}

TEST(Utf8Stream, PassesAllBytesAndNeverCutsACharacter) {
  std::mt19937_64 random(std::random_device{}());
  for (int i = 0; i != 5000; ++i) {
    std::string bytes;
    for (size_t j = random() % 10; j != 0; --j)
      if (random() % 3 == 0)
        bytes.push_back(static_cast<char>(random()));
      else
        bytes += random() % 2 ? "\U0001F600" : "\u4E2D\u00E9";
    Utf8Stream stream;
    std::string out;
    std::vector<size_t> cuts;
    for (size_t at = 0; at < bytes.size();) {
      size_t length = 1 + random() % 3;
      stream.push(std::string_view(bytes).substr(at, length), out);
      at += length;
      cuts.push_back(out.size());
      ASSERT_LE(stream.pending(), 3u);
    }
    stream.flush(out);
    ASSERT_EQ(out, bytes);
    std::vector<bool> boundary(bytes.size() + 1);
    boundary[bytes.size()] = true;
    for (size_t at = 0; at < bytes.size();) {
      boundary[at] = true;
      at += frontChar(std::string_view(bytes).substr(at)).length;
    }
    for (size_t cut : cuts)
      ASSERT_TRUE(boundary[cut]) << ::testing::PrintToString(bytes) << " cut at " << cut;
  }
}
