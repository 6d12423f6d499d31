//===- Engine.h - what all parts of the evaluator share ---------------------------------------===//
//
// The heap, the place in the template that is being evaluated, the first error, and Python's
// meaning of values: truth, text, equality, order, iteration, operators. After an error all of
// these return undefined values at once; callers look at `failed` where they would go on at length.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/template/Ast.h"
#include "runtime/core/template/Value.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::jinja {

/// Deepest nesting of lists and dictionaries that is gone through.
inline constexpr int maxValueDepth = 100;

class Engine {
public:
  Engine(Heap& heap, std::string_view source) : heap(heap), source(source) {}

  //===--- errors -----------------------------------------------------------------------------===//

  /// Records an error at the present place, unless there is one already.
  Value fail(std::string_view message, ErrorCode code = ErrorCode::WrongType);
  Value failUndefined(std::string_view what);
  /// False, and an error, if memory or work has run out.
  bool check();
  /// False, and an error, if there is no room for this many more bytes.
  bool room(size_t bytes);
  /// room(a * b), whatever their product.
  bool roomFor(size_t a, size_t b);

  //===--- values -----------------------------------------------------------------------------===//

  /// Python's name of the type.
  static std::string_view typeName(const Value& value);
  static bool truth(const Value& value);

  Value string(std::string_view text) { return heap.string(text); }
  Value string(std::string text) { return heap.string(std::move(text)); }
  Value string(const char* text) { return heap.string(std::string_view(text)); }
  /// str(): none for undefined.
  std::string text(const Value& value);
  /// The same, without a copy where the value is a text: `storage` may hold it.
  std::string_view textView(const Value& value, std::string& storage);
  /// repr().
  std::string repr(const Value& value);
  void appendRepr(std::string& out, const Value& value, int depth = 0);

  bool equal(const Value& a, const Value& b, int depth = 0);
  /// Below 0, 0 or above 0; 2 where neither is less (NaN).
  int compare(const Value& a, const Value& b, int depth = 0);
  /// The items of what can be iterated over; uses up a generator. `what`: names the value in
  /// errors. The rows of lists are referred to, others are made in `storage`.
  const std::vector<Value>* items(const Value& value, std::vector<Value>& storage);
  /// len(); nothing, and an error, if it has none.
  std::optional<int64_t> length(const Value& value);
  bool contains(const Value& container, const Value& item);
  bool isHashable(const Value& value);

  /// The entry of a dictionary, or null.
  Value* find(DictObject& dict, const Value& key);
  void put(DictObject& dict, Value key, Value value);

  /// `object.name`: methods of a type come before entries.
  Value attribute(const Value& object, std::string_view name);
  /// `object[key]`
  Value subscript(const Value& object, const Value& key);
  Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);
  /// A path such as "function.name" or "0", as the filters' `attribute` has it.
  Value attributePath(const Value& object, const Value& path);

  Value binary(Op op, const Value& a, const Value& b);
  Value negative(const Value& value);

  //===--- conversions, with errors -----------------------------------------------------------===//

  std::optional<int64_t> integer(const Value& value, std::string_view what);

  Heap& heap;
  std::string_view source;
  Offset here = 0; ///< what is being evaluated
  bool failed = false;
  Error error;

private:
  Value add(const Value& a, const Value& b);
  Value multiply(const Value& a, const Value& b);
  Value power(const Value& a, const Value& b);
  Value repeat(const Value& value, int64_t count);
};

/// The loop's own variable.
struct LoopObject : Object {
  const std::vector<Value>* items = nullptr;
  size_t index = 0;
  size_t depth = 1;
  std::vector<Value> changed;
  bool hasChanged = false;
};

struct CyclerObject : Object {
  std::vector<Value> items;
  size_t at = 0;
};

struct JoinerObject : Object {
  Value separator;
  bool used = false;
};

} // namespace chordal::jinja
