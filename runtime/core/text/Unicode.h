//===- Unicode.h - characters, their classes, UTF-8 -------------------------------------------===//
//
// What tokenizers need to know of Unicode: the general category of every code point and which are
// white space. The table is generated at build time from the Unicode Character Database.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string_view>

namespace chordal::text {

/// General categories (Unicode Standard, table 4-4). Control characters that are white space (tab,
/// line feed, ...) have a class of their own; so white space is exactly {Zs, Zl, Zp, ControlSpace}.
enum class CharClass : uint8_t {
  // clang-format off
  Lu, Ll, Lt, Lm, Lo, Mn, Mc, Me, Nd, Nl, No, Pc, Pd, Ps, Pe, Pi, Pf, Po, Sm, Sc, Sk, So, Zs, Zl, Zp,
  Cc, Cf, Cs, Co, Cn, ControlSpace,
  // clang-format on
};

/// A set of character classes: bit i stands for class i.
using ClassSet = uint32_t;

template <typename... Classes> constexpr ClassSet classSet(Classes... classes) {
  return ((ClassSet(1) << static_cast<unsigned>(classes)) | ...);
}

inline constexpr ClassSet letters =
    classSet(CharClass::Lu, CharClass::Ll, CharClass::Lt, CharClass::Lm, CharClass::Lo);
inline constexpr ClassSet marks = classSet(CharClass::Mn, CharClass::Mc, CharClass::Me);
inline constexpr ClassSet numbers = classSet(CharClass::Nd, CharClass::Nl, CharClass::No);
inline constexpr ClassSet punctuation =
    classSet(CharClass::Pc, CharClass::Pd, CharClass::Ps, CharClass::Pe, CharClass::Pi,
             CharClass::Pf, CharClass::Po);
inline constexpr ClassSet symbols =
    classSet(CharClass::Sm, CharClass::Sc, CharClass::Sk, CharClass::So);
inline constexpr ClassSet whiteSpace =
    classSet(CharClass::Zs, CharClass::Zl, CharClass::Zp, CharClass::ControlSpace);

/// The class of a code point; Cn for what is unassigned or beyond U+10FFFF.
CharClass classOf(char32_t code);

inline bool isIn(ClassSet set, char32_t code) {
  return (set >> static_cast<unsigned>(classOf(code)) & 1) != 0;
}

/// A character of a text: its code point and how many bytes it takes.
struct Char {
  char32_t code;
  uint32_t length;
};

/// Code points from here on stand for bytes that are no valid UTF-8: invalidByte + the byte.
inline constexpr char32_t invalidByte = 0x110000;

/// The character at the front of `text`, which must not be empty. A byte that does not begin a
/// well-formed sequence (Unicode Standard, table 3-7) is a character of its own, of length 1 and of
/// no class but Cn; so any bytes have exactly one division into characters.
Char frontChar(std::string_view text);

/// Length of the last character of `text`, which must not be empty and must begin at a character
/// boundary.
uint32_t backLength(std::string_view text);

/// How many bytes a UTF-8 sequence with this first byte takes, 1 for a byte that begins none.
inline uint32_t sequenceLength(char first) {
  auto byte = static_cast<unsigned char>(first);
  return byte < 0xC2 || byte > 0xF4 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// True if `text` can be continued to one well-formed sequence: the front part of a character.
bool isCharPrefix(std::string_view text);

} // namespace chordal::text
