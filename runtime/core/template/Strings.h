//===- Strings.h - text as Python treats it ---------------------------------------------------===//
//
// Python's view of text: a row of code points, with its white space, its letter cases and its way
// to write text and numbers. Texts here are bytes in UTF-8; a byte that is no part of a well-formed
// sequence counts as one character.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::jinja {

/// str.isspace of a character.
bool isSpace(char32_t code);
/// A letter, mark, digit or underscore: what names are made of.
bool isWordChar(char32_t code);
bool isLetter(char32_t code);

/// U+FFFD for what is no character (surrogates).
void appendUtf8(std::string& out, char32_t code);

size_t countChars(std::string_view text);
/// Byte offset of the character with this index; the size of the text if it has fewer.
size_t offsetOf(std::string_view text, size_t index);
/// Its characters, each as its bytes.
std::vector<std::string_view> charsOf(std::string_view text);

/// str.strip, lstrip or rstrip: without white space, or without any of `chars`, at its ends.
std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> chars = {});
/// str.splitlines() without line ends.
std::vector<std::string_view> splitLines(std::string_view text);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string swapCase(std::string_view text);
/// str.title(): a capital after each character that is no letter.
std::string title(std::string_view text);
/// str.islower(), str.isupper().
bool isLower(std::string_view text);
bool isUpper(std::string_view text);

/// Without the characters that mean something in HTML.
std::string escapeHtml(std::string_view text);

/// repr() of a text: in quotes, with what is not printable escaped.
std::string quoted(std::string_view text);
/// repr() of a float: the shortest decimal that reads back as the same number.
std::string floatText(double number);
/// The number in decimal with `digits` digits behind the point, exactly rounded, ties to even.
std::string fixedText(double number, int digits);

/// A whole number in this base (2 to 36) as int() reads it; nothing if it is none, or not of 64
/// bits.
std::optional<int64_t> parseInteger(std::string_view text, int base);
/// A number as float() reads it.
std::optional<double> parseReal(std::string_view text);

} // namespace chordal::jinja
