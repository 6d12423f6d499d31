//===- Filters.cpp - what stands behind `|` ---------------------------------------------------===//
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

using Row = std::vector<Value>;

/// A text in a form that compares without case; other values as they are.
Value caseless(Engine& engine, const Value& value) {
  if (!value.isString())
    return value;
  engine.heap.workOnBytes(value.asString().size());
  return engine.string(lower(value.asString()));
}

/// The attribute of an item that a filter looks at (the item, without one).
Value keyOf(Engine& engine, const Value& item, const Value& path, bool caseSensitive) {
  Value key = path.isUndefined() || path.isNone() ? item : engine.attributePath(item, path);
  return caseSensitive ? key : caseless(engine, key);
}

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

//===--- rows ---------------------------------------------------------------------------------===//

Value count(Engine& engine, const Value& self, const Bound&) {
  auto length = engine.length(self);
  return length ? Value::integer(*length) : Value();
}

Value first(Engine& engine, const Value& self, const Bound&) {
  Row storage;
  const Row* row = engine.items(self, storage);
  return row && !row->empty() ? row->front() : Value();
}

Value last(Engine& engine, const Value& self, const Bound&) {
  if (self.isList() && self.asList().flavor == Flavor::Generator)
    return engine.fail("'last' needs a list, not a generator; put 'list' before it");
  Row storage;
  const Row* row = engine.items(self, storage);
  return row && !row->empty() ? row->back() : Value();
}

Value makeList(Engine& engine, const Row& row, Flavor flavor = Flavor::List) {
  ListObject& list = engine.heap.list(flavor);
  engine.heap.work(row.size());
  for (const Value& item : row)
    engine.heap.append(list, item);
  return Value::list(list);
}

Value toList(Engine& engine, const Value& self, const Bound&) {
  Row storage;
  const Row* row = engine.items(self, storage);
  return row ? makeList(engine, *row) : Value();
}

Value items(Engine& engine, const Value& self, const Bound&) {
  ListObject& list = engine.heap.list(Flavor::Generator);
  if (!self.isUndefined() && !self.isDict())
    return engine.fail("'items' needs a dictionary, not " + std::string(Engine::typeName(self)));
  if (self.isDict())
    for (const auto& [key, value] : self.asDict().entries) {
      ListObject& pair = engine.heap.list(Flavor::Tuple);
      engine.heap.append(pair, key);
      engine.heap.append(pair, value);
      engine.heap.append(list, Value::list(pair));
    }
  return Value::list(list);
}

Value dictSort(Engine& engine, const Value& self, const Bound& arguments) {
  if (!self.isDict())
    return engine.fail("'dictsort' needs a dictionary, not " + std::string(Engine::typeName(self)));
  bool caseSensitive = Engine::truth(arguments[0]), reverse = Engine::truth(arguments[2]);
  std::string by = arguments.has(1) ? engine.text(arguments[1]) : "key";
  if (by != "key" && by != "value")
    return engine.fail("'dictsort' sorts by 'key' or 'value'");
  std::vector<std::pair<Value, Value>> rows;
  for (const auto& [key, value] : self.asDict().entries) {
    ListObject& pair = engine.heap.list(Flavor::Tuple);
    engine.heap.append(pair, key);
    engine.heap.append(pair, value);
    const Value& sorted = by == "key" ? key : value;
    rows.emplace_back(caseSensitive ? sorted : caseless(engine, sorted), Value::list(pair));
  }
  sortByKey(engine, rows, reverse);
  ListObject& list = engine.heap.list();
  for (auto& row : rows)
    engine.heap.append(list, std::move(row.second));
  return Value::list(list);
}

Value sort(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  std::vector<std::pair<Value, Value>> rows;
  const Value& path = arguments[2];
  bool several = path.isString() && path.asString().find(',') != std::string_view::npos;
  for (const Value& item : *row) {
    if (several)
      return engine.fail("sorting by several attributes is not supported", ErrorCode::Unsupported);
    rows.emplace_back(keyOf(engine, item, path, Engine::truth(arguments[1])), item);
    if (engine.failed || !engine.check())
      return {};
  }
  sortByKey(engine, rows, Engine::truth(arguments[0]));
  ListObject& list = engine.heap.list();
  for (auto& pair : rows)
    engine.heap.append(list, std::move(pair.second));
  return Value::list(list);
}

Value unique(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  ListObject& list = engine.heap.list(Flavor::Generator);
  DictObject& seen = engine.heap.make<DictObject>();
  for (const Value& item : *row) {
    Value key = keyOf(engine, item, arguments[1], Engine::truth(arguments[0]));
    size_t before = seen.entries.size();
    engine.put(seen, std::move(key), Value::none());
    if (engine.failed || !engine.check())
      return {};
    if (seen.entries.size() != before)
      engine.heap.append(list, item);
  }
  return Value::list(list);
}

template <int sign> Value extreme(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row || row->empty())
    return {};
  bool caseSensitive = Engine::truth(arguments[0]);
  Value best = row->front(), bestKey = keyOf(engine, best, arguments[1], caseSensitive);
  for (size_t i = 1; i != row->size() && !engine.failed; ++i) {
    Value key = keyOf(engine, (*row)[i], arguments[1], caseSensitive);
    if (engine.compare(key, bestKey) == sign) {
      best = (*row)[i];
      bestKey = std::move(key);
    }
  }
  return best;
}

Value sum(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  Value total = arguments.has(1) ? arguments[1] : Value::integer(0);
  for (const Value& item : *row) {
    total = engine.binary(Op::Add, total, keyOf(engine, item, arguments[0], true));
    if (engine.failed)
      return {};
  }
  return total;
}

Value reverse(Engine& engine, const Value& self, const Bound&) {
  if (self.isString()) {
    if (!engine.roomFor(self.asString().size(), sizeof(std::string_view)))
      return {};
    std::vector<std::string_view> chars = charsOf(self.asString());
    std::string out;
    for (auto c = chars.rbegin(); c != chars.rend(); ++c)
      out += *c;
    return engine.string(std::move(out));
  }
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  ListObject& list = engine.heap.list(Flavor::Generator);
  for (auto item = row->rbegin(); item != row->rend(); ++item)
    engine.heap.append(list, *item);
  return Value::list(list);
}

Value join(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  std::string separator = arguments.has(0) ? engine.text(arguments[0]) : "", out, text;
  for (size_t i = 0; i != row->size(); ++i) {
    if (i != 0)
      out += separator;
    Value item = keyOf(engine, (*row)[i], arguments[1], true);
    out += engine.textView(item, text);
    engine.heap.workOnBytes(separator.size() + text.size());
    if (engine.failed || !engine.check())
      return {};
    if (!engine.heap.hasRoom(out.size()))
      return engine.room(out.size()), Value();
  }
  return engine.string(std::move(out));
}

Value batch(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  auto size = engine.integer(arguments[0], "the size of 'batch'");
  if (!row || !size)
    return {};
  if (*size < 1 || *size > 100000)
    return engine.fail("the size of 'batch' must be 1 to 100000", ErrorCode::OutOfRange);
  ListObject& batches = engine.heap.list(Flavor::Generator);
  ListObject* part = nullptr;
  for (const Value& item : *row) {
    if (!part || part->items.size() == size_t(*size)) {
      part = &engine.heap.list();
      engine.heap.append(batches, Value::list(*part));
    }
    engine.heap.append(*part, item);
  }
  if (part && arguments.has(1) && !arguments[1].isNone())
    while (part->items.size() < size_t(*size))
      engine.heap.append(*part, arguments[1]);
  return Value::list(batches);
}

Value groupBy(Engine& engine, const Value& self, const Bound& arguments) {
  Row storage;
  const Row* row = engine.items(self, storage);
  if (!row)
    return {};
  bool caseSensitive = Engine::truth(arguments[2]);
  std::vector<std::pair<Value, Value>> rows;
  for (const Value& item : *row) {
    Value key = engine.attributePath(item, arguments[0]);
    if (key.isUndefined() && arguments.has(1))
      key = arguments[1];
    rows.emplace_back(caseSensitive ? key : caseless(engine, key), item);
    if (engine.failed)
      return {};
  }
  sortByKey(engine, rows, false);
  ListObject& groups = engine.heap.list();
  ListObject* members = nullptr;
  for (size_t i = 0; i != rows.size() && !engine.failed; ++i) {
    if (i == 0 || !engine.equal(rows[i].first, rows[i - 1].first)) {
      members = &engine.heap.list();
      ListObject& group = engine.heap.list(Flavor::Tuple);
      Value key = engine.attributePath(rows[i].second, arguments[0]);
      engine.heap.append(group, key.isUndefined() && arguments.has(1) ? arguments[1] : key);
      engine.heap.append(group, Value::list(*members));
      engine.heap.append(groups, Value::list(group));
    }
    engine.heap.append(*members, rows[i].second);
  }
  return Value::list(groups);
}

//===--- filters that apply others ------------------------------------------------------------===//

/// The arguments behind the first `skip`.
Arguments remaining(const Arguments& all, size_t skip) {
  Arguments rest;
  rest.positional.assign(all.positional.begin() + ptrdiff_t(std::min(skip, all.positional.size())),
                         all.positional.end());
  rest.keywords = all.keywords;
  return rest;
}

/// As Jinja has it, these filters take whatever is false, such as none, for an empty row.
const Row* itemsOrNone(Engine& engine, const Value& self, Row& storage) {
  return Engine::truth(self) ? engine.items(self, storage) : &storage;
}

Value map(Engine& engine, const Value& self, const Bound& arguments) {
  const Arguments& all = *arguments.all;
  Row storage;
  const Row* row = itemsOrNone(engine, self, storage);
  if (!row)
    return {};
  ListObject& list = engine.heap.list(Flavor::Generator);
  Value path, fallback;
  bool hasDefault = false;
  if (all.positional.empty()) {
    for (const auto& [name, value] : all.keywords) {
      if (name == "attribute")
        path = value;
      else if (name == "default")
        fallback = value, hasDefault = true;
      else
        return engine.fail("'map' has no parameter '" + std::string(name) + "'");
    }
    if (path.isUndefined())
      return engine.fail("'map' needs the name of a filter or attribute=");
    for (const Value& item : *row) {
      Value value = engine.attributePath(item, path);
      engine.heap.append(list, hasDefault && value.isUndefined() ? fallback : value);
      if (engine.failed || !engine.check())
        return {};
    }
    return Value::list(list);
  }
  std::string name = engine.text(all.positional[0]);
  const Filter* filter = findFilter(name);
  Arguments rest = remaining(all, 1);
  for (const Value& item : *row) {
    engine.heap.append(list, callFilter(engine, name, filter, item, rest));
    if (engine.failed || !engine.check())
      return {};
  }
  return Value::list(list);
}

/// select, reject, selectattr and rejectattr.
template <bool wanted, bool attribute>
Value choose(Engine& engine, const Value& self, const Bound& arguments) {
  const Arguments& all = *arguments.all;
  Row storage;
  const Row* row = itemsOrNone(engine, self, storage);
  if (!row)
    return {};
  if (attribute && all.positional.empty())
    return engine.fail("a filter by an attribute needs its name");
  size_t at = attribute ? 1 : 0;
  bool hasTest = all.positional.size() > at;
  std::string name = hasTest ? engine.text(all.positional[at]) : "";
  const Test* test = hasTest ? findTest(name) : nullptr;
  Arguments rest = remaining(all, at + 1);
  ListObject& list = engine.heap.list(Flavor::Generator);
  for (const Value& item : *row) {
    Value value = attribute ? engine.attributePath(item, all.positional[0]) : item;
    bool truth = hasTest ? callTest(engine, name, test, value, rest) : Engine::truth(value);
    engine.heap.work(1);
    if (engine.failed || !engine.check())
      return {};
    if (truth == wanted)
      engine.heap.append(list, item);
  }
  return Value::list(list);
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
    {"batch", {"linecount fill_with", 1}, batch},
    {"capitalize", none, changed<capitalize>},
    {"count", none, count},
    {"d", {"default_value boolean", 0}, fallBack},
    {"default", {"default_value boolean", 0}, fallBack},
    {"dictsort", {"case_sensitive by reverse", 0}, dictSort},
    {"e", none, escape},
    {"escape", none, escape},
    {"first", none, first},
    {"float", {"default", 0}, toFloat},
    {"forceescape", none, forceEscape},
    {"format", any, format},
    {"groupby", {"attribute default case_sensitive", 1}, groupBy},
    {"indent", {"width first blank", 0}, indent},
    {"int", {"default base", 0}, toInteger},
    {"items", none, items},
    {"join", {"d attribute", 0}, join},
    {"last", none, last},
    {"length", none, count},
    {"list", none, toList},
    {"lower", none, changed<lower>},
    {"map", any, map},
    {"max", {"case_sensitive attribute", 0}, extreme<1>},
    {"min", {"case_sensitive attribute", 0}, extreme<-1>},
    {"reject", any, choose<false, false>},
    {"rejectattr", any, choose<false, true>},
    {"replace", {"old new count", 2}, replace},
    {"reverse", none, reverse},
    {"round", {"precision method", 0}, roundNumber},
    {"safe", none, markSafe},
    {"select", any, choose<true, false>},
    {"selectattr", any, choose<true, true>},
    {"sort", {"reverse case_sensitive attribute", 0}, sort},
    {"string", none, changed<same>},
    {"sum", {"attribute start", 0}, sum},
    {"title", none, changed<titleWords>},
    {"tojson", {"ensure_ascii indent separators sort_keys", 0}, toJson},
    {"trim", {"chars", 0}, trim},
    {"unique", {"case_sensitive attribute", 0}, unique},
    {"upper", none, changed<upper>},
    {"wordcount", none, wordCount},
};

} // namespace

const Filter* findFilter(std::string_view name) {
  for (const Filter& filter : table)
    if (filter.name == name)
      return &filter;
  return nullptr;
}

} // namespace chordal::jinja
