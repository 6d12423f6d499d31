//===- RowFilters.cpp - filters of lists, dictionaries and what else has items ----------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"

#include <algorithm>

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

//===--- the table ----------------------------------------------------------------------------===//

constexpr Signature none = {"", 0};
constexpr Signature any = {"", 0, true};

constexpr Filter table[] = {
    {"batch", {"linecount fill_with", 1}, batch},
    {"count", none, count},
    {"dictsort", {"case_sensitive by reverse", 0}, dictSort},
    {"first", none, first},
    {"groupby", {"attribute default case_sensitive", 1}, groupBy},
    {"items", none, items},
    {"join", {"d attribute", 0}, join},
    {"last", none, last},
    {"length", none, count},
    {"list", none, toList},
    {"map", any, map},
    {"max", {"case_sensitive attribute", 0}, extreme<1>},
    {"min", {"case_sensitive attribute", 0}, extreme<-1>},
    {"reject", any, choose<false, false>},
    {"rejectattr", any, choose<false, true>},
    {"reverse", none, reverse},
    {"select", any, choose<true, false>},
    {"selectattr", any, choose<true, true>},
    {"sort", {"reverse case_sensitive attribute", 0}, sort},
    {"sum", {"attribute start", 0}, sum},
    {"unique", {"case_sensitive attribute", 0}, unique},
};

} // namespace

std::span<const Filter> rowFilters() {
  return table;
}

} // namespace chordal::jinja
