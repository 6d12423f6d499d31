//===- Tests.cpp - what stands behind `is` ----------------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"

namespace chordal::jinja {

namespace {

template <Kind kind> bool isKind(Engine&, const Value& self, const Bound&) {
  return self.is(kind);
}
template <bool truth> bool isBool(Engine&, const Value& self, const Bound&) {
  return self.is(Kind::Bool) && self.asBool() == truth;
}
bool isDefined(Engine&, const Value& self, const Bound&) {
  return !self.isUndefined();
}
bool isNumber(Engine&, const Value& self, const Bound&) {
  return self.isNumber();
}

bool isIterable(Engine&, const Value& self, const Bound&) {
  return self.isUndefined() || self.isString() || self.isList() || self.isDict() ||
         self.is(Kind::Loop);
}
bool isSequence(Engine&, const Value& self, const Bound&) {
  return self.isUndefined() || self.isString() || self.isDict() ||
         (self.isList() && self.asList().flavor <= Flavor::Range);
}
bool isCallable(Engine&, const Value& self, const Bound&) {
  return self.is(Kind::Function) || self.is(Kind::Method) || self.is(Kind::Macro) ||
         self.is(Kind::Joiner);
}

bool divides(Engine& engine, const Value& self, const Value& by, int64_t rest) {
  Value remainder = engine.binary(Op::Modulo, self, by);
  return !engine.failed && engine.equal(remainder, Value::integer(rest));
}
bool isEven(Engine& engine, const Value& self, const Bound&) {
  return divides(engine, self, Value::integer(2), 0);
}
bool isOdd(Engine& engine, const Value& self, const Bound&) {
  return divides(engine, self, Value::integer(2), 1);
}
bool isDivisibleBy(Engine& engine, const Value& self, const Bound& arguments) {
  return divides(engine, self, arguments[0], 0);
}

bool isEqual(Engine& engine, const Value& self, const Bound& arguments) {
  return engine.equal(self, arguments[0]);
}
bool isUnequal(Engine& engine, const Value& self, const Bound& arguments) {
  return !engine.equal(self, arguments[0]);
}
bool isLess(Engine& engine, const Value& self, const Bound& arguments) {
  return engine.compare(self, arguments[0]) == -1;
}
bool isAtMost(Engine& engine, const Value& self, const Bound& arguments) {
  int order = engine.compare(self, arguments[0]);
  return order == -1 || order == 0;
}
bool isGreater(Engine& engine, const Value& self, const Bound& arguments) {
  return engine.compare(self, arguments[0]) == 1;
}
bool isAtLeast(Engine& engine, const Value& self, const Bound& arguments) {
  int order = engine.compare(self, arguments[0]);
  return order == 1 || order == 0;
}
bool isIn(Engine& engine, const Value& self, const Bound& arguments) {
  return engine.contains(arguments[0], self);
}
bool isSame(Engine&, const Value& self, const Bound& arguments) {
  const Value& other = arguments[0];
  if (self.kind() != other.kind())
    return false;
  switch (self.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::Bool:
  case Kind::Integer:
    return self.asInteger() == other.asInteger();
  case Kind::Float:
    return self.asReal() == other.asReal();
  case Kind::String:
    return self.asString() == other.asString();
  default:
    return self.asObject() == other.asObject();
  }
}

bool isLowerText(Engine& engine, const Value& self, const Bound&) {
  return isLower(engine.text(self));
}
bool isUpperText(Engine& engine, const Value& self, const Bound&) {
  return isUpper(engine.text(self));
}
bool isFilter(Engine& engine, const Value& self, const Bound&) {
  return findFilter(engine.text(self)) != nullptr;
}
bool isTest(Engine& engine, const Value& self, const Bound&) {
  return findTest(engine.text(self)) != nullptr;
}
bool isEscaped(Engine&, const Value& self, const Bound&) {
  return self.isSafe();
}

constexpr Signature none = {"", 0}, one = {"other", 1};

constexpr Test table[] = {
    {"boolean", none, isKind<Kind::Bool>},
    {"callable", none, isCallable},
    {"defined", none, isDefined},
    {"divisibleby", one, isDivisibleBy},
    {"escaped", none, isEscaped},
    {"even", none, isEven},
    {"false", none, isBool<false>},
    {"filter", none, isFilter},
    {"float", none, isKind<Kind::Float>},
    {"integer", none, isKind<Kind::Integer>},
    {"iterable", none, isIterable},
    {"lower", none, isLowerText},
    {"mapping", none, isKind<Kind::Dict>},
    {"none", none, isKind<Kind::None>},
    {"number", none, isNumber},
    {"odd", none, isOdd},
    {"sameas", one, isSame},
    {"sequence", none, isSequence},
    {"string", none, isKind<Kind::String>},
    {"test", none, isTest},
    {"true", none, isBool<true>},
    {"undefined", none, isKind<Kind::Undefined>},
    {"upper", none, isUpperText},
    {"in", one, isIn},
    {"==", one, isEqual},
    {"eq", one, isEqual},
    {"equalto", one, isEqual},
    {"!=", one, isUnequal},
    {"ne", one, isUnequal},
    {"<", one, isLess},
    {"lt", one, isLess},
    {"lessthan", one, isLess},
    {"<=", one, isAtMost},
    {"le", one, isAtMost},
    {">", one, isGreater},
    {"gt", one, isGreater},
    {"greaterthan", one, isGreater},
    {">=", one, isAtLeast},
    {"ge", one, isAtLeast},
};

} // namespace

const Test* findTest(std::string_view name) {
  for (const Test& test : table)
    if (test.name == name)
      return &test;
  return nullptr;
}

} // namespace chordal::jinja
