//===- Json.cpp - values as JSON texts, and back ----------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"
#include "runtime/core/text/Unicode.h"

#include <charconv>
#include <cmath>

namespace chordal::jinja {

//===--- writing: json.dumps ------------------------------------------------------------------===//

namespace {

void appendUnit(std::string& out, unsigned unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[unit >> shift & 15]);
}

void appendJsonString(std::string& out, std::string_view text, bool asciiOnly) {
  out.push_back('"');
  while (!text.empty()) {
    text::Char c = text::frontChar(text);
    static constexpr std::string_view from = "\"\\\n\r\t\b\f", to = "\"\\nrtbf";
    if (c.code < 0x80 && from.find(text[0]) != from.npos) {
      out.push_back('\\');
      out.push_back(to[from.find(text[0])]);
    } else if (c.code < 0x20) {
      appendUnit(out, c.code);
    } else if (c.code < 0x80 || !asciiOnly) {
      out += text.substr(0, c.length);
    } else {
      char32_t code = c.code < text::invalidByte ? c.code : 0xFFFD;
      if (code >= 0x10000) {
        appendUnit(out, 0xD800 + ((code - 0x10000) >> 10));
        appendUnit(out, 0xDC00 + (code & 0x3FF));
      } else {
        appendUnit(out, code);
      }
    }
    text.remove_prefix(c.length);
  }
  out.push_back('"');
}

std::string jsonFloat(double number) {
  return std::isnan(number)   ? "NaN"
         : std::isinf(number) ? number < 0 ? "-Infinity" : "Infinity"
                              : floatText(number);
}

void breakLine(std::string& out, const JsonStyle& style, int depth) {
  if (!style.indent)
    return;
  out.push_back('\n');
  for (int i = 0; i != depth; ++i)
    out += *style.indent;
}

} // namespace

void appendJson(Engine& engine, std::string& out, const Value& value, const JsonStyle& style,
                int depth) {
  engine.heap.work(1);
  if (engine.failed || !engine.check())
    return;
  if (!engine.heap.hasRoom(out.size() + (style.indent ? style.indent->size() * size_t(depth) : 0)))
    return void(engine.room(engine.heap.byteLimit() + 1));
  if (depth > maxValueDepth)
    return void(
        engine.fail("a value is nested too deeply to be written as JSON", ErrorCode::OutOfRange));
  switch (value.kind()) {
  case Kind::None:
    out += "null";
    return;
  case Kind::Bool:
    out += value.asBool() ? "true" : "false";
    return;
  case Kind::Integer:
    out += std::to_string(value.asInteger());
    return;
  case Kind::Float:
    out += jsonFloat(value.asReal());
    return;
  case Kind::String:
    engine.heap.workOnBytes(value.asString().size());
    appendJsonString(out, value.asString(), style.asciiOnly);
    return;
  case Kind::List: {
    const ListObject& list = value.asList();
    if (list.flavor > Flavor::Tuple)
      break;
    out.push_back('[');
    for (size_t i = 0; i != list.items.size() && !engine.failed; ++i) {
      if (i != 0)
        out += style.itemSeparator;
      breakLine(out, style, depth + 1);
      appendJson(engine, out, list.items[i], style, depth + 1);
    }
    if (!list.items.empty())
      breakLine(out, style, depth);
    out.push_back(']');
    return;
  }
  case Kind::Dict: {
    const auto& entries = value.asDict().entries;
    std::vector<std::pair<Value, Value>> sorted;
    if (style.sortKeys) {
      sorted = entries;
      sortByKey(engine, sorted, false);
    }
    out.push_back('{');
    bool first = true;
    for (const auto& [key, item] : style.sortKeys ? sorted : entries) {
      if (!std::exchange(first, false))
        out += style.itemSeparator;
      breakLine(out, style, depth + 1);
      if (key.isString()) {
        engine.heap.workOnBytes(key.asString().size());
        appendJsonString(out, key.asString(), style.asciiOnly);
      } else if (key.isNumber() || key.isNone()) {
        out.push_back('"');
        appendJson(engine, out, key, style, depth + 1);
        out.push_back('"');
      } else {
        engine.fail("a key of JSON must be a text, a number or none, not " +
                    std::string(Engine::typeName(key)));
      }
      out += style.keySeparator;
      appendJson(engine, out, item, style, depth + 1);
      if (engine.failed)
        return;
    }
    if (!entries.empty())
      breakLine(out, style, depth);
    out.push_back('}');
    return;
  }
  default:
    break;
  }
  engine.fail("a value of type " + std::string(Engine::typeName(value)) +
              " cannot be written as JSON");
}

std::string jsonString(std::string_view text) {
  std::string valid;
  for (std::string_view rest = text; !rest.empty();) {
    text::Char c = text::frontChar(rest);
    if (c.code < text::invalidByte)
      valid += rest.substr(0, c.length);
    else
      appendUtf8(valid, 0xFFFD);
    rest.remove_prefix(c.length);
  }
  std::string out;
  appendJsonString(out, valid, /*asciiOnly=*/false);
  return out;
}

//===--- reading (RFC 8259) -------------------------------------------------------------------===//

namespace {

class Reader {
public:
  Reader(Heap& heap, std::string_view text) : heap(heap), text(text) {}

  Result<Value> run() {
    Value value = readValue(0);
    skipSpace();
    if (!failed && at != text.size())
      fail("something behind the value");
    if (failed)
      return std::move(error);
    return value;
  }

private:
  Value fail(std::string_view message, ErrorCode code = ErrorCode::Malformed) {
    if (!failed)
      error = {"JSON, byte " + std::to_string(at) + ": " + std::string(message), code};
    failed = true;
    return {};
  }

  void skipSpace() {
    while (at < text.size() && std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos)
      ++at;
  }
  bool take(char c) {
    skipSpace();
    return at < text.size() && text[at] == c && (++at, true);
  }
  bool takeWord(std::string_view word) {
    return text.substr(at).starts_with(word) && (at += word.size(), true);
  }

  Value readValue(int depth) {
    skipSpace();
    if (depth > maxValueDepth - 10)
      return fail("nested too deeply", ErrorCode::OutOfRange);
    if (heap.memoryExceeded())
      return fail("more than " + std::to_string(heap.byteLimit()) + " bytes of values",
                  ErrorCode::OutOfRange);
    if (at == text.size())
      return fail("a value is missing: the text ends");
    char c = text[at];
    if (c == '{')
      return readObject(depth);
    if (c == '[')
      return readArray(depth);
    if (c == '"')
      return readString();
    if (c == '-' || (c >= '0' && c <= '9'))
      return readNumber();
    if (takeWord("true"))
      return Value::boolean(true);
    if (takeWord("false"))
      return Value::boolean(false);
    if (takeWord("null"))
      return Value::none();
    return fail("no value begins like this");
  }

  Value readObject(int depth) {
    ++at;
    DictObject& dict = heap.make<DictObject>();
    if (take('}'))
      return Value::dict(dict);
    do {
      skipSpace();
      if (at == text.size() || text[at] != '"')
        return fail("expected the name of a member in quotes");
      Value key = readString();
      if (failed || !take(':'))
        return fail("expected ':'");
      Value value = readValue(depth + 1);
      if (failed)
        return {};
      // As Python: the last of several members of one name counts.
      if (const Value* present = dict.find(key.asString()))
        *const_cast<Value*>(present) = std::move(value);
      else
        heap.append(dict, std::move(key), std::move(value));
    } while (take(','));
    return take('}') ? Value::dict(dict) : fail("expected ',' or '}'");
  }

  Value readArray(int depth) {
    ++at;
    ListObject& list = heap.list();
    if (take(']'))
      return Value::list(list);
    do {
      heap.append(list, readValue(depth + 1));
    } while (!failed && take(','));
    return take(']') ? Value::list(list) : fail("expected ',' or ']'");
  }

  /// Four hexadecimal digits.
  char32_t readUnit() {
    char32_t unit = 0;
    for (int i = 0; i != 4; ++i, ++at) {
      char c = at < text.size() ? text[at] : ' ';
      int digit = c >= '0' && c <= '9' ? c - '0' : -1;
      if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (c | 0x20) - 'a' + 10;
      if (digit < 0)
        return fail("an escape with too few hexadecimal digits"), 0;
      unit = unit << 4 | char32_t(digit);
    }
    return unit;
  }

  Value readString() {
    ++at;
    std::string value;
    for (;;) {
      if (at == text.size())
        return fail("a text without its closing quote");
      char c = text[at++];
      if (c == '"')
        return heap.string(std::move(value));
      if (static_cast<unsigned char>(c) < 0x20)
        return fail("a control character in a text must be escaped");
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      c = at < text.size() ? text[at++] : ' ';
      static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
      if (size_t simple = from.find(c); simple != from.npos) {
        value.push_back(to[simple]);
      } else if (c == 'u') {
        char32_t code = readUnit();
        if (code >= 0xD800 && code < 0xDC00 && text.substr(at).starts_with("\\u")) {
          size_t saved = at;
          at += 2;
          char32_t low = readUnit();
          if (low >= 0xDC00 && low < 0xE000)
            code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
          else
            at = saved;
        }
        appendUtf8(value, code);
      } else {
        return fail("an unknown escape");
      }
      if (failed)
        return {};
    }
  }

  Value readNumber() {
    size_t begin = at;
    auto digits = [&] {
      size_t from = at;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9')
        ++at;
      return at != from;
    };
    if (text[at] == '-')
      ++at;
    bool whole = true, good = true;
    if (at < text.size() && text[at] == '0')
      ++at;
    else
      good = digits();
    if (good && at < text.size() && text[at] == '.') {
      ++at;
      whole = false;
      good = digits();
    }
    if (good && at < text.size() && (text[at] | 0x20) == 'e') {
      ++at;
      if (at < text.size() && (text[at] == '+' || text[at] == '-'))
        ++at;
      whole = false;
      good = digits();
    }
    if (!good)
      return fail("a malformed number");
    std::string_view number = text.substr(begin, at - begin);
    if (!whole)
      return Value::real(parseReal(number).value_or(0));
    int64_t value = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc())
      return fail("the whole number " + std::string(number.substr(0, 40)) + " does not fit 64 bits",
                  ErrorCode::OutOfRange);
    return Value::integer(value);
  }

  Heap& heap;
  std::string_view text;
  size_t at = 0;
  bool failed = false;
  Error error;
};

} // namespace

Result<Value> readJson(Heap& heap, std::string_view text) {
  return Reader(heap, text).run();
}

} // namespace chordal::jinja
