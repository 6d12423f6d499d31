//===- Format.cpp - texts made of a pattern and values ----------------------------------------===//
//
// The two ways that Python's texts have: "%s" % values and "{}".format(values), with the usual
// conversions. What is beyond these is an error that names it.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace chordal::jinja {

namespace {

/// Widest field and most digits.
constexpr int maxWidth = 100000;
constexpr int maxPrecision = 100;

struct Field {
  char align = 0; ///< '<', '>', '^', '=' or none
  std::string_view fill = " ";
  char sign = '-'; ///< '+', '-' or ' '
  bool alternate = false;
  bool thousands = false;
  int width = 0;
  int precision = -1;
  char type = 0;
};

/// Digits at the front of a text; -1, and an error, if they are too large.
int takeNumber(Engine& engine, std::string_view& text, int most) {
  int64_t number = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    number = std::min<int64_t>(number * 10 + (text[0] - '0'), most + 1);
    text.remove_prefix(1);
  }
  if (number > most)
    engine.fail("a width or precision above " + std::to_string(most), ErrorCode::OutOfRange);
  return static_cast<int>(number);
}

void appendField(Engine& engine, std::string& out, const Field& field, std::string_view body,
                 bool number) {
  size_t length = countChars(body), width = size_t(field.width);
  size_t missing = width > length ? width - length : 0;
  if (!engine.room(out.size() + body.size() + missing * field.fill.size()))
    return;
  char align = field.align != 0 ? field.align : number ? '>' : '<';
  size_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0, right = missing - left;
  if (align == '=') {
    // Between the sign and the digits.
    size_t sign = !body.empty() && (body[0] == '-' || body[0] == '+' || body[0] == ' ');
    out += body.substr(0, sign);
    body.remove_prefix(sign);
    left = missing;
    right = 0;
  }
  for (size_t i = 0; i != left; ++i)
    out += field.fill;
  out += body;
  for (size_t i = 0; i != right; ++i)
    out += field.fill;
}

std::string withThousands(std::string digits) {
  size_t point = std::min(digits.find_first_of(".e"), digits.size());
  for (size_t at = point; at > 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

/// A number by its conversion: d i x X o b f F e E g-less; nothing, and an error, where it does not
/// fit.
std::string numberText(Engine& engine, const Field& field, const Value& value) {
  char type = field.type;
  std::string digits;
  bool negative = false;
  if (type == 'd' || type == 'i' || type == 'x' || type == 'X' || type == 'o' || type == 'b') {
    int64_t number = 0;
    if (value.isIntegral()) {
      number = value.asInteger();
    } else if (value.is(Kind::Float) && (type == 'd' || type == 'i') &&
               std::fabs(value.asReal()) < 0x1p63) {
      number = static_cast<int64_t>(value.asReal());
    } else {
      engine.fail(std::string("the conversion '") + type + "' needs a whole number, not " +
                  std::string(Engine::typeName(value)));
      return {};
    }
    negative = number < 0;
    uint64_t magnitude = negative ? 0 - uint64_t(number) : uint64_t(number);
    char buffer[72];
    int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base);
    digits.assign(buffer, size_t(end.ptr - buffer));
    if (field.precision > int(digits.size()))
      digits.insert(0, size_t(field.precision) - digits.size(), '0');
    if (type == 'X')
      digits = upper(digits);
    if (field.alternate && base != 10)
      digits.insert(0, type == 'x' ? "0x" : type == 'X' ? "0X" : type == 'o' ? "0o" : "0b");
  } else {
    if (!value.isNumber()) {
      engine.fail(std::string("the conversion '") + type + "' needs a number, not " +
                  std::string(Engine::typeName(value)));
      return {};
    }
    double number = value.asReal();
    negative = std::signbit(number) && !std::isnan(number);
    int precision = field.precision < 0 ? 6 : field.precision;
    if (type == 'e' || type == 'E') {
      char buffer[160];
      auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number),
                               std::chars_format::scientific, precision);
      digits.assign(buffer, size_t(end.ptr - buffer));
    } else if (type == '%') {
      digits = fixedText(std::fabs(number) * 100, precision) + "%";
    } else {
      digits = fixedText(std::fabs(number), precision);
    }
    if (type == 'E' || type == 'F')
      digits = upper(digits);
  }
  if (field.thousands)
    digits = withThousands(std::move(digits));
  if (negative)
    return "-" + digits;
  return field.sign == '-' ? digits : field.sign + digits;
}

bool isNumberType(char type) {
  return type != 0 && std::string_view("dixXobfFeE%").find(type) != std::string_view::npos;
}

} // namespace

Value formatPercent(Engine& engine, std::string_view format, const Value& values) {
  bool tuple = values.isList() && values.asList().flavor == Flavor::Tuple;
  size_t used = 0, count = tuple ? values.asList().items.size() : 1;
  auto next = [&]() -> Value {
    if (used == count)
      return engine.fail("there are fewer values than conversions in a pattern");
    ++used;
    return tuple ? values.asList().items[used - 1] : values;
  };
  bool named = false;
  std::string out;
  engine.heap.workOnBytes(format.size());
  while (!format.empty() && !engine.failed) {
    size_t mark = std::min(format.find('%'), format.size());
    out += format.substr(0, mark);
    format.remove_prefix(mark);
    if (!engine.room(out.size()) || format.empty())
      break;
    format.remove_prefix(1);
    Field field;
    Value value;
    bool hasValue = false;
    if (format.starts_with('(')) {
      size_t end = format.find(')');
      if (end == format.npos || !values.isDict())
        return engine.fail("a named conversion needs its ')' and a dictionary");
      value = engine.subscript(values, engine.string(format.substr(1, end - 1)));
      if (value.isUndefined())
        return engine.failUndefined("the value of '" + std::string(format.substr(1, end - 1)) +
                                    "'");
      hasValue = named = true;
      format.remove_prefix(end + 1);
    }
    for (; !format.empty() && std::string_view("-+ #0").find(format[0]) != std::string_view::npos;
         format.remove_prefix(1)) {
      if (format[0] == '-')
        field.align = '<';
      else if (format[0] == '0' && field.align == 0)
        field.align = '=', field.fill = "0";
      else if (format[0] == '#')
        field.alternate = true;
      else if (format[0] == '+' || (format[0] == ' ' && field.sign != '+'))
        field.sign = format[0];
    }
    field.width = takeNumber(engine, format, maxWidth);
    if (format.starts_with('.')) {
      format.remove_prefix(1);
      field.precision = takeNumber(engine, format, maxPrecision);
    }
    if (format.empty())
      return engine.fail("a pattern ends within a conversion");
    field.type = format[0];
    format.remove_prefix(1);
    if (field.type == '%') {
      out += '%';
      continue;
    }
    if (!hasValue)
      value = next();
    if (engine.failed)
      return {};
    bool number = isNumberType(field.type);
    std::string body;
    if (number) {
      body = numberText(engine, field, value);
    } else if (field.type == 's' || field.type == 'r') {
      body = field.type == 's' ? engine.text(value) : engine.repr(value);
      if (field.precision >= 0)
        body.resize(offsetOf(body, size_t(field.precision)));
      if (field.align == '=')
        field.fill = " ", field.align = 0;
    } else {
      return engine.fail(std::string("the conversion '%") + field.type + "' is not supported",
                         ErrorCode::Unsupported);
    }
    if (field.align == 0)
      field.align = '>';
    appendField(engine, out, field, body, number);
  }
  if (!engine.failed && !named && used != count && !values.isDict())
    return engine.fail("there are more values than conversions in a pattern");
  return engine.failed ? Value() : engine.string(std::move(out));
}

namespace {

/// [[fill]align][sign][#][0][width][,][.precision][type], see Python's format specification.
Field parseField(Engine& engine, std::string_view spec) {
  Field field;
  auto isAlign = [](std::string_view text) {
    return !text.empty() && std::string_view("<>^=").find(text[0]) != std::string_view::npos;
  };
  size_t first = offsetOf(spec, 1);
  if (isAlign(spec.substr(first))) {
    field.fill = spec.substr(0, first);
    field.align = spec[first];
    spec.remove_prefix(first + 1);
  } else if (isAlign(spec)) {
    field.align = spec[0];
    spec.remove_prefix(1);
  }
  if (!spec.empty() && (spec[0] == '+' || spec[0] == '-' || spec[0] == ' ')) {
    field.sign = spec[0];
    spec.remove_prefix(1);
  }
  if (spec.starts_with('#')) {
    field.alternate = true;
    spec.remove_prefix(1);
  }
  if (spec.starts_with('0') && field.align == 0)
    field.align = '=', field.fill = "0";
  field.width = takeNumber(engine, spec, maxWidth);
  if (spec.starts_with(',')) {
    field.thousands = true;
    spec.remove_prefix(1);
  }
  if (spec.starts_with('.')) {
    spec.remove_prefix(1);
    field.precision = takeNumber(engine, spec, maxPrecision);
  }
  if (spec.size() == 1)
    field.type = spec[0];
  if (spec.size() > 1 || (field.type != 0 && field.type != 's' && !isNumberType(field.type)))
    engine.fail("the format '" + std::string(spec) + "' is not supported", ErrorCode::Unsupported);
  return field;
}

/// The value a field names: "0", "name", "name.member", "name[key]".
Value fieldValue(Engine& engine, std::string_view name, const Arguments& arguments, size_t& next) {
  size_t end = std::min(name.find_first_of(".["), name.size());
  std::string_view head = name.substr(0, end), rest = name.substr(end);
  Value value;
  bool digits = head.find_first_not_of("0123456789") == head.npos;
  if (digits) {
    size_t index = head.empty() ? next++ : size_t(parseInteger(head, 10).value_or(INT32_MAX));
    if (index >= arguments.positional.size())
      return engine.fail("a pattern refers to a value that is not given", ErrorCode::OutOfRange);
    value = arguments.positional[index];
  } else {
    auto found = std::find_if(arguments.keywords.begin(), arguments.keywords.end(),
                              [&](const auto& pair) { return pair.first == head; });
    if (found == arguments.keywords.end())
      return engine.fail("a pattern refers to '" + std::string(head) + "', which is not given",
                         ErrorCode::Missing);
    value = found->second;
  }
  while (!rest.empty() && !engine.failed) {
    bool member = rest[0] == '.';
    rest.remove_prefix(1);
    size_t stop = member ? std::min(rest.find_first_of(".["), rest.size()) : rest.find(']');
    if (stop == rest.npos)
      return engine.fail("a pattern with '[' but no ']'");
    value = engine.attributePath(value, engine.string(rest.substr(0, stop)));
    rest.remove_prefix(member ? stop : stop + 1);
  }
  return value;
}

} // namespace

Value formatBraces(Engine& engine, std::string_view format, const Arguments& arguments) {
  std::string out;
  size_t next = 0;
  engine.heap.workOnBytes(format.size());
  while (!format.empty() && !engine.failed) {
    size_t mark = std::min(format.find_first_of("{}"), format.size());
    out += format.substr(0, mark);
    format.remove_prefix(mark);
    if (!engine.room(out.size()) || format.empty())
      break;
    if (format.size() > 1 && format[0] == format[1]) {
      out += format[0];
      format.remove_prefix(2);
      continue;
    }
    size_t end = format.find('}');
    if (format[0] == '}' || end == format.npos)
      return engine.fail("a single brace in a pattern");
    std::string_view inside = format.substr(1, end - 1);
    if (inside.find('{') != inside.npos)
      return engine.fail("fields within fields of a pattern are not supported",
                         ErrorCode::Unsupported);
    format.remove_prefix(end + 1);
    size_t colon = std::min(inside.find(':'), inside.size());
    std::string_view spec = inside.substr(std::min(colon + 1, inside.size()));
    std::string_view name = inside.substr(0, colon);
    bool asRepr = name.ends_with("!r");
    if (asRepr || name.ends_with("!s"))
      name.remove_suffix(2);
    Value value = fieldValue(engine, name, arguments, next);
    Field field = parseField(engine, spec);
    if (engine.failed)
      return {};
    bool number = value.isNumber() && !value.is(Kind::Bool) && !asRepr;
    if (number && field.type == 0 && !spec.empty() && value.isIntegral())
      field.type = 'd';
    std::string body;
    if (isNumberType(field.type)) {
      body = numberText(engine, field, value);
    } else {
      if (number && field.precision >= 0)
        return engine.fail("a precision without 'f' is not supported", ErrorCode::Unsupported);
      body = asRepr ? engine.repr(value) : engine.text(value);
      if (field.precision >= 0)
        body.resize(offsetOf(body, size_t(field.precision)));
    }
    appendField(engine, out, field, body, number);
  }
  return engine.failed ? Value() : engine.string(std::move(out));
}

} // namespace chordal::jinja
