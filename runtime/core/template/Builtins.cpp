//===- Builtins.cpp - arguments of built-in functions; functions of the environment -----------===//
#include "runtime/core/template/Builtins.h"

#include <algorithm>

namespace chordal::jinja {

bool bindArguments(Engine& engine, std::string_view what, const Signature& signature,
                   const Arguments& arguments, Bound& bound) {
  if (engine.failed)
    return false;
  bound.all = &arguments;
  if (signature.variadic)
    return true;
  std::array<std::string_view, maxParameters> names;
  size_t count = 0;
  for (std::string_view rest = signature.names; !rest.empty();) {
    size_t end = std::min(rest.find(' '), rest.size());
    names[count++] = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  std::string name = "'" + std::string(what) + "'";
  if (arguments.positional.size() > count) {
    engine.fail(name + " takes at most " + std::to_string(count) + " arguments, not " +
                std::to_string(arguments.positional.size()));
    return false;
  }
  for (size_t i = 0; i != arguments.positional.size(); ++i) {
    bound.values[i] = arguments.positional[i];
    bound.given[i] = true;
  }
  for (const auto& [keyword, value] : arguments.keywords) {
    size_t at = static_cast<size_t>(std::find(names.begin(), names.begin() + count, keyword) -
                                    names.begin());
    if (at == count)
      return engine.fail(name + " has no parameter '" + std::string(keyword) + "'"), false;
    if (bound.given[at])
      return engine.fail(name + " is given '" + std::string(keyword) + "' twice"), false;
    bound.values[at] = value;
    bound.given[at] = true;
  }
  for (size_t i = 0; i != signature.required; ++i)
    if (!bound.given[i])
      return engine.fail(name + " needs its argument '" + std::string(names[i]) + "'"), false;
  return true;
}

Value callFilter(Engine& engine, std::string_view name, const Filter* filter, const Value& self,
                 const Arguments& arguments) {
  if (!filter)
    return engine.fail("the filter '" + std::string(name) + "' is not supported",
                       ErrorCode::Unsupported);
  Bound bound;
  if (!bindArguments(engine, name, filter->signature, arguments, bound))
    return {};
  return filter->function(engine, self, bound);
}

bool callTest(Engine& engine, std::string_view name, const Test* test, const Value& self,
              const Arguments& arguments) {
  if (!test) {
    engine.fail("the test '" + std::string(name) + "' is not supported", ErrorCode::Unsupported);
    return false;
  }
  Bound bound;
  return bindArguments(engine, name, test->signature, arguments, bound) &&
         test->function(engine, self, bound) && !engine.failed;
}

void sortByKey(Engine& engine, std::vector<std::pair<Value, Value>>& pairs, bool reverse) {
  // A merge sort of our own: it stays in bounds whatever the order says (NaN).
  std::vector<std::pair<Value, Value>> other(pairs.size());
  for (size_t width = 1; width < pairs.size() && !engine.failed; width *= 2) {
    for (size_t from = 0; from < pairs.size(); from += 2 * width) {
      size_t left = from, middle = std::min(from + width, pairs.size()), right = middle;
      size_t end = std::min(from + 2 * width, pairs.size());
      for (size_t to = from; to != end; ++to) {
        bool takeRight = left == middle;
        if (!takeRight && right != end && !engine.failed) {
          int order = engine.compare(pairs[right].first, pairs[left].first);
          takeRight = reverse ? order == 1 : order == -1;
        }
        other[to] = std::move(pairs[takeRight ? right++ : left++]);
      }
    }
    pairs.swap(other);
  }
}

//===--- functions of the environment ---------------------------------------------------------===//

namespace {

/// Most items of a range: what Jinja's sandbox allows.
constexpr int64_t maxRange = 100000;

Value makeRange(Engine& engine, const Bound& arguments) {
  auto first = engine.integer(arguments[0], "the argument of 'range'");
  int64_t from = 0, to = first.value_or(0), step = 1;
  if (arguments.has(1)) {
    from = to;
    to = engine.integer(arguments[1], "the end of 'range'").value_or(0);
  }
  if (arguments.has(2))
    step = engine.integer(arguments[2], "the step of 'range'").value_or(1);
  if (engine.failed)
    return {};
  if (step == 0)
    return engine.fail("the step of 'range' is zero", ErrorCode::OutOfRange);
  uint64_t span = step > 0 ? (to > from ? uint64_t(to) - uint64_t(from) : 0)
                           : (from > to ? uint64_t(from) - uint64_t(to) : 0);
  uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
  uint64_t count = span / stride + (span % stride != 0);
  if (count > uint64_t(maxRange))
    return engine.fail("'range' has more than " + std::to_string(maxRange) + " items",
                       ErrorCode::OutOfRange);
  ListObject& list = engine.heap.list(Flavor::Range);
  engine.heap.work(count);
  for (uint64_t i = 0; i != count; ++i)
    engine.heap.append(list,
                       Value::integer(static_cast<int64_t>(uint64_t(from) + i * uint64_t(step))));
  return Value::list(list);
}

/// dict(other, name=value, ...), which is also how namespace() begins.
DictObject* fillDict(Engine& engine, const Arguments& arguments, std::string_view what) {
  DictObject& dict = engine.heap.make<DictObject>();
  if (arguments.positional.size() > 1)
    return engine.fail("'" + std::string(what) + "' takes at most one argument without a name"),
           nullptr;
  if (!arguments.positional.empty()) {
    const Value& other = arguments.positional[0];
    if (other.isDict()) {
      for (const auto& [key, value] : other.asDict().entries)
        engine.put(dict, key, value);
    } else {
      std::vector<Value> storage, pair;
      const std::vector<Value>* rows = engine.items(other, storage);
      for (size_t i = 0; rows && i != rows->size() && !engine.failed; ++i) {
        const std::vector<Value>* row = engine.items((*rows)[i], pair);
        if (row && row->size() == 2)
          engine.put(dict, (*row)[0], (*row)[1]);
        else
          engine.fail("'" + std::string(what) + "' needs pairs of a key and a value");
      }
    }
  }
  for (const auto& [name, value] : arguments.keywords)
    engine.put(dict, engine.string(name), value);
  return &dict;
}

Value makeDict(Engine& engine, const Bound& arguments) {
  DictObject* dict = fillDict(engine, *arguments.all, "dict");
  return dict ? Value::dict(*dict) : Value();
}

Value makeNamespace(Engine& engine, const Bound& arguments) {
  DictObject* dict = fillDict(engine, *arguments.all, "namespace");
  return dict ? Value::object(Kind::Namespace, dict) : Value();
}

Value raiseException(Engine& engine, const Bound& arguments) {
  if (!engine.failed) {
    std::string message = engine.text(arguments[0]);
    if (engine.failed)
      return {};
    engine.failed = true;
    engine.error = {"TemplateError: " + message +
                        " (raised at template:" + lineAndColumn(engine.source, engine.here) + ")",
                    ErrorCode::Failed};
  }
  return {};
}

Value makeCycler(Engine& engine, const Bound& arguments) {
  if (arguments.all->positional.empty())
    return engine.fail("'cycler' needs at least one argument");
  CyclerObject& cycler = engine.heap.make<CyclerObject>();
  engine.heap.take(arguments.all->positional.size() * sizeof(Value));
  cycler.items = arguments.all->positional;
  return Value::object(Kind::Cycler, &cycler);
}

Value makeJoiner(Engine& engine, const Bound& arguments) {
  JoinerObject& joiner = engine.heap.make<JoinerObject>();
  joiner.separator = arguments.has(0) ? arguments[0] : engine.string(", ");
  return Value::object(Kind::Joiner, &joiner);
}

constexpr Function table[] = {
    {"range", {"start stop step", 1}, makeRange},
    {"dict", {"", 0, true}, makeDict},
    {"namespace", {"", 0, true}, makeNamespace},
    {"raise_exception", {"message", 1}, raiseException},
    {"cycler", {"", 0, true}, makeCycler},
    {"joiner", {"sep", 0}, makeJoiner},
};

} // namespace

std::span<const Function> functions() {
  return table;
}

} // namespace chordal::jinja
