//===- Normalize.h - decomposition and letter case --------------------------------------------===//
//
// The mappings of characters that WordPiece needs to fold case and accents away. The tables are
// generated at build time from the Unicode Character Database.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace chordal::text {

/// The full canonical decomposition of a character (Unicode Standard, 3.7; Hangul syllables by
/// 3.12), written to `parts`; the part of `parts` that was written. A character that does not
/// decompose, or any number that is no code point, gives itself. Marks are not put into canonical
/// order.
std::span<const char32_t> decompose(char32_t code, std::array<char32_t, 4>& parts);

/// The simple lower-case mapping; `code` itself where there is none.
char32_t lowerCase(char32_t code);

/// Appends a code point as UTF-8. `code` must be at most U+10FFFF.
void appendUtf8(char32_t code, std::string& text);

} // namespace chordal::text
