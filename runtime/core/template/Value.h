//===- Value.h - the values of a template -----------------------------------------------------===//
//
// What a template computes with, as Python sees it: none, numbers, text, lists, dictionaries and a
// few objects. All values of a rendering live in one Heap, which counts memory and work, so that a
// hostile template ends in an error rather than in a full machine. Texts are counted references;
// all other objects live as long as the heap, so cycles among them do no harm.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chordal::jinja {

class Heap;
class Value;

enum class Kind : uint8_t {
  Undefined, ///< what a name or a member that does not exist gives
  None,
  Bool,
  Integer,
  Float,
  String,
  List, ///< and all else that is a row of items: see Flavor
  Dict,
  Namespace, ///< a dictionary whose members templates may set
  Function,  ///< of the environment: range, raise_exception, ...
  Method,    ///< of a value, bound to it
  Macro,
  Loop, ///< the variable `loop`
  Cycler,
  Joiner,
};

/// What Python would have where a Value has Kind::List. They differ in what may be done with them.
enum class Flavor : uint8_t {
  List,
  Tuple,
  Range,
  Generator, ///< can be gone through once; has no length
  Keys,      ///< views of a dictionary: a length, but no subscripts
  Values,
  Items,
};

/// A text and the number of Values that refer to it.
struct StringObject {
  Heap* heap;
  uint32_t references;
  bool safe; ///< of `safe` or `escape`: '+' escapes what is joined to it
  std::string text;
};

/// What lives in a heap, until the heap goes.
struct Object {
  virtual ~Object() = default;
};

struct ListObject;
struct DictObject;

class Value {
public:
  Value() : tag(Kind::Undefined) { data.integer = 0; }
  static Value none() {
    Value value;
    value.tag = Kind::None;
    return value;
  }
  static Value boolean(bool truth) {
    Value value;
    value.tag = Kind::Bool;
    value.data.boolean = truth;
    return value;
  }
  static Value integer(int64_t number) {
    Value value;
    value.tag = Kind::Integer;
    value.data.integer = number;
    return value;
  }
  static Value real(double number) {
    Value value;
    value.tag = Kind::Float;
    value.data.real = number;
    return value;
  }
  static Value object(Kind kind, Object* object) {
    Value value;
    value.tag = kind;
    value.data.object = object;
    return value;
  }
  static Value list(ListObject& list);
  static Value dict(DictObject& dict);

  Value(const Value& other) : tag(other.tag), data(other.data) {
    if (tag == Kind::String)
      ++data.string->references;
  }
  Value(Value&& other) noexcept : tag(other.tag), data(other.data) { other.tag = Kind::Undefined; }
  Value& operator=(Value other) noexcept {
    std::swap(tag, other.tag);
    std::swap(data, other.data);
    return *this;
  }
  ~Value() {
    if (tag == Kind::String)
      release();
  }

  Kind kind() const { return tag; }
  bool is(Kind kind) const { return tag == kind; }
  bool isUndefined() const { return tag == Kind::Undefined; }
  bool isNone() const { return tag == Kind::None; }
  bool isString() const { return tag == Kind::String; }
  bool isList() const { return tag == Kind::List; }
  bool isDict() const { return tag == Kind::Dict; }
  /// A whole number, as Python counts them: bools are 0 and 1.
  bool isIntegral() const { return tag == Kind::Integer || tag == Kind::Bool; }
  bool isNumber() const { return isIntegral() || tag == Kind::Float; }

  // Each only for values of its kind.
  bool asBool() const { return data.boolean; }
  int64_t asInteger() const { return tag == Kind::Bool ? data.boolean : data.integer; }
  double asReal() const { return tag == Kind::Float ? data.real : double(asInteger()); }
  std::string_view asString() const { return data.string->text; }
  bool isSafe() const { return tag == Kind::String && data.string->safe; }
  ListObject& asList() const;
  DictObject& asDict() const; ///< of a Dict or a Namespace
  Object* asObject() const { return data.object; }

private:
  friend class Heap;
  void release();

  Kind tag;
  union {
    bool boolean;
    int64_t integer;
    double real;
    StringObject* string;
    Object* object;
  } data;
};

struct ListObject : Object {
  Flavor flavor = Flavor::List;
  std::vector<Value> items;
};

/// In the order in which keys were added.
struct DictObject : Object {
  std::vector<std::pair<Value, Value>> entries;

  /// The value of a text key, or null.
  const Value* find(std::string_view key) const;
};

inline Value Value::list(ListObject& list) {
  return object(Kind::List, &list);
}
inline Value Value::dict(DictObject& dict) {
  return object(Kind::Dict, &dict);
}
inline ListObject& Value::asList() const {
  return static_cast<ListObject&>(*data.object);
}
inline DictObject& Value::asDict() const {
  return static_cast<DictObject&>(*data.object);
}

/// Owns the objects of a rendering and counts its memory and its work.
class Heap {
public:
  /// Most bytes of values and output at a time, and most units of work: about the parts of
  /// expressions evaluated plus the bytes of text gone through over 16.
  Heap(size_t maxBytes, uint64_t maxWork) : maxBytes(maxBytes), maxWork(maxWork) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  Value string(std::string text, bool safe = false);
  Value string(std::string_view text) { return string(std::string(text)); }
  Value string(const char* text) { return string(std::string(text)); }
  template <typename T, typename... Arguments> T& make(Arguments&&... arguments) {
    take(sizeof(T) + sizeof(void*));
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T& made = *object;
    objects.push_back(std::move(object));
    return made;
  }
  ListObject& list(Flavor flavor = Flavor::List) {
    ListObject& made = make<ListObject>();
    made.flavor = flavor;
    return made;
  }
  void append(ListObject& list, Value value) {
    take(sizeof(Value));
    list.items.push_back(std::move(value));
  }
  /// Adds an entry whose key is known to be new.
  void append(DictObject& dict, Value key, Value value) {
    take(2 * sizeof(Value));
    dict.entries.emplace_back(std::move(key), std::move(value));
  }

  /// Counts memory; false if there is no room.
  bool take(size_t bytes) {
    used += bytes;
    return used <= maxBytes;
  }
  void give(size_t bytes) { used -= bytes; }
  bool hasRoom(size_t bytes) const { return used <= maxBytes && bytes <= maxBytes - used; }
  /// Counts work; false if it was too much.
  bool work(uint64_t units) {
    done += units;
    return done <= maxWork;
  }
  void workOnBytes(size_t bytes) { done += 1 + bytes / 16; }

  bool memoryExceeded() const { return used > maxBytes; }
  bool workExceeded() const { return done > maxWork; }
  size_t byteLimit() const { return maxBytes; }

private:
  friend class Value;
  const size_t maxBytes;
  const uint64_t maxWork;
  size_t used = 0;
  uint64_t done = 0;
  std::vector<std::unique_ptr<Object>> objects;
};

} // namespace chordal::jinja
