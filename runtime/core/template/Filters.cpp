//===- Filters.cpp - what stands behind `|`, for single values --------------------------------===//
//
// Filters with the parameters and defaults of Jinja 3.1. There is no automatic escaping; all that
// `safe` changes is that '+' escapes what is joined to such a text, as in Python. Other operations
// give plain texts.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"
#include "runtime/core/text/Unicode.h"

#include <algorithm>
#include <cmath>

namespace chordal::jinja {

namespace {

Value replaced(Engine& engine, std::string_view text, std::string_view from, std::string_view to,
               int64_t most) {
  if (most < 0)
    most = INT64_MAX;
  std::string out;
  size_t at = 0;
  engine.heap.workOnBytes(text.size());
  for (; most != 0; --most) {
    size_t found;
    if (from.empty()) {
      // Before each character, and at the end.
      found = at;
    } else {
      found = text.find(from, at);
      if (found == text.npos)
        break;
    }
    out += text.substr(at, found - at);
    out += to;
    if (!engine.heap.hasRoom(out.size()) || engine.failed)
      return engine.room(out.size()), Value();
    at = found + from.size();
    if (from.empty()) {
      if (at == text.size())
        break;
      size_t length = text::frontChar(text.substr(at)).length;
      out += text.substr(at, length);
      at += length;
    }
  }
  out += text.substr(std::min(at, text.size()));
  return engine.string(std::move(out));
}

//===--- texts --------------------------------------------------------------------------------===//

template <std::string (*change)(std::string_view)>
Value changed(Engine& engine, const Value& self, const Bound&) {
  std::string storage;
  std::string_view text = engine.textView(self, storage);
  engine.heap.workOnBytes(text.size());
  return engine.string(change(text));
}

Value trim(Engine& engine, const Value& self, const Bound& arguments) {
  std::string storage;
  std::string_view text = engine.textView(self, storage);
  engine.heap.workOnBytes(text.size());
  if (arguments.has(0) && !arguments[0].isNone()) {
    if (!arguments[0].isString())
      return engine.fail("'trim' needs a text of characters");
    return engine.string(strip(text, true, true, arguments[0].asString()));
  }
  return engine.string(strip(text, true, true));
}

/// Jinja's title: a capital behind white space, "-" and opening brackets.
std::string titleWords(std::string_view text) {
  std::string out;
  bool begins = true;
  auto splits = [](char32_t c) {
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || isSpace(c);
  };
  while (!text.empty()) {
    text::Char c = text::frontChar(text);
    if (splits(c.code)) {
      out += text.substr(0, c.length);
      text.remove_prefix(c.length);
      begins = true;
      continue;
    }
    size_t end = 0;
    while (end != text.size() && !splits(text::frontChar(text.substr(end)).code))
      end += text::frontChar(text.substr(end)).length;
    size_t first = begins ? c.length : 0;
    out += upper(text.substr(0, first));
    out += lower(text.substr(first, end - first));
    text.remove_prefix(end);
    begins = false;
  }
  return out;
}

Value escape(Engine& engine, const Value& self, const Bound&) {
  if (self.isSafe())
    return self;
  std::string storage;
  std::string_view text = engine.textView(self, storage);
  if (!engine.roomFor(text.size(), 5))
    return {};
  return engine.heap.string(escapeHtml(text), /*safe=*/true);
}

Value forceEscape(Engine& engine, const Value& self, const Bound& arguments) {
  return escape(engine, self.isSafe() ? engine.string(self.asString()) : self, arguments);
}

Value markSafe(Engine& engine, const Value& self, const Bound&) {
  return engine.heap.string(engine.text(self), /*safe=*/true);
}

std::string same(std::string_view text) {
  return std::string(text);
}

Value replace(Engine& engine, const Value& self, const Bound& arguments) {
  std::string text = engine.text(self), from = engine.text(arguments[0]),
              to = engine.text(arguments[1]);
  int64_t most = -1;
  if (arguments.has(2) && !arguments[2].isNone())
    most = engine.integer(arguments[2], "the count of 'replace'").value_or(-1);
  return engine.failed ? Value() : replaced(engine, text, from, to, most);
}

Value indent(Engine& engine, const Value& self, const Bound& arguments) {
  std::string text = engine.text(self), margin(4, ' ');
  if (arguments.has(0) && arguments[0].isString()) {
    margin = arguments[0].asString();
  } else if (arguments.has(0)) {
    auto width = engine.integer(arguments[0], "the width of 'indent'");
    if (!width || !engine.room(size_t(std::clamp<int64_t>(*width, 0, INT32_MAX))))
      return {};
    margin.assign(size_t(std::max<int64_t>(*width, 0)), ' ');
  }
  bool first = Engine::truth(arguments[1]), blank = Engine::truth(arguments[2]);
  text += '\n';
  std::vector<std::string_view> lines = splitLines(text);
  if (!engine.roomFor(lines.size(), margin.size() + sizeof(std::string_view)) ||
      !engine.room(text.size()))
    return {};
  std::string out = first ? margin : "";
  for (size_t i = 0; i != lines.size(); ++i) {
    if (i != 0) {
      out += '\n';
      if (blank || !lines[i].empty())
        out += margin;
    }
    out += lines[i];
  }
  return engine.string(std::move(out));
}

Value format(Engine& engine, const Value& self, const Bound& arguments) {
  const Arguments& all = *arguments.all;
  if (!all.positional.empty() && !all.keywords.empty())
    return engine.fail("'format' takes arguments with or without names, not both");
  std::string text = engine.text(self);
  if (!all.keywords.empty()) {
    DictObject& dict = engine.heap.make<DictObject>();
    for (const auto& [name, value] : all.keywords)
      engine.put(dict, engine.string(name), value);
    return formatPercent(engine, text, Value::dict(dict));
  }
  ListObject& tuple = engine.heap.list(Flavor::Tuple);
  for (const Value& value : all.positional)
    engine.heap.append(tuple, value);
  return formatPercent(engine, text, Value::list(tuple));
}

Value wordCount(Engine& engine, const Value& self, const Bound&) {
  std::string storage;
  std::string_view text = engine.textView(self, storage);
  engine.heap.workOnBytes(text.size());
  int64_t count = 0;
  for (bool inside = false; !text.empty();) {
    text::Char c = text::frontChar(text);
    bool word = isWordChar(c.code);
    count += word && !inside;
    inside = word;
    text.remove_prefix(c.length);
  }
  return Value::integer(count);
}

Value toJson(Engine& engine, const Value& self, const Bound& arguments) {
  JsonStyle style;
  style.asciiOnly = Engine::truth(arguments[0]);
  if (arguments[1].isString()) {
    style.indent = std::string(arguments[1].asString());
  } else if (arguments.has(1) && !arguments[1].isNone()) {
    auto width = engine.integer(arguments[1], "the indent of 'tojson'");
    if (!width || !engine.room(size_t(std::clamp<int64_t>(*width, 0, INT32_MAX))))
      return {};
    style.indent = std::string(size_t(std::max<int64_t>(*width, 0)), ' ');
  }
  if (style.indent)
    style.itemSeparator = ",";
  if (arguments.has(2) && !arguments[2].isNone()) {
    const Value& pair = arguments[2];
    if (!pair.isList() || pair.asList().items.size() != 2 || !pair.asList().items[0].isString() ||
        !pair.asList().items[1].isString())
      return engine.fail("the separators of 'tojson' must be two texts");
    style.itemSeparator = pair.asList().items[0].asString();
    style.keySeparator = pair.asList().items[1].asString();
  }
  style.sortKeys = Engine::truth(arguments[3]);
  std::string out;
  appendJson(engine, out, self, style);
  return engine.failed ? Value() : engine.string(std::move(out));
}

//===--- numbers ------------------------------------------------------------------------------===//

Value toInteger(Engine& engine, const Value& self, const Bound& arguments) {
  Value fallback = arguments.has(0) ? arguments[0] : Value::integer(0);
  if (self.isUndefined())
    return engine.failUndefined("the operand of 'int'");
  if (self.isIntegral())
    return Value::integer(self.asInteger());
  std::optional<double> real;
  if (self.is(Kind::Float)) {
    real = self.asReal();
  } else if (self.isString()) {
    int64_t base = 10;
    if (arguments.has(1))
      base = engine.integer(arguments[1], "the base of 'int'").value_or(10);
    if (base < 2 || base > 36)
      return engine.fail("the base of 'int' must be 2 to 36", ErrorCode::OutOfRange);
    engine.heap.workOnBytes(self.asString().size());
    if (auto whole = parseInteger(self.asString(), int(base)))
      return Value::integer(*whole);
    real = parseReal(self.asString());
  }
  if (!real || !std::isfinite(*real))
    return fallback;
  if (!(*real > -0x1p63 && *real < 0x1p63))
    return engine.fail("a whole number does not fit 64 bits", ErrorCode::OutOfRange);
  return Value::integer(static_cast<int64_t>(*real));
}

Value toFloat(Engine& engine, const Value& self, const Bound& arguments) {
  if (self.isUndefined())
    return engine.failUndefined("the operand of 'float'");
  if (self.isNumber())
    return Value::real(self.asReal());
  if (self.isString())
    if (auto real = parseReal(self.asString()))
      return Value::real(*real);
  return arguments.has(0) ? arguments[0] : Value::real(0);
}

Value absolute(Engine& engine, const Value& self, const Bound&) {
  if (!self.isNumber())
    return engine.fail("'abs' needs a number, not " + std::string(Engine::typeName(self)));
  if (self.is(Kind::Float))
    return Value::real(std::fabs(self.asReal()));
  return self.asInteger() < 0 ? engine.negative(self) : Value::integer(self.asInteger());
}

Value roundNumber(Engine& engine, const Value& self, const Bound& arguments) {
  if (!self.isNumber())
    return engine.fail("'round' needs a number, not " + std::string(Engine::typeName(self)));
  int64_t digits = 0;
  if (arguments.has(0))
    digits = engine.integer(arguments[0], "the precision of 'round'").value_or(0);
  std::string method = arguments.has(1) ? engine.text(arguments[1]) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    return engine.fail("the method of 'round' must be 'common', 'ceil' or 'floor'");
  if (digits < 0 || digits > 100)
    return engine.fail("the precision of 'round' must be 0 to 100", ErrorCode::OutOfRange);
  if (method == "common") {
    if (self.isIntegral())
      return Value::integer(self.asInteger());
    if (!std::isfinite(self.asReal()))
      return self;
    return Value::real(parseReal(fixedText(self.asReal(), int(digits))).value_or(0));
  }
  double scale = std::pow(10.0, double(digits)), scaled = self.asReal() * scale;
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

//===--- others -------------------------------------------------------------------------------===//

Value fallBack(Engine& engine, const Value& self, const Bound& arguments) {
  bool replaces = self.isUndefined() || (Engine::truth(arguments[1]) && !Engine::truth(self));
  if (!replaces)
    return self;
  return arguments.has(0) ? arguments[0] : engine.string("");
}

Value attr(Engine& engine, const Value& self, const Bound& arguments) {
  std::string name = engine.text(arguments[0]);
  // Members only, no entries of dictionaries.
  return self.isDict() ? findMethod(engine, self, name) : engine.attribute(self, name);
}

constexpr Signature none = {"", 0};
constexpr Signature any = {"", 0, true};

constexpr Filter table[] = {
    {"abs", none, absolute},
    {"attr", {"name", 1}, attr},
    {"capitalize", none, changed<capitalize>},
    {"d", {"default_value boolean", 0}, fallBack},
    {"default", {"default_value boolean", 0}, fallBack},
    {"e", none, escape},
    {"escape", none, escape},
    {"float", {"default", 0}, toFloat},
    {"forceescape", none, forceEscape},
    {"format", any, format},
    {"indent", {"width first blank", 0}, indent},
    {"int", {"default base", 0}, toInteger},
    {"lower", none, changed<lower>},
    {"replace", {"old new count", 2}, replace},
    {"round", {"precision method", 0}, roundNumber},
    {"safe", none, markSafe},
    {"string", none, changed<same>},
    {"title", none, changed<titleWords>},
    {"tojson", {"ensure_ascii indent separators sort_keys", 0}, toJson},
    {"trim", {"chars", 0}, trim},
    {"upper", none, changed<upper>},
    {"wordcount", none, wordCount},
};

} // namespace

const Filter* findFilter(std::string_view name) {
  for (std::span<const Filter> filters : {std::span<const Filter>(table), rowFilters()})
    for (const Filter& filter : filters)
      if (filter.name == name)
        return &filter;
  return nullptr;
}

} // namespace chordal::jinja
