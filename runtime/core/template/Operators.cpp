//===- Operators.cpp - arithmetic as Python has it --------------------------------------------===//
//
// Whole numbers are of 64 bits: where Python's would go on growing, the result is an error.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Engine.h"
#include "runtime/core/template/Strings.h"

#include <cmath>
#include <limits>

namespace chordal::jinja {

namespace {

constexpr std::string_view overflowed = "a whole number does not fit 64 bits";

std::string_view symbol(Op op) {
  switch (op) {
  case Op::Add:
    return "+";
  case Op::Subtract:
    return "-";
  case Op::Multiply:
    return "*";
  case Op::Divide:
    return "/";
  case Op::FloorDivide:
    return "//";
  case Op::Modulo:
    return "%";
  default:
    return "**";
  }
}

} // namespace

Value Engine::binary(Op op, const Value& a, const Value& b) {
  if (failed)
    return {};
  if (op == Op::Modulo && a.isString())
    return formatPercent(*this, a.asString(), b);
  if (a.isUndefined() || b.isUndefined())
    return failUndefined(std::string("an operand of '") + std::string(symbol(op)) + "'");
  if (op == Op::Add && (!a.isNumber() || !b.isNumber()))
    return add(a, b);
  if (op == Op::Multiply && (!a.isNumber() || !b.isNumber()))
    return multiply(a, b);
  if (!a.isNumber() || !b.isNumber())
    return fail("'" + std::string(symbol(op)) + "' is not defined between " +
                std::string(typeName(a)) + " and " + std::string(typeName(b)));
  bool whole = a.isIntegral() && b.isIntegral();
  if ((op == Op::Divide || op == Op::FloorDivide || op == Op::Modulo) && b.asReal() == 0)
    return fail("division by zero", ErrorCode::OutOfRange);
  if (op == Op::Power)
    return power(a, b);
  if (whole && op != Op::Divide) {
    int64_t x = a.asInteger(), y = b.asInteger(), result = 0;
    bool overflow = false;
    if (op == Op::Add)
      overflow = __builtin_add_overflow(x, y, &result);
    else if (op == Op::Subtract)
      overflow = __builtin_sub_overflow(x, y, &result);
    else if (op == Op::Multiply)
      overflow = __builtin_mul_overflow(x, y, &result);
    else if (y == -1)
      overflow = op == Op::FloorDivide && __builtin_sub_overflow(int64_t(0), x, &result);
    else if (op == Op::FloorDivide)
      result = x / y - (x % y != 0 && (x < 0) != (y < 0));
    else
      result = x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0);
    return overflow ? fail(overflowed, ErrorCode::OutOfRange) : Value::integer(result);
  }
  double x = a.asReal(), y = b.asReal();
  if (op == Op::Add)
    return Value::real(x + y);
  if (op == Op::Subtract)
    return Value::real(x - y);
  if (op == Op::Multiply)
    return Value::real(x * y);
  if (op == Op::Divide)
    return Value::real(x / y);
  double rest = std::fmod(x, y);
  if (rest != 0 && (rest < 0) != (y < 0))
    rest += y;
  if (rest == 0)
    rest = std::copysign(0.0, y);
  if (op == Op::Modulo)
    return Value::real(rest);
  // As CPython: the quotient of what is left is whole but for rounding.
  double quotient = (x - rest) / y, floor = std::floor(quotient);
  if (quotient == 0)
    return Value::real(std::copysign(0.0, x / y));
  return Value::real(quotient - floor > 0.5 ? floor + 1 : floor);
}

Value Engine::add(const Value& a, const Value& b) {
  if (a.isString() && b.isString()) {
    if (!room(a.asString().size() + b.asString().size()))
      return {};
    if (a.isSafe() || b.isSafe()) {
      const Value& plain = a.isSafe() ? b : a;
      if (!plain.isSafe() && !roomFor(plain.asString().size(), 5))
        return {};
      auto part = [](const Value& v) {
        return v.isSafe() ? std::string(v.asString()) : escapeHtml(v.asString());
      };
      return heap.string(part(a) + part(b), /*safe=*/true);
    }
    std::string joined;
    joined.reserve(a.asString().size() + b.asString().size());
    joined += a.asString();
    joined += b.asString();
    return string(std::move(joined));
  }
  if (a.isString())
    return fail("can only join a text to a text with '+', not " + std::string(typeName(b)));
  auto joins = [&](Flavor flavor) {
    return a.isList() && b.isList() && a.asList().flavor == flavor && b.asList().flavor == flavor;
  };
  if (joins(Flavor::List) || joins(Flavor::Tuple)) {
    if (!roomFor(a.asList().items.size() + b.asList().items.size(), sizeof(Value)))
      return {};
    ListObject& joined = heap.list(a.asList().flavor);
    for (const Value* part : {&a, &b})
      for (const Value& item : part->asList().items)
        heap.append(joined, item);
    return Value::list(joined);
  }
  return fail("'+' is not defined between " + std::string(typeName(a)) + " and " +
              std::string(typeName(b)));
}

Value Engine::multiply(const Value& a, const Value& b) {
  if (b.isIntegral())
    return repeat(a, b.asInteger());
  if (a.isIntegral())
    return repeat(b, a.asInteger());
  return fail("'*' is not defined between " + std::string(typeName(a)) + " and " +
              std::string(typeName(b)));
}

Value Engine::repeat(const Value& value, int64_t count) {
  size_t times = count > 0 ? static_cast<size_t>(count) : 0;
  if (count > 0 && uint64_t(count) > std::numeric_limits<size_t>::max())
    times = std::numeric_limits<size_t>::max();
  if (value.isString()) {
    std::string_view part = value.asString();
    if (part.empty() || !roomFor(part.size(), times))
      return string("");
    std::string out;
    out.reserve(part.size() * times);
    for (size_t i = 0; i != times; ++i)
      out += part;
    return string(std::move(out));
  }
  if (value.isList() && value.asList().flavor <= Flavor::Tuple) {
    ListObject& out = heap.list(value.asList().flavor);
    if (value.asList().items.empty() ||
        !roomFor(value.asList().items.size() * sizeof(Value), times))
      return Value::list(out);
    for (size_t i = 0; i != times; ++i)
      for (const Value& item : value.asList().items)
        heap.append(out, item);
    return Value::list(out);
  }
  return fail("'*' is not defined between " + std::string(typeName(value)) + " and int");
}

Value Engine::power(const Value& a, const Value& b) {
  if (a.isIntegral() && b.isIntegral() && b.asInteger() >= 0) {
    int64_t result = 1, base = a.asInteger();
    for (int64_t exponent = b.asInteger(); exponent != 0; exponent >>= 1) {
      if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))
        return fail(overflowed, ErrorCode::OutOfRange);
      if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
        return fail(overflowed, ErrorCode::OutOfRange);
    }
    return Value::integer(result);
  }
  double x = a.asReal(), y = b.asReal();
  if (x == 0 && y < 0)
    return fail("zero to a negative power", ErrorCode::OutOfRange);
  if (x < 0 && y != std::floor(y))
    return fail("a negative number to a fractional power", ErrorCode::OutOfRange);
  return Value::real(std::pow(x, y));
}

Value Engine::negative(const Value& value) {
  if (failed)
    return {};
  if (value.isUndefined())
    return failUndefined("the operand of '-'");
  if (value.is(Kind::Float))
    return Value::real(-value.asReal());
  if (!value.isIntegral())
    return fail("'-' is not defined for " + std::string(typeName(value)));
  int64_t result;
  if (__builtin_sub_overflow(int64_t(0), value.asInteger(), &result))
    return fail(overflowed, ErrorCode::OutOfRange);
  return Value::integer(result);
}

} // namespace chordal::jinja
