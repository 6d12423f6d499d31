//===- Strings.cpp - text as Python treats it -------------------------------------------------===//
#include "runtime/core/template/Strings.h"

#include "runtime/core/text/Unicode.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace chordal::jinja {

using text::CharClass;

bool isSpace(char32_t code) {
  if (code < 0x80)
    return code == ' ' || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F);
  return text::isIn(text::whiteSpace, code);
}

bool isLetter(char32_t code) {
  return text::isIn(text::letters, code);
}

bool isWordChar(char32_t code) {
  return code == '_' || text::isIn(text::letters | text::marks | text::numbers, code);
}

void appendUtf8(std::string& out, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    code = 0xFFFD;
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
    return;
  }
  if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
  } else {
    if (code < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | code >> 12));
    } else {
      out.push_back(static_cast<char>(0xF0 | code >> 18));
      out.push_back(static_cast<char>(0x80 | (code >> 12 & 63)));
    }
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
  }
  out.push_back(static_cast<char>(0x80 | (code & 63)));
}

size_t countChars(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count)
    text.remove_prefix(text::frontChar(text).length);
  return count;
}

size_t offsetOf(std::string_view text, size_t index) {
  size_t offset = 0;
  for (; index != 0 && offset != text.size(); --index)
    offset += text::frontChar(text.substr(offset)).length;
  return offset;
}

std::vector<std::string_view> charsOf(std::string_view text) {
  std::vector<std::string_view> chars;
  while (!text.empty()) {
    size_t length = text::frontChar(text).length;
    chars.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return chars;
}

std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> chars) {
  auto goes = [&](std::string_view c) {
    if (!chars)
      return isSpace(text::frontChar(c).code);
    for (std::string_view rest = *chars; !rest.empty();) {
      size_t length = text::frontChar(rest).length;
      if (rest.substr(0, length) == c)
        return true;
      rest.remove_prefix(length);
    }
    return false;
  };
  while (left && !text.empty()) {
    size_t length = text::frontChar(text).length;
    if (!goes(text.substr(0, length)))
      break;
    text.remove_prefix(length);
  }
  while (right && !text.empty()) {
    size_t length = text::backLength(text);
    if (!goes(text.substr(text.size() - length)))
      break;
    text.remove_suffix(length);
  }
  return text;
}

std::vector<std::string_view> splitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    text::Char c = text::frontChar(text.substr(at));
    bool ends = (c.code >= 0x0A && c.code <= 0x0D) || (c.code >= 0x1C && c.code <= 0x1E) ||
                c.code == 0x85 || c.code == 0x2028 || c.code == 0x2029;
    size_t next = at + c.length;
    if (ends) {
      lines.push_back(text.substr(start, at - start));
      if (c.code == '\r' && next < text.size() && text[next] == '\n')
        ++next;
      start = next;
    }
    at = next;
  }
  if (start != text.size())
    lines.push_back(text.substr(start));
  return lines;
}

//===--- letter case --------------------------------------------------------------------------===//

namespace {

struct SimpleCase {
  char32_t code, upper, lower, title;
};
struct SpecialCase {
  char32_t code;
  char32_t cases[3][3]; ///< upper, lower, title; ended by 0 where shorter
};

#include "runtime/core/template/CaseTables.inc"

enum class Case { Upper, Lower, Title };

template <typename Table> auto* findCase(const Table& table, char32_t code) {
  auto* found = std::lower_bound(std::begin(table), std::end(table), code,
                                 [](const auto& entry, char32_t c) { return entry.code < c; });
  return found != std::end(table) && found->code == code ? found : nullptr;
}

bool isCased(char32_t code) {
  return text::isIn(text::classSet(CharClass::Lu, CharClass::Ll, CharClass::Lt), code);
}

/// Appends the character `text` begins with in another case.
void appendCase(std::string& out, std::string_view text, Case to) {
  text::Char c = text::frontChar(text);
  if (c.code < 0x80) {
    char byte = static_cast<char>(c.code);
    if (to == Case::Lower && byte >= 'A' && byte <= 'Z')
      byte = static_cast<char>(byte + 32);
    else if (to != Case::Lower && byte >= 'a' && byte <= 'z')
      byte = static_cast<char>(byte - 32);
    out.push_back(byte);
  } else if (auto* special = findCase(specialCases, c.code)) {
    for (char32_t part : special->cases[static_cast<int>(to)])
      if (part != 0)
        appendUtf8(out, part);
  } else if (auto* simple = findCase(simpleCases, c.code)) {
    appendUtf8(out, to == Case::Upper   ? simple->upper
                    : to == Case::Lower ? simple->lower
                                        : simple->title);
  } else {
    out += text.substr(0, c.length);
  }
}

/// Appends a character of `all`, at `at`, in lower case: a sigma that ends a word has its own form.
void appendLower(std::string& out, std::string_view all, size_t at) {
  text::Char c = text::frontChar(all.substr(at));
  if (c.code != 0x3A3)
    return appendCase(out, all.substr(at), Case::Lower);
  std::string_view before = all.substr(0, at), after = all.substr(at + c.length);
  bool follows =
      !before.empty() &&
      isCased(text::frontChar(before.substr(before.size() - text::backLength(before))).code);
  bool ends = after.empty() || !isCased(text::frontChar(after).code);
  appendUtf8(out, follows && ends ? 0x3C2 : 0x3C3);
}

/// Each character in the case that `choose(code, previous code)` names.
template <typename Choose> std::string mapCase(std::string_view text, Choose choose) {
  std::string out;
  out.reserve(text.size());
  char32_t previous = 0;
  for (size_t at = 0; at < text.size();) {
    text::Char c = text::frontChar(text.substr(at));
    Case to = choose(c.code, previous);
    if (to == Case::Lower)
      appendLower(out, text, at);
    else
      appendCase(out, text.substr(at), to);
    previous = c.code;
    at += c.length;
  }
  return out;
}

} // namespace

std::string upper(std::string_view text) {
  return mapCase(text, [](char32_t, char32_t) { return Case::Upper; });
}
std::string lower(std::string_view text) {
  return mapCase(text, [](char32_t, char32_t) { return Case::Lower; });
}
std::string capitalize(std::string_view text) {
  bool first = true;
  return mapCase(text, [&](char32_t, char32_t) {
    return std::exchange(first, false) ? Case::Title : Case::Lower;
  });
}
std::string title(std::string_view text) {
  return mapCase(text, [](char32_t, char32_t previous) {
    return previous != 0 && isCased(previous) ? Case::Lower : Case::Title;
  });
}
std::string swapCase(std::string_view text) {
  return mapCase(text, [](char32_t code, char32_t) {
    return text::classOf(code) == CharClass::Lu ? Case::Lower : Case::Upper;
  });
}

bool isLower(std::string_view text) {
  bool any = false;
  for (; !text.empty(); text.remove_prefix(text::frontChar(text).length)) {
    char32_t code = text::frontChar(text).code;
    if (text::isIn(text::classSet(CharClass::Lu, CharClass::Lt), code))
      return false;
    any = any || text::classOf(code) == CharClass::Ll;
  }
  return any;
}

bool isUpper(std::string_view text) {
  bool any = false;
  for (; !text.empty(); text.remove_prefix(text::frontChar(text).length)) {
    char32_t code = text::frontChar(text).code;
    if (text::isIn(text::classSet(CharClass::Ll, CharClass::Lt), code))
      return false;
    any = any || text::classOf(code) == CharClass::Lu;
  }
  return any;
}

//===--- as Python writes it ------------------------------------------------------------------===//

std::string escapeHtml(std::string_view text) {
  std::string out;
  for (char c : text) {
    static constexpr std::string_view marks = "&<>'\"";
    static constexpr std::string_view names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    if (size_t at = marks.find(c); at != marks.npos)
      out += names[at];
    else
      out.push_back(c);
  }
  return out;
}

namespace {

void appendHex(std::string& out, char32_t number, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[number >> shift & 15]);
}

} // namespace

std::string quoted(std::string_view text) {
  bool single = text.find('\'') != text.npos && text.find('"') == text.npos;
  char quote = single ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    text::Char c = text::frontChar(text);
    constexpr text::ClassSet hidden =
        text::classSet(CharClass::Cc, CharClass::Cf, CharClass::Cs, CharClass::Co, CharClass::Cn,
                       CharClass::Zs, CharClass::Zl, CharClass::Zp, CharClass::ControlSpace);
    if (c.code == char32_t(quote) || c.code == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\r') {
      out += "\\r";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (c.code == ' ' || !text::isIn(hidden, c.code)) {
      out += text.substr(0, c.length);
    } else {
      // A byte that is no part of a character stands for itself.
      char32_t code = c.code < text::invalidByte ? c.code : c.code - text::invalidByte;
      bool two = code < 0x100, four = code < 0x10000;
      out += two ? "\\x" : four ? "\\u" : "\\U";
      appendHex(out, code, two ? 2 : four ? 4 : 8);
    }
    text.remove_prefix(c.length);
  }
  out.push_back(quote);
  return out;
}

std::string floatText(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  std::string_view all(buffer, size_t(end.ptr - buffer));
  std::string out;
  if (all.front() == '-') {
    out = "-";
    all.remove_prefix(1);
  }
  size_t mark = all.find('e');
  std::string digits(all.substr(0, 1));
  if (mark > 2)
    digits += all.substr(2, mark - 2);
  int exponent = 0;
  std::string_view power = all.substr(mark + 1);
  bool negative = power.front() == '-';
  for (char c : power.substr(1))
    exponent = exponent * 10 + (c - '0');
  if (negative)
    exponent = -exponent;
  int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out.push_back(digits[0]);
    if (count > 1)
      out += "." + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    std::string size = std::to_string(std::abs(exponent));
    out += size.size() < 2 ? "0" + size : size;
  } else if (exponent < 0) {
    out += "0." + std::string(size_t(-exponent - 1), '0') + digits;
  } else if (count <= exponent + 1) {
    out += digits + std::string(size_t(exponent + 1 - count), '0') + ".0";
  } else {
    out += digits.substr(0, size_t(exponent) + 1) + "." + digits.substr(size_t(exponent) + 1);
  }
  return out;
}

std::string fixedText(double number, int digits) {
  if (!std::isfinite(number))
    return floatText(number);
  // 309 digits before the point, and 100 behind it, are the most there can be.
  char buffer[512];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed,
                           std::clamp(digits, 0, 100));
  return std::string(buffer, size_t(end.ptr - buffer));
}

//===--- as Python reads it -------------------------------------------------------------------===//

namespace {

/// Without white space at its ends and single underscores between digits; nothing if underscores
/// stand elsewhere.
std::optional<std::string> plainNumber(std::string_view text) {
  text = strip(text, true, true);
  std::string out;
  auto isDigit = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  };
  for (size_t i = 0; i != text.size(); ++i) {
    if (text[i] != '_')
      out.push_back(text[i]);
    else if (i == 0 || i + 1 == text.size() || !isDigit(text[i - 1]) || !isDigit(text[i + 1]))
      return {};
  }
  return out;
}

} // namespace

std::optional<int64_t> parseInteger(std::string_view text, int base) {
  auto plain = plainNumber(text);
  if (!plain)
    return {};
  std::string_view rest = *plain;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+'))
    rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    char mark = static_cast<char>(rest[1] | 0x20);
    if ((base == 16 && mark == 'x') || (base == 8 && mark == 'o') || (base == 2 && mark == 'b'))
      rest.remove_prefix(2);
  }
  uint64_t magnitude = 0;
  auto read = std::from_chars(rest.data(), rest.data() + rest.size(), magnitude, base);
  if (rest.empty() || read.ec != std::errc() || read.ptr != rest.data() + rest.size())
    return {};
  constexpr uint64_t most = uint64_t(std::numeric_limits<int64_t>::max());
  if (magnitude > most + (negative ? 1 : 0))
    return {};
  return negative ? static_cast<int64_t>(0 - magnitude) : static_cast<int64_t>(magnitude);
}

std::optional<double> parseReal(std::string_view text) {
  auto plain = plainNumber(text);
  if (!plain)
    return {};
  std::string_view rest = *plain;
  double sign = rest.starts_with('-') ? -1 : 1;
  if (rest.starts_with('-') || rest.starts_with('+'))
    rest.remove_prefix(1);
  std::string word = lower(rest);
  if (word == "inf" || word == "infinity")
    return sign * std::numeric_limits<double>::infinity();
  if (word == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  if (rest.empty() || !((rest[0] >= '0' && rest[0] <= '9') || rest[0] == '.'))
    return {};
  double number = 0;
  auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (read.ptr != rest.data() + rest.size())
    return {};
  if (read.ec == std::errc::result_out_of_range) {
    // Too large or too small: the sign of the exponent tells, and without one there are too many
    // digits before the point.
    size_t mark = word.find('e');
    bool small = mark != word.npos && mark + 1 < word.size() && word[mark + 1] == '-';
    return small ? sign * 0.0 : sign * std::numeric_limits<double>::infinity();
  }
  return read.ec == std::errc() ? std::optional(sign * number) : std::nullopt;
}

} // namespace chordal::jinja
