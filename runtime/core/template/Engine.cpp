//===- Engine.cpp - values as Python sees them ------------------------------------------------===//
#include "runtime/core/template/Engine.h"

#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Lexer.h"
#include "runtime/core/template/Strings.h"
#include "runtime/core/text/Unicode.h"

#include <algorithm>
#include <cmath>

namespace chordal::jinja {

//===--- errors and limits --------------------------------------------------------------------===//

Value Engine::fail(std::string_view message, ErrorCode code) {
  if (!failed)
    error = errorAt(source, here, message, code);
  failed = true;
  return {};
}

Value Engine::failUndefined(std::string_view what) {
  return fail(std::string(what) + " is undefined", ErrorCode::Missing);
}

bool Engine::check() {
  if (heap.memoryExceeded())
    fail("the template needs more than " + std::to_string(heap.byteLimit()) + " bytes of memory",
         ErrorCode::OutOfRange);
  else if (heap.workExceeded())
    fail("the template does not come to an end", ErrorCode::OutOfRange);
  return !failed;
}

bool Engine::room(size_t bytes) {
  if (!heap.hasRoom(bytes))
    heap.take(heap.byteLimit() + 1);
  heap.workOnBytes(bytes);
  return check();
}

bool Engine::roomFor(size_t a, size_t b) {
  return room(b != 0 && a > heap.byteLimit() / b ? heap.byteLimit() + 1 : a * b);
}

//===--- what values are ----------------------------------------------------------------------===//

std::string_view Engine::typeName(const Value& value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return "Undefined";
  case Kind::None:
    return "NoneType";
  case Kind::Bool:
    return "bool";
  case Kind::Integer:
    return "int";
  case Kind::Float:
    return "float";
  case Kind::String:
    return "str";
  case Kind::Dict:
    return "dict";
  case Kind::Namespace:
    return "Namespace";
  case Kind::Function:
    return "function";
  case Kind::Method:
    return "method";
  case Kind::Macro:
    return "Macro";
  case Kind::Loop:
    return "LoopContext";
  case Kind::Cycler:
    return "Cycler";
  case Kind::Joiner:
    return "Joiner";
  case Kind::List:
    break;
  }
  switch (value.asList().flavor) {
  case Flavor::List:
    return "list";
  case Flavor::Tuple:
    return "tuple";
  case Flavor::Range:
    return "range";
  case Flavor::Generator:
    return "generator";
  case Flavor::Keys:
    return "dict_keys";
  case Flavor::Values:
    return "dict_values";
  case Flavor::Items:
    return "dict_items";
  }
  return "list";
}

bool Engine::truth(const Value& value) {
  switch (value.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Bool:
    return value.asBool();
  case Kind::Integer:
    return value.asInteger() != 0;
  case Kind::Float:
    return value.asReal() != 0;
  case Kind::String:
    return !value.asString().empty();
  case Kind::List:
    return value.asList().flavor == Flavor::Generator || !value.asList().items.empty();
  case Kind::Dict:
    return !value.asDict().entries.empty();
  default:
    return true;
  }
}

std::string Engine::text(const Value& value) {
  std::string storage;
  return std::string(textView(value, storage));
}

std::string_view Engine::textView(const Value& value, std::string& storage) {
  if (value.isString())
    return value.asString();
  storage.clear();
  if (!value.isUndefined())
    appendRepr(storage, value);
  return storage;
}

std::string Engine::repr(const Value& value) {
  std::string out;
  appendRepr(out, value);
  return out;
}

void Engine::appendRepr(std::string& out, const Value& value, int depth) {
  heap.work(1);
  // What has been written so far must fit too: parts may be shared, and the text far larger.
  if (failed || !room(0))
    return;
  if (!heap.hasRoom(out.size()))
    return void(room(out.size()));
  if (depth > maxValueDepth)
    return void(fail("a value is nested too deeply to be written", ErrorCode::OutOfRange));
  switch (value.kind()) {
  case Kind::Undefined:
    out += "Undefined";
    return;
  case Kind::None:
    out += "None";
    return;
  case Kind::Bool:
    out += value.asBool() ? "True" : "False";
    return;
  case Kind::Integer:
    out += std::to_string(value.asInteger());
    return;
  case Kind::Float:
    out += floatText(value.asReal());
    return;
  case Kind::String:
    heap.workOnBytes(value.asString().size());
    out += quoted(value.asString());
    return;
  case Kind::List: {
    const ListObject& list = value.asList();
    if (list.flavor == Flavor::Generator) {
      out += "<generator object>";
      return;
    }
    if (list.flavor == Flavor::Range) {
      bool step =
          list.items.size() > 1 && list.items[1].asInteger() - list.items[0].asInteger() != 1;
      if (step)
        return void(fail("a range with a step cannot be written as text", ErrorCode::Unsupported));
      int64_t first = list.items.empty() ? 0 : list.items.front().asInteger();
      out += "range(" + std::to_string(first) + ", " +
             std::to_string(first + int64_t(list.items.size())) + ")";
      return;
    }
    bool tuple = list.flavor == Flavor::Tuple, view = !tuple && list.flavor != Flavor::List;
    if (view) {
      out += typeName(value);
      out += "(";
    }
    out += tuple ? "(" : "[";
    for (size_t i = 0; i != list.items.size() && !failed; ++i) {
      if (i != 0)
        out += ", ";
      appendRepr(out, list.items[i], depth + 1);
    }
    out += tuple ? list.items.size() == 1 ? ",)" : ")" : "]";
    if (view)
      out += ")";
    return;
  }
  case Kind::Dict:
  case Kind::Namespace: {
    if (value.is(Kind::Namespace))
      out += "<Namespace ";
    out += "{";
    bool first = true;
    for (const auto& [key, item] : value.asDict().entries) {
      if (!std::exchange(first, false))
        out += ", ";
      appendRepr(out, key, depth + 1);
      out += ": ";
      appendRepr(out, item, depth + 1);
      if (failed)
        return;
    }
    out += value.is(Kind::Namespace) ? "}>" : "}";
    return;
  }
  default:
    out += "<" + std::string(typeName(value)) + ">";
  }
}

//===--- comparison ---------------------------------------------------------------------------===//

namespace {

bool isSequence(const Value& value, Flavor flavor) {
  return value.isList() && value.asList().flavor == flavor;
}

/// Compares exactly, unlike a conversion of large integers to double. 2: unordered.
int compareNumbers(const Value& a, const Value& b) {
  if (a.isIntegral() && b.isIntegral())
    return a.asInteger() < b.asInteger() ? -1 : a.asInteger() > b.asInteger();
  if (a.is(Kind::Float) && b.is(Kind::Float)) {
    double x = a.asReal(), y = b.asReal();
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  if (b.isIntegral()) {
    int order = compareNumbers(b, a);
    return order == 2 ? 2 : -order;
  }
  double y = b.asReal();
  if (std::isnan(y))
    return 2;
  if (y >= 0x1p63)
    return -1;
  if (y < -0x1p63)
    return 1;
  int64_t whole = static_cast<int64_t>(y), x = a.asInteger();
  if (x != whole)
    return x < whole ? -1 : 1;
  double rest = y - double(whole);
  return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

} // namespace

bool Engine::equal(const Value& a, const Value& b, int depth) {
  heap.work(1);
  if (failed || !check())
    return false;
  if (depth > maxValueDepth)
    return fail("a value is nested too deeply to be compared", ErrorCode::OutOfRange), false;
  if (a.isNumber() && b.isNumber())
    return compareNumbers(a, b) == 0;
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::String:
    heap.workOnBytes(std::min(a.asString().size(), b.asString().size()));
    return a.asString() == b.asString();
  case Kind::List: {
    const ListObject &x = a.asList(), &y = b.asList();
    if (&x == &y)
      return true;
    if (x.flavor != y.flavor || x.flavor == Flavor::Generator || x.items.size() != y.items.size())
      return false;
    for (size_t i = 0; i != x.items.size(); ++i)
      if (!equal(x.items[i], y.items[i], depth + 1))
        return false;
    return !failed;
  }
  case Kind::Dict: {
    DictObject &x = a.asDict(), &y = b.asDict();
    if (&x == &y)
      return true;
    if (x.entries.size() != y.entries.size())
      return false;
    for (const auto& [key, value] : x.entries) {
      Value* other = find(y, key);
      if (!other || !equal(value, *other, depth + 1))
        return false;
    }
    return !failed;
  }
  default:
    return a.asObject() == b.asObject();
  }
}

int Engine::compare(const Value& a, const Value& b, int depth) {
  heap.work(1);
  if (failed || !check())
    return 0;
  if (depth > maxValueDepth)
    return fail("a value is nested too deeply to be compared", ErrorCode::OutOfRange), 0;
  if (a.isNumber() && b.isNumber())
    return compareNumbers(a, b);
  if (a.isString() && b.isString()) {
    heap.workOnBytes(std::min(a.asString().size(), b.asString().size()));
    int order = a.asString().compare(b.asString());
    return order < 0 ? -1 : order > 0;
  }
  bool rows = (isSequence(a, Flavor::List) && isSequence(b, Flavor::List)) ||
              (isSequence(a, Flavor::Tuple) && isSequence(b, Flavor::Tuple));
  if (!rows) {
    fail("cannot order " + std::string(typeName(a)) + " and " + std::string(typeName(b)));
    return 0;
  }
  const auto &x = a.asList().items, &y = b.asList().items;
  for (size_t i = 0; i != std::min(x.size(), y.size()); ++i)
    if (!equal(x[i], y[i], depth + 1))
      return failed ? 0 : compare(x[i], y[i], depth + 1);
  return x.size() < y.size() ? -1 : x.size() > y.size();
}

bool Engine::isHashable(const Value& value) {
  if (value.isDict() || value.is(Kind::Namespace) || value.isUndefined())
    return false;
  if (!value.isList())
    return true;
  if (value.asList().flavor != Flavor::Tuple)
    return value.asList().flavor == Flavor::Range || value.asList().flavor == Flavor::Generator;
  return std::all_of(value.asList().items.begin(), value.asList().items.end(),
                     [&](const Value& item) {
                       heap.work(1);
                       return !item.isList() && isHashable(item);
                     });
}

//===--- containers ---------------------------------------------------------------------------===//

const std::vector<Value>* Engine::items(const Value& value, std::vector<Value>& storage) {
  storage.clear();
  switch (value.kind()) {
  case Kind::List: {
    ListObject& list = value.asList();
    heap.work(list.items.size() / 4);
    if (list.flavor != Flavor::Generator)
      return &list.items;
    storage.swap(list.items);
    return &storage;
  }
  case Kind::Dict:
    heap.work(value.asDict().entries.size());
    for (const auto& entry : value.asDict().entries)
      storage.push_back(entry.first);
    return &storage;
  case Kind::String:
    if (!roomFor(value.asString().size(), sizeof(StringObject) + sizeof(Value)))
      return nullptr;
    for (std::string_view c : charsOf(value.asString()))
      storage.push_back(string(c));
    return &storage;
  case Kind::Undefined:
    return &storage;
  default:
    fail("'" + std::string(typeName(value)) + "' object is not iterable");
    return nullptr;
  }
}

std::optional<int64_t> Engine::length(const Value& value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return 0;
  case Kind::String:
    heap.workOnBytes(value.asString().size());
    return static_cast<int64_t>(countChars(value.asString()));
  case Kind::Dict:
    return static_cast<int64_t>(value.asDict().entries.size());
  case Kind::List:
    if (value.asList().flavor != Flavor::Generator)
      return static_cast<int64_t>(value.asList().items.size());
    [[fallthrough]];
  default:
    fail("object of type '" + std::string(typeName(value)) + "' has no length");
    return {};
  }
}

bool Engine::contains(const Value& container, const Value& item) {
  if (container.isString()) {
    if (!item.isString()) {
      if (item.isUndefined())
        return failUndefined("what is sought in a text"), false;
      return fail("'in <text>' needs a text on its left, not " + std::string(typeName(item))),
             false;
    }
    heap.workOnBytes(container.asString().size());
    return container.asString().find(item.asString()) != std::string_view::npos;
  }
  if (container.isDict()) {
    if (!isHashable(item))
      return fail("unhashable type: '" + std::string(typeName(item)) + "'"), false;
    return find(container.asDict(), item) != nullptr;
  }
  if (!container.isList() && !container.isUndefined())
    return fail("argument of type '" + std::string(typeName(container)) + "' is not iterable"),
           false;
  std::vector<Value> storage;
  const std::vector<Value>* row = items(container, storage);
  if (!row)
    return false;
  for (const Value& other : *row)
    if (equal(other, item))
      return true;
  return false;
}

Value* Engine::find(DictObject& dict, const Value& key) {
  heap.work(1 + dict.entries.size() / 8);
  for (auto& [name, value] : dict.entries) {
    if (name.isString() && key.isString()) {
      if (name.asString() == key.asString())
        return &value;
    } else if (name.isString() == key.isString() && equal(name, key)) {
      return &value;
    }
  }
  return nullptr;
}

void Engine::put(DictObject& dict, Value key, Value value) {
  if (!isHashable(key))
    return void(fail("unhashable type: '" + std::string(typeName(key)) + "'"));
  if (Value* present = find(dict, key))
    *present = std::move(value);
  else
    heap.append(dict, std::move(key), std::move(value));
}

Value Engine::attribute(const Value& object, std::string_view name) {
  if (object.isUndefined())
    return failUndefined("the value before '." + std::string(name) + "'");
  if (object.is(Kind::Namespace)) {
    const Value* found = object.asDict().find(name);
    return found ? *found : Value();
  }
  Value method = findMethod(*this, object, name);
  if (failed || !method.isUndefined() || !object.isDict())
    return method;
  heap.work(1 + object.asDict().entries.size() / 8);
  const Value* found = object.asDict().find(name);
  return found ? *found : Value();
}

Value Engine::subscript(const Value& object, const Value& key) {
  if (object.isUndefined())
    return failUndefined("the value before '[...]'");
  if (object.isDict()) {
    if (!isHashable(key))
      return {};
    if (Value* found = find(object.asDict(), key))
      return *found;
  } else if (key.isIntegral() && (object.isString() || object.isList())) {
    int64_t index = key.asInteger();
    if (object.isList()) {
      const ListObject& list = object.asList();
      if (list.flavor > Flavor::Range)
        return {};
      int64_t size = static_cast<int64_t>(list.items.size());
      index = index < 0 ? index + size : index;
      return index >= 0 && index < size ? list.items[size_t(index)] : Value();
    }
    heap.workOnBytes(object.asString().size());
    int64_t size = static_cast<int64_t>(countChars(object.asString()));
    index = index < 0 ? index + size : index;
    if (index < 0 || index >= size)
      return {};
    std::string_view rest = object.asString();
    rest.remove_prefix(offsetOf(rest, size_t(index)));
    return string(rest.substr(0, text::frontChar(rest).length));
  }
  return key.isString() ? attribute(object, key.asString()) : Value();
}

Value Engine::slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.isUndefined())
    return failUndefined("the value before '[...]'");
  if (!object.isString() && !(object.isList() && object.asList().flavor <= Flavor::Range))
    return {};
  auto size = length(object);
  auto bound = [&](const Value& value, int64_t fallback) -> int64_t {
    if (value.isNone())
      return fallback;
    if (!value.isIntegral())
      fail("the bounds of a slice must be whole numbers or none");
    return failed ? 0 : value.asInteger();
  };
  int64_t by = bound(step, 1), n = size.value_or(0);
  if (!failed && by == 0)
    fail("the step of a slice is zero", ErrorCode::OutOfRange);
  auto place = [&](const Value& value, int64_t fallback) {
    int64_t at = bound(value, fallback);
    if (value.isNone())
      return at;
    if (at < 0)
      at = at < -n ? -1 : at + n;
    else
      return std::min(at, by < 0 ? n - 1 : n);
    return by > 0 ? std::max<int64_t>(at, 0) : at;
  };
  int64_t from = place(start, by > 0 ? 0 : n - 1), to = place(stop, by > 0 ? n : -1);
  if (failed)
    return {};
  if (object.isString() && by == 1) {
    std::string_view all = object.asString();
    heap.workOnBytes(all.size());
    if (from >= to)
      return string("");
    size_t begin = offsetOf(all, size_t(from));
    all.remove_prefix(begin);
    return string(all.substr(0, offsetOf(all, size_t(to - from))));
  }
  std::vector<std::string_view> chars;
  if (object.isString()) {
    if (!roomFor(object.asString().size(), sizeof(std::string_view)))
      return {};
    chars = charsOf(object.asString());
  }
  std::string out;
  ListObject* list = nullptr;
  if (object.isList())
    list = &heap.list(object.asList().flavor);
  // Stops before the sum of a place and a step could overflow.
  for (int64_t at = from; by > 0 ? at < to : at > to;) {
    if (!heap.work(1) || !check())
      return {};
    if (list)
      heap.append(*list, object.asList().items[size_t(at)]);
    else
      out += chars[size_t(at)];
    if (by > 0 ? by >= to - at : by <= to - at)
      break;
    at += by;
  }
  return list ? Value::list(*list) : string(std::move(out));
}

Value Engine::attributePath(const Value& object, const Value& path) {
  if (!path.isString())
    return subscript(object, path);
  Value value = object;
  std::string_view rest = path.asString();
  for (bool more = true; more && !failed;) {
    size_t dot = rest.find('.');
    std::string_view part = rest.substr(0, dot);
    more = dot != rest.npos;
    rest.remove_prefix(more ? dot + 1 : rest.size());
    bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    if (auto index = digits ? parseInteger(part, 10) : std::nullopt)
      value = subscript(value, Value::integer(*index));
    else
      value = subscript(value, string(part));
  }
  return value;
}

std::optional<int64_t> Engine::integer(const Value& value, std::string_view what) {
  if (value.isIntegral())
    return value.asInteger();
  if (value.isUndefined())
    failUndefined(what);
  else
    fail(std::string(what) + " must be a whole number, not " + std::string(typeName(value)));
  return {};
}

} // namespace chordal::jinja
