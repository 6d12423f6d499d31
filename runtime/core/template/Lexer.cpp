//===- Lexer.cpp - a template's source as tokens ----------------------------------------------===//
#include "runtime/core/template/Lexer.h"

#include "runtime/core/template/Strings.h"
#include "runtime/core/text/Unicode.h"

#include <algorithm>

namespace chordal::jinja {

std::string lineAndColumn(std::string_view source, Offset at) {
  std::string_view before = source.substr(0, at);
  size_t line = 1 + size_t(std::count(before.begin(), before.end(), '\n'));
  size_t start = before.rfind('\n') + 1; // npos + 1 is 0
  std::string_view row = before.substr(start);
  size_t column = 1 + size_t(std::count_if(row.begin(), row.end(), [](char c) {
                    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                  }));
  return std::to_string(line) + ":" + std::to_string(column);
}

Error errorAt(std::string_view source, Offset at, std::string_view message, ErrorCode code) {
  return {"template:" + lineAndColumn(source, at) + ": " + std::string(message), code};
}

namespace {

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

int digitOf(char c) {
  if (isDigit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

class Lexer {
public:
  explicit Lexer(std::string_view source) : source(source) {}

  Result<std::vector<Token>> run() {
    while (!failed && at < source.size())
      lexText();
    if (failed)
      return std::move(error);
    add(TokenKind::End, source.size(), {});
    return std::move(tokens);
  }

private:
  std::string_view rest() const { return source.substr(at); }
  bool lineStarts(size_t offset) const { return offset == 0 || source[offset - 1] == '\n'; }

  void add(TokenKind kind, size_t offset, std::string text) {
    tokens.push_back({kind, static_cast<Offset>(offset), std::move(text)});
  }

  bool fail(size_t offset, std::string_view message) {
    if (!failed)
      error = errorAt(source, static_cast<Offset>(offset), message, ErrorCode::Malformed);
    failed = true;
    return false;
  }

  void skipSpace() {
    while (at < source.size()) {
      text::Char c = text::frontChar(rest());
      if (!isSpace(c.code))
        break;
      at += c.length;
    }
  }

  /// Adds source[from, to) as text, shortened as the tag that follows asks for.
  void addText(size_t from, size_t to, char sign, bool variable) {
    std::string_view text = source.substr(from, to - from);
    if (sign == '-') {
      text = strip(text, /*left=*/false, /*right=*/true);
    } else if (sign != '+' && !variable) {
      size_t line = text.rfind('\n') + 1; // 0 without a line break
      if ((line > 0 || lineStarts(from)) && strip(text.substr(line), true, true).empty())
        text = text.substr(0, line);
    }
    if (!text.empty())
      add(TokenKind::Text, from, std::string(text));
  }

  /// Takes the end of a block, "%}" or "#}", if it stands here, with the white space it swallows.
  bool takeBlockEnd(std::string_view end) {
    if (rest().starts_with(end)) {
      at += 2;
      if (at < source.size() && source[at] == '\n')
        ++at;
    } else if (rest().size() > 2 && rest()[0] == '+' && rest().substr(1).starts_with(end)) {
      at += 3;
    } else if (rest().size() > 2 && rest()[0] == '-' && rest().substr(1).starts_with(end)) {
      at += 3;
      skipSpace();
    } else {
      return false;
    }
    return true;
  }

  bool takeVariableEnd() {
    if (rest().starts_with("}}")) {
      at += 2;
    } else if (rest().starts_with("-}}")) {
      at += 3;
      skipSpace();
    } else {
      return false;
    }
    return true;
  }

  char takeSign() {
    if (at < source.size() && (source[at] == '-' || source[at] == '+'))
      return source[at++];
    return 0;
  }

  /// Text up to the next tag, and that tag.
  void lexText() {
    size_t from = at;
    size_t tag = from;
    for (;; ++tag) {
      tag = source.find('{', tag);
      if (tag == source.npos || tag + 1 == source.size())
        return addText(from, source.size(), '+', false), void(at = source.size());
      if (char c = source[tag + 1]; c == '{' || c == '%' || c == '#')
        break;
    }
    at = tag + 2;
    char sign = takeSign();
    bool variable = source[tag + 1] == '{';
    addText(from, tag, sign, variable);
    if (source[tag + 1] == '#')
      return lexComment(tag);
    if (!variable && takeRaw(tag))
      return;
    add(variable ? TokenKind::VariableBegin : TokenKind::BlockBegin, tag, {});
    lexTag(tag, variable);
  }

  void lexComment(size_t begin) {
    size_t end = source.find("#}", at);
    if (end == source.npos)
      return void(fail(begin, "a comment without its end '#}'"));
    at = end > at && (source[end - 1] == '-' || source[end - 1] == '+') ? end - 1 : end;
    takeBlockEnd("#}");
  }

  /// Takes "raw" up to the end of the tag and all up to "endraw", if that is what stands here.
  bool takeRaw(size_t begin) {
    size_t saved = at;
    skipSpace();
    if (!rest().starts_with("raw"))
      return at = saved, false;
    at += 3;
    skipSpace();
    // Not takeBlockEnd: the line break behind "raw" stays.
    if (rest().starts_with("-%}")) {
      at += 3;
      skipSpace();
    } else if (rest().starts_with("%}")) {
      at += 2;
    } else {
      return at = saved, false;
    }
    size_t from = at;
    for (size_t tag = from;; tag += 2) {
      tag = source.find("{%", tag);
      if (tag == source.npos)
        return fail(begin, "'raw' without its 'endraw'"), true;
      at = tag + 2;
      char sign = takeSign();
      skipSpace();
      if (!rest().starts_with("endraw"))
        continue;
      at += 6;
      skipSpace();
      if (!takeBlockEnd("%}"))
        continue;
      addText(from, tag, sign, false);
      return true;
    }
  }

  /// The tokens of a tag, and its end. Inside brackets "}}" and "%}" end nothing.
  void lexTag(size_t begin, bool variable) {
    std::string open;
    while (!failed) {
      size_t here = at;
      if (at == source.size())
        return void(fail(begin, variable ? "'{{' without its '}}'" : "'{%' without its '%}'"));
      if (open.empty() && (variable ? takeVariableEnd() : takeBlockEnd("%}")))
        return add(variable ? TokenKind::VariableEnd : TokenKind::BlockEnd, here, {});
      text::Char c = text::frontChar(rest());
      if (isSpace(c.code))
        at += c.length;
      else if (isDigit(source[at]))
        lexNumber();
      else if (isWordChar(c.code))
        lexName();
      else if (c.code == '\'' || c.code == '"')
        lexString(source[at]);
      else
        lexOperator(open);
    }
  }

  void lexName() {
    size_t begin = at;
    while (at < source.size()) {
      text::Char c = text::frontChar(rest());
      if (!isWordChar(c.code))
        break;
      at += c.length;
    }
    add(TokenKind::Name, begin, std::string(source.substr(begin, at - begin)));
  }

  /// Digits of a base from `from` on, "_" allowed between them; gives the offset behind them.
  size_t digits(size_t from, int base) const {
    size_t i = from;
    while (i < source.size() &&
           (digitOf(source[i]) < base || (source[i] == '_' && i > from && i + 1 < source.size() &&
                                          digitOf(source[i + 1]) < base)))
      ++i;
    return i;
  }

  void lexNumber() {
    size_t begin = at;
    TokenKind kind = TokenKind::Integer;
    char mark = at + 1 < source.size() ? char(source[at + 1] | 0x20) : ' ';
    int base = source[at] != '0' ? 10 : mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10 && digits(at + 2, base) != at + 2) {
      at = digits(at + 2, base);
    } else {
      at = digits(at, 10);
      // `x.0.5` is two subscripts, not a fraction.
      bool subscript = begin > 0 && source[begin - 1] == '.';
      if (!subscript && at + 1 < source.size() && source[at] == '.' && isDigit(source[at + 1])) {
        at = digits(at + 1, 10);
        kind = TokenKind::Float;
      }
      if (!subscript && at < source.size() && (source[at] | 0x20) == 'e') {
        size_t exponent = at + 1;
        if (exponent < source.size() && (source[exponent] == '+' || source[exponent] == '-'))
          ++exponent;
        if (size_t end = digits(exponent, 10); end != exponent) {
          at = end;
          kind = TokenKind::Float;
        }
      }
    }
    std::string text;
    for (char c : source.substr(begin, at - begin))
      if (c != '_')
        text.push_back(c);
    add(kind, begin, std::move(text));
  }

  void lexOperator(std::string& open) {
    static constexpr std::string_view twice[] = {"//", "**", "==", "!=", ">=", "<="};
    for (std::string_view op : twice)
      if (rest().starts_with(op)) {
        add(TokenKind::Operator, at, std::string(op));
        at += 2;
        return;
      }
    char c = source[at];
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos)
      return void(fail(at, "a character that means nothing in a tag"));
    if (c == '(' || c == '[' || c == '{')
      open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        return void(fail(at, std::string("unexpected '") + c + "'"));
      open.pop_back();
    }
    add(TokenKind::Operator, at++, std::string(1, c));
  }

  /// A text with Python's escapes. An escape that means nothing stands for itself.
  void lexString(char quote) {
    size_t begin = at++;
    std::string value;
    for (;;) {
      if (at >= source.size())
        return void(fail(begin, "a text without its closing quote"));
      char c = source[at++];
      if (c == quote)
        break;
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      if (at >= source.size())
        return void(fail(begin, "a text without its closing quote"));
      c = source[at++];
      static constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
      if (size_t simple = from.find(c); simple != from.npos) {
        value.push_back(to[simple]);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        char32_t code = 0;
        for (size_t i = 0; i != count; ++i, ++at) {
          if (at >= source.size() || digitOf(source[at]) > 15)
            return void(fail(at - i - 2, "an escape with too few hexadecimal digits"));
          code = code << 4 | char32_t(digitOf(source[at]));
        }
        if (code > 0x10FFFF)
          return void(fail(begin, "an escape beyond U+10FFFF"));
        appendUtf8(value, code);
      } else if (c >= '0' && c <= '7') {
        char32_t code = char32_t(c - '0');
        for (int i = 0; i != 2 && at < source.size() && source[at] >= '0' && source[at] <= '7'; ++i)
          code = code << 3 | char32_t(source[at++] - '0');
        appendUtf8(value, code);
      } else if (c == 'N') {
        return void(fail(at - 2, "escapes by the name of a character (\\N) are not supported"));
      } else if (c != '\n') { // a line break behind a backslash vanishes
        value.push_back('\\');
        value.push_back(c);
      }
    }
    add(TokenKind::String, begin, std::move(value));
  }

  std::string_view source;
  size_t at = 0;
  std::vector<Token> tokens;
  bool failed = false;
  Error error;
};

} // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(source).run();
}

} // namespace chordal::jinja
