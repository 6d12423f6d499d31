//===- Builtins.h - filters, tests, methods and functions of the environment ------------------===//
//
// Tables of what templates can call by name. Each entry says its parameters once; arguments are
// checked and put in order before its function sees them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/template/Engine.h"

#include <array>
#include <span>

namespace chordal::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> keywords;
};

/// Most parameters of a built-in function.
inline constexpr size_t maxParameters = 6;

/// Arguments by parameter.
struct Bound {
  std::array<Value, maxParameters> values;
  std::array<bool, maxParameters> given{};
  const Arguments* all = nullptr; ///< of variadic functions

  const Value& operator[](size_t i) const { return values[i]; }
  bool has(size_t i) const { return given[i]; }
};

struct Signature {
  std::string_view names; ///< parameters, separated by spaces
  uint8_t required = 0;
  bool variadic = false; ///< takes anything, in Bound::all
};

struct Filter {
  std::string_view name;
  Signature signature;
  Value (*function)(Engine&, const Value& self, const Bound& arguments);
};

struct Test {
  std::string_view name;
  Signature signature;
  bool (*function)(Engine&, const Value& self, const Bound& arguments);
};

/// A method of texts, dictionaries or the other objects, with the value it belongs to.
struct Method {
  std::string_view name;
  Signature signature;
  Value (*function)(Engine&, const Value& self, const Bound& arguments);
};

/// A function of the environment.
struct Function {
  std::string_view name;
  Signature signature;
  Value (*function)(Engine&, const Bound& arguments);
};

struct MethodObject : Object {
  Value self;
  const Method* method = nullptr;
};

struct FunctionObject : Object {
  const Function* function = nullptr;
};

/// Null if there is none of this name.
const Filter* findFilter(std::string_view name);
const Test* findTest(std::string_view name);

/// The filters of what has items; a part of what findFilter looks through.
std::span<const Filter> rowFilters();

/// The method of values of this kind, or null. An error for methods that would change the value,
/// which templates may not do.
const Method* lookUpMethod(Engine& engine, const Value& self, std::string_view name);
/// A method bound to a value, or a member of `loop` and the like; undefined if there is none.
Value findMethod(Engine& engine, const Value& self, std::string_view name);

/// All functions of the environment but those that need more than values (strftime_now).
std::span<const Function> functions();

/// Puts arguments in the order of the parameters; an error names `what`.
bool bindArguments(Engine& engine, std::string_view what, const Signature& signature,
                   const Arguments& arguments, Bound& bound);

Value callFilter(Engine& engine, std::string_view name, const Filter* filter, const Value& self,
                 const Arguments& arguments);
bool callTest(Engine& engine, std::string_view name, const Test* test, const Value& self,
              const Arguments& arguments);

/// Sorts pairs of a key and an item by their keys; equal ones keep their order.
void sortByKey(Engine& engine, std::vector<std::pair<Value, Value>>& pairs, bool reverse);

/// json.dumps. `indent`: spaces of a level; nothing: one line.
struct JsonStyle {
  std::optional<std::string> indent;
  std::string itemSeparator = ", ";
  std::string keySeparator = ": ";
  bool asciiOnly = false;
  bool sortKeys = false;
};
void appendJson(Engine& engine, std::string& out, const Value& value, const JsonStyle& style,
                int depth = 0);

/// A JSON text as a value. Errors: Malformed, with the offset; OutOfRange (numbers, nesting).
Result<Value> readJson(Heap& heap, std::string_view text);

/// `format % values`, as Python's texts have it, and str.format.
Value formatPercent(Engine& engine, std::string_view format, const Value& values);
Value formatBraces(Engine& engine, std::string_view format, const Arguments& arguments);

} // namespace chordal::jinja
