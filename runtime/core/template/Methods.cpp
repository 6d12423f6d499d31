//===- Methods.cpp - methods of texts, dictionaries, lists and `loop` -------------------------===//
//
// Methods that would change a value are refused, as in the sandbox of the transformers library.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"
#include "runtime/core/text/Unicode.h"

#include <algorithm>

namespace chordal::jinja {

namespace {

//===--- texts --------------------------------------------------------------------------------===//

template <std::string (*change)(std::string_view)>
Value changed(Engine& engine, const Value& self, const Bound&) {
  engine.heap.workOnBytes(self.asString().size());
  return engine.string(change(self.asString()));
}

template <bool left, bool right>
Value stripped(Engine& engine, const Value& self, const Bound& arguments) {
  engine.heap.workOnBytes(self.asString().size());
  if (!arguments.has(0) || arguments[0].isNone())
    return engine.string(strip(self.asString(), left, right));
  if (!arguments[0].isString())
    return engine.fail("'strip' needs a text of characters");
  engine.heap.workOnBytes(self.asString().size() * (1 + arguments[0].asString().size() / 16));
  return engine.string(strip(self.asString(), left, right, arguments[0].asString()));
}

/// An argument that must be a text; empty, and an error, if it is none.
std::string_view textOf(Engine& engine, const Value& value, std::string_view method) {
  if (value.isString())
    return value.asString();
  if (value.isUndefined())
    engine.failUndefined("an argument of '" + std::string(method) + "'");
  else
    engine.fail("'" + std::string(method) + "' needs a text, not " +
                std::string(Engine::typeName(value)));
  return {};
}

/// Pieces of a text between separators (white space without one), at most `most` cuts, from the
/// left or from the right.
template <bool fromRight> Value split(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString();
  int64_t most = -1;
  if (arguments.has(1))
    most = engine.integer(arguments[1], "the number of cuts").value_or(-1);
  bool words = !arguments.has(0) || arguments[0].isNone();
  std::string_view separator = words ? "" : textOf(engine, arguments[0], "split");
  if (engine.failed)
    return {};
  if (!words && separator.empty())
    return engine.fail("'split' by an empty text", ErrorCode::OutOfRange);
  engine.heap.workOnBytes(text.size());
  std::vector<std::string_view> parts;
  if (words) {
    while (!(text = strip(text, !fromRight, fromRight)).empty()) {
      if (!fromRight) {
        size_t end = 0;
        while (most != 0 && end != text.size() && !isSpace(text::frontChar(text.substr(end)).code))
          end += text::frontChar(text.substr(end)).length;
        if (most == 0)
          end = text.size();
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end);
      } else {
        size_t begin = text.size();
        while (most != 0 && begin != 0) {
          size_t length = text::backLength(text.substr(0, begin));
          if (isSpace(text::frontChar(text.substr(begin - length)).code))
            break;
          begin -= length;
        }
        if (most == 0)
          begin = 0;
        parts.push_back(text.substr(begin));
        text = text.substr(0, begin);
      }
      --most;
    }
  } else {
    for (;; --most) {
      size_t found = fromRight ? text.rfind(separator) : text.find(separator);
      if (most == 0 || found == text.npos)
        break;
      if (fromRight) {
        parts.push_back(text.substr(found + separator.size()));
        text = text.substr(0, found);
      } else {
        parts.push_back(text.substr(0, found));
        text.remove_prefix(found + separator.size());
      }
    }
    parts.push_back(text);
  }
  if (fromRight)
    std::reverse(parts.begin(), parts.end());
  if (!engine.roomFor(parts.size(), sizeof(StringObject) + sizeof(Value)))
    return {};
  ListObject& list = engine.heap.list();
  for (std::string_view part : parts)
    engine.heap.append(list, engine.string(part));
  return Value::list(list);
}

template <bool fromRight>
Value partition(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString(), separator = textOf(engine, arguments[0], "partition");
  if (!engine.failed && separator.empty())
    return engine.fail("'partition' by an empty text", ErrorCode::OutOfRange);
  if (engine.failed)
    return {};
  engine.heap.workOnBytes(text.size());
  size_t found = fromRight ? text.rfind(separator) : text.find(separator);
  std::string_view parts[3] = {text, "", ""};
  if (found != text.npos) {
    parts[0] = text.substr(0, found);
    parts[1] = separator;
    parts[2] = text.substr(found + separator.size());
  } else if (fromRight) {
    std::swap(parts[0], parts[2]);
  }
  ListObject& tuple = engine.heap.list(Flavor::Tuple);
  for (std::string_view part : parts)
    engine.heap.append(tuple, engine.string(part));
  return Value::list(tuple);
}

Value splitLineList(Engine& engine, const Value& self, const Bound& arguments) {
  if (Engine::truth(arguments[0]))
    return engine.fail("'splitlines' that keeps line ends is not supported",
                       ErrorCode::Unsupported);
  std::vector<std::string_view> lines = splitLines(self.asString());
  if (!engine.roomFor(lines.size(), sizeof(StringObject) + sizeof(Value)))
    return {};
  ListObject& list = engine.heap.list();
  for (std::string_view line : lines)
    engine.heap.append(list, engine.string(line));
  return Value::list(list);
}

/// startswith or endswith: one text or a tuple of them.
template <bool atEnd> Value edge(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString();
  bool several = arguments[0].isList() && arguments[0].asList().flavor == Flavor::Tuple;
  size_t count = several ? arguments[0].asList().items.size() : 1;
  for (size_t i = 0; i != count && !engine.failed; ++i) {
    const Value& item = several ? arguments[0].asList().items[i] : arguments[0];
    std::string_view part = textOf(engine, item, atEnd ? "endswith" : "startswith");
    engine.heap.workOnBytes(part.size());
    if (!engine.failed && (atEnd ? text.ends_with(part) : text.starts_with(part)))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

/// find, rfind, index and rindex, in characters.
template <bool fromRight, bool mustExist>
Value findText(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString(), part = textOf(engine, arguments[0], "find");
  if (arguments.has(1))
    return engine.fail("'find' with bounds is not supported", ErrorCode::Unsupported);
  engine.heap.workOnBytes(text.size());
  size_t found = fromRight ? text.rfind(part) : text.find(part);
  if (found == text.npos)
    return mustExist ? engine.fail("the text sought is not there", ErrorCode::OutOfRange)
                     : Value::integer(-1);
  return Value::integer(static_cast<int64_t>(countChars(text.substr(0, found))));
}

Value countText(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString(), part = textOf(engine, arguments[0], "count");
  engine.heap.workOnBytes(text.size());
  if (part.empty())
    return Value::integer(static_cast<int64_t>(countChars(text)) + 1);
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size())
    ++count;
  return Value::integer(count);
}

Value replace(Engine& engine, const Value& self, const Bound& arguments) {
  textOf(engine, arguments[0], "replace");
  textOf(engine, arguments[1], "replace");
  Arguments all;
  all.positional = {arguments[0], arguments[1]};
  if (arguments.has(2))
    all.positional.push_back(arguments[2]);
  return callFilter(engine, "replace", findFilter("replace"), self, all);
}

Value joinTexts(Engine& engine, const Value& self, const Bound& arguments) {
  std::vector<Value> storage;
  const std::vector<Value>* row = engine.items(arguments[0], storage);
  std::string out;
  for (size_t i = 0; row && i != row->size() && !engine.failed; ++i) {
    if (i != 0)
      out += self.asString();
    out += textOf(engine, (*row)[i], "join");
    engine.heap.workOnBytes(self.asString().size());
    if (!engine.check() || !engine.heap.hasRoom(out.size()))
      return engine.room(out.size()), Value();
  }
  return engine.string(std::move(out));
}

Value format(Engine& engine, const Value& self, const Bound& arguments) {
  return formatBraces(engine, self.asString(), *arguments.all);
}

/// ljust, rjust and center: where the text goes when the width is more than it needs.
enum class Side { Left, Right, Middle };
template <Side side> Value justify(Engine& engine, const Value& self, const Bound& arguments) {
  auto width = engine.integer(arguments[0], "the width");
  std::string_view fill = arguments.has(1) ? textOf(engine, arguments[1], "fill") : " ";
  if (!width || engine.failed)
    return {};
  if (countChars(fill) != 1)
    return engine.fail("what fills a text up must be one character");
  int64_t missing = *width - static_cast<int64_t>(countChars(self.asString()));
  if (missing <= 0)
    return self;
  if (!engine.roomFor(size_t(std::min<int64_t>(missing, INT32_MAX)), fill.size()))
    return {};
  int64_t left = side == Side::Left    ? 0
                 : side == Side::Right ? missing
                                       : missing / 2 + (missing & *width & 1);
  std::string out;
  for (int64_t i = 0; i != left; ++i)
    out += fill;
  out += self.asString();
  for (int64_t i = left; i != missing; ++i)
    out += fill;
  return engine.string(std::move(out));
}

template <bool prefix> Value without(Engine& engine, const Value& self, const Bound& arguments) {
  std::string_view text = self.asString(), part = textOf(engine, arguments[0], "remove");
  if (engine.failed)
    return {};
  if (prefix && text.starts_with(part))
    text.remove_prefix(part.size());
  else if (!prefix && text.ends_with(part))
    text.remove_suffix(part.size());
  return engine.string(text);
}

template <text::ClassSet classes>
Value consistsOf(Engine& engine, const Value& self, const Bound&) {
  std::string_view text = self.asString();
  engine.heap.workOnBytes(text.size());
  bool all = !text.empty();
  for (; !text.empty() && all; text.remove_prefix(text::frontChar(text).length))
    all = text::isIn(classes, text::frontChar(text).code);
  return Value::boolean(all);
}

Value isSpaceText(Engine& engine, const Value& self, const Bound&) {
  engine.heap.workOnBytes(self.asString().size());
  return Value::boolean(!self.asString().empty() && strip(self.asString(), true, false).empty());
}
Value isLowerText(Engine& engine, const Value& self, const Bound&) {
  engine.heap.workOnBytes(self.asString().size());
  return Value::boolean(isLower(self.asString()));
}
Value isUpperText(Engine& engine, const Value& self, const Bound&) {
  engine.heap.workOnBytes(self.asString().size());
  return Value::boolean(isUpper(self.asString()));
}

constexpr text::ClassSet decimal = text::classSet(text::CharClass::Nd);

constexpr Method textMethods[] = {
    {"capitalize", {"", 0}, changed<capitalize>},
    {"center", {"width fillchar", 1}, justify<Side::Middle>},
    {"count", {"sub", 1}, countText},
    {"endswith", {"suffix", 1}, edge<true>},
    {"find", {"sub start end", 1}, findText<false, false>},
    {"format", {"", 0, true}, format},
    {"index", {"sub start end", 1}, findText<false, true>},
    {"isalnum", {"", 0}, consistsOf<text::letters | text::numbers>},
    {"isalpha", {"", 0}, consistsOf<text::letters>},
    {"isdecimal", {"", 0}, consistsOf<decimal>},
    {"isdigit", {"", 0}, consistsOf<decimal>},
    {"islower", {"", 0}, isLowerText},
    {"isnumeric", {"", 0}, consistsOf<text::numbers>},
    {"isspace", {"", 0}, isSpaceText},
    {"isupper", {"", 0}, isUpperText},
    {"join", {"iterable", 1}, joinTexts},
    {"ljust", {"width fillchar", 1}, justify<Side::Left>},
    {"lower", {"", 0}, changed<lower>},
    {"lstrip", {"chars", 0}, stripped<true, false>},
    {"partition", {"sep", 1}, partition<false>},
    {"removeprefix", {"prefix", 1}, without<true>},
    {"removesuffix", {"suffix", 1}, without<false>},
    {"replace", {"old new count", 2}, replace},
    {"rfind", {"sub start end", 1}, findText<true, false>},
    {"rindex", {"sub start end", 1}, findText<true, true>},
    {"rjust", {"width fillchar", 1}, justify<Side::Right>},
    {"rpartition", {"sep", 1}, partition<true>},
    {"rsplit", {"sep maxsplit", 0}, split<true>},
    {"rstrip", {"chars", 0}, stripped<false, true>},
    {"split", {"sep maxsplit", 0}, split<false>},
    {"splitlines", {"keepends", 0}, splitLineList},
    {"startswith", {"prefix", 1}, edge<false>},
    {"strip", {"chars", 0}, stripped<true, true>},
    {"swapcase", {"", 0}, changed<swapCase>},
    {"title", {"", 0}, changed<title>},
    {"upper", {"", 0}, changed<upper>},
};

//===--- dictionaries and lists ---------------------------------------------------------------===//

Value get(Engine& engine, const Value& self, const Bound& arguments) {
  if (!engine.isHashable(arguments[0]))
    return engine.fail("unhashable type: '" + std::string(Engine::typeName(arguments[0])) + "'");
  if (Value* found = engine.find(self.asDict(), arguments[0]))
    return *found;
  return arguments.has(1) ? arguments[1] : Value::none();
}

template <Flavor flavor> Value view(Engine& engine, const Value& self, const Bound&) {
  ListObject& list = engine.heap.list(flavor);
  engine.heap.work(self.asDict().entries.size());
  for (const auto& [key, value] : self.asDict().entries) {
    if (flavor == Flavor::Items) {
      ListObject& pair = engine.heap.list(Flavor::Tuple);
      engine.heap.append(pair, key);
      engine.heap.append(pair, value);
      engine.heap.append(list, Value::list(pair));
    } else {
      engine.heap.append(list, flavor == Flavor::Keys ? key : value);
    }
  }
  return Value::list(list);
}

Value copyDict(Engine& engine, const Value& self, const Bound&) {
  DictObject& copy = engine.heap.make<DictObject>();
  for (const auto& [key, value] : self.asDict().entries)
    engine.heap.append(copy, key, value);
  return Value::dict(copy);
}

constexpr Method dictMethods[] = {
    {"copy", {"", 0}, copyDict},
    {"get", {"key default", 1}, get},
    {"items", {"", 0}, view<Flavor::Items>},
    {"keys", {"", 0}, view<Flavor::Keys>},
    {"values", {"", 0}, view<Flavor::Values>},
};

Value indexOf(Engine& engine, const Value& self, const Bound& arguments) {
  const auto& row = self.asList().items;
  for (size_t i = 0; i != row.size() && !engine.failed; ++i)
    if (engine.equal(row[i], arguments[0]))
      return Value::integer(static_cast<int64_t>(i));
  return engine.fail("the item sought is not in the list", ErrorCode::OutOfRange);
}

Value countItems(Engine& engine, const Value& self, const Bound& arguments) {
  int64_t count = 0;
  for (const Value& item : self.asList().items)
    count += engine.equal(item, arguments[0]);
  return Value::integer(count);
}

Value copyList(Engine& engine, const Value& self, const Bound&) {
  ListObject& copy = engine.heap.list();
  for (const Value& item : self.asList().items)
    engine.heap.append(copy, item);
  return Value::list(copy);
}

constexpr Method listMethods[] = {
    {"copy", {"", 0}, copyList},
    {"count", {"value", 1}, countItems},
    {"index", {"value", 1}, indexOf},
};

constexpr std::string_view changingDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view changingList[] = {"append", "clear",  "extend",  "insert",
                                             "pop",    "remove", "reverse", "sort"};

//===--- loop, cycler -------------------------------------------------------------------------===//

Value cycle(Engine& engine, const Value& self, const Bound& arguments) {
  const auto& row = arguments.all->positional;
  if (row.empty())
    return engine.fail("'loop.cycle' needs at least one argument");
  return row[static_cast<LoopObject*>(self.asObject())->index % row.size()];
}

Value loopChanged(Engine& engine, const Value& self, const Bound& arguments) {
  auto& loop = *static_cast<LoopObject*>(self.asObject());
  const auto& row = arguments.all->positional;
  bool same = loop.hasChanged && loop.changed.size() == row.size();
  for (size_t i = 0; same && i != row.size(); ++i)
    same = engine.equal(loop.changed[i], row[i]);
  loop.hasChanged = true;
  loop.changed = row;
  return Value::boolean(!same);
}

constexpr Method loopMethods[] = {
    {"changed", {"", 0, true}, loopChanged},
    {"cycle", {"", 0, true}, cycle},
};

Value loopMember(const LoopObject& loop, std::string_view name) {
  auto number = [](size_t n) { return Value::integer(static_cast<int64_t>(n)); };
  size_t size = loop.items->size(), index = loop.index;
  if (size == 0) // the loop is over
    return {};
  if (name == "index")
    return number(index + 1);
  if (name == "index0")
    return number(index);
  if (name == "first")
    return Value::boolean(index == 0);
  if (name == "last")
    return Value::boolean(index + 1 == size);
  if (name == "length")
    return number(size);
  if (name == "revindex")
    return number(size - index);
  if (name == "revindex0")
    return number(size - index - 1);
  if (name == "previtem")
    return index == 0 ? Value() : (*loop.items)[index - 1];
  if (name == "nextitem")
    return index + 1 == size ? Value() : (*loop.items)[index + 1];
  if (name == "depth")
    return number(1);
  return name == "depth0" ? number(0) : Value();
}

Value nextInCycle(Engine&, const Value& self, const Bound&) {
  auto& cycler = *static_cast<CyclerObject*>(self.asObject());
  size_t at = cycler.at;
  cycler.at = (at + 1) % cycler.items.size();
  return cycler.items[at];
}
Value resetCycle(Engine&, const Value& self, const Bound&) {
  static_cast<CyclerObject*>(self.asObject())->at = 0;
  return Value::none();
}

constexpr Method cyclerMethods[] = {
    {"next", {"", 0}, nextInCycle},
    {"reset", {"", 0}, resetCycle},
};

std::span<const Method> methodsOf(const Value& self) {
  switch (self.kind()) {
  case Kind::String:
    return textMethods;
  case Kind::Dict:
    return dictMethods;
  case Kind::List:
    if (self.asList().flavor == Flavor::List)
      return listMethods;
    return self.asList().flavor == Flavor::Tuple ? std::span<const Method>(listMethods).subspan(1)
                                                 : std::span<const Method>();
  case Kind::Loop:
    return loopMethods;
  case Kind::Cycler:
    return cyclerMethods;
  default:
    return {};
  }
}

} // namespace

const Method* lookUpMethod(Engine& engine, const Value& self, std::string_view name) {
  for (const Method& method : methodsOf(self))
    if (method.name == name)
      return &method;
  auto refuse = [&](std::span<const std::string_view> names) {
    if (std::find(names.begin(), names.end(), name) != names.end())
      engine.fail("'" + std::string(name) + "' would change a " +
                      std::string(Engine::typeName(self)) + ", which templates may not do",
                  ErrorCode::Unsupported);
  };
  if (self.isDict())
    refuse(changingDict);
  else if (self.isList() && self.asList().flavor == Flavor::List)
    refuse(changingList);
  return nullptr;
}

Value findMethod(Engine& engine, const Value& self, std::string_view name) {
  if (self.is(Kind::Loop))
    if (Value member = loopMember(*static_cast<LoopObject*>(self.asObject()), name);
        !member.isUndefined())
      return member;
  if (self.is(Kind::Cycler) && name == "current") {
    const auto& cycler = *static_cast<CyclerObject*>(self.asObject());
    return cycler.items[cycler.at];
  }
  const Method* found = lookUpMethod(engine, self, name);
  if (!found)
    return {};
  MethodObject& bound = engine.heap.make<MethodObject>();
  bound.self = self;
  bound.method = found;
  return Value::object(Kind::Method, &bound);
}

} // namespace chordal::jinja
