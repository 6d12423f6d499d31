//===- Template.cpp - chat templates ----------------------------------------------------------===//
#include "runtime/core/template/Template.h"

#include "runtime/core/template/Ast.h"
#include "runtime/core/template/Interpreter.h"
#include "runtime/core/template/Parser.h"

#include <algorithm>
#include <ctime>

namespace chordal::jinja {

struct Context::Variables {
  Limits limits;
  Heap heap;
  DictObject* dict;

  explicit Variables(const Limits& limits)
      : limits(limits), heap(limits.maxBytes, limits.maxWork), dict(&heap.make<DictObject>()) {}

  void set(std::string_view name, Value value) {
    if (const Value* present = dict->find(name))
      *const_cast<Value*>(present) = std::move(value);
    else
      heap.append(*dict, heap.string(name), std::move(value));
  }
};

Context::Context(const Limits& limits) : variables(std::make_unique<Variables>(limits)) {}
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;
Context::~Context() = default;

Result<void> Context::addJson(std::string_view object) {
  Result<Value> read = readJson(variables->heap, object);
  if (!read)
    return std::move(read).error();
  if (!read->isDict())
    return Error{"the variables of a template must be a JSON object", ErrorCode::Malformed};
  for (const auto& [name, value] : read->asDict().entries)
    variables->set(name.asString(), value);
  return {};
}

void Context::set(std::string_view name, std::string_view text) {
  variables->set(name, variables->heap.string(text));
}
void Context::setBool(std::string_view name, bool truth) {
  variables->set(name, Value::boolean(truth));
}
void Context::setNone(std::string_view name) {
  variables->set(name, Value::none());
}
bool Context::has(std::string_view name) const {
  return variables->dict->find(name) != nullptr;
}

std::optional<std::string_view> Context::text(std::string_view name) const {
  const Value* value = variables->dict->find(name);
  if (!value || !value->isString())
    return {};
  return value->asString();
}

void Context::remove(std::string_view name) {
  std::erase_if(variables->dict->entries,
                [&](const auto& entry) { return entry.first.asString() == name; });
}

Template::Template(std::unique_ptr<const Ast> ast) : ast(std::move(ast)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source) {
  Result<Ast> parsed = jinja::parse(source);
  if (!parsed)
    return std::move(parsed).error();
  return Template(std::make_unique<const Ast>(std::move(*parsed)));
}

Result<std::string> Template::render(Context& context, std::optional<Time> now) const {
  Context::Variables& variables = *context.variables;
  Interpreter interpreter(*ast, variables.heap, variables.limits.maxDepth, now);
  return interpreter.run(*variables.dict);
}

//===--- time ---------------------------------------------------------------------------------===//

namespace {

constexpr std::string_view weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
constexpr std::string_view months[] = {"January",   "February", "March",    "April",
                                       "May",       "June",     "July",     "August",
                                       "September", "October",  "November", "December"};

bool isLeap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int daysBefore(int year, int month) {
  static constexpr int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  return days[month - 1] + (month > 2 && isLeap(year) ? 1 : 0);
}

int daysIn(int year, int month) {
  return month == 12 ? 31 : daysBefore(year, month + 1) - daysBefore(year, month);
}

/// 0 is Sunday.
int weekday(const Time& time) {
  int before = time.year - 1;
  return (before * 365 + before / 4 - before / 100 + before / 400 +
          daysBefore(time.year, time.month) + time.day) %
         7;
}

std::string padded(int number, size_t digits, char fill = '0') {
  std::string text = std::to_string(number);
  return text.size() < digits ? std::string(digits - text.size(), fill) + text : text;
}

} // namespace

std::optional<Time> Time::parse(std::string_view text) {
  Time time;
  size_t at = 0;
  auto number = [&](int& out, size_t digits) {
    if (text.size() - at < digits)
      return false;
    out = 0;
    for (size_t i = 0; i != digits; ++i, ++at) {
      if (text[at] < '0' || text[at] > '9')
        return false;
      out = out * 10 + (text[at] - '0');
    }
    return true;
  };
  auto mark = [&](std::string_view any) {
    return at < text.size() && any.find(text[at]) != any.npos && (++at, true);
  };
  if (!number(time.year, 4) || !mark("-") || !number(time.month, 2) || !mark("-") ||
      !number(time.day, 2))
    return {};
  if (at != text.size()) {
    if (!mark("T ") || !number(time.hour, 2) || !mark(":") || !number(time.minute, 2))
      return {};
    if (at != text.size() && (!mark(":") || !number(time.second, 2)))
      return {};
  }
  bool good = at == text.size() && time.year >= 1 && time.month >= 1 && time.month <= 12 &&
              time.day >= 1 && time.day <= daysIn(time.year, time.month) && time.hour < 24 &&
              time.minute < 60 && time.second < 61;
  return good ? std::optional(time) : std::nullopt;
}

Time Time::local() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
          parts.tm_hour,        parts.tm_min,     parts.tm_sec};
}

Result<std::string> Time::format(std::string_view pattern) const {
  std::string out;
  int day0 = weekday(*this), yearDay = daysBefore(year, month) + day;
  int hour12 = hour % 12 == 0 ? 12 : hour % 12;
  std::string_view dayName = weekdays[day0], monthName = months[month - 1];
  for (size_t i = 0; i != pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    char c = ++i < pattern.size() ? pattern[i] : ' ';
    // "%-d": without leading zeros.
    bool bare = c == '-';
    if (bare)
      c = ++i < pattern.size() ? pattern[i] : ' ';
    auto number = [&](int value, size_t digits, char fill = '0') {
      out += padded(value, bare ? 1 : digits, fill);
    };
    switch (c) {
    case 'Y':
      out += std::to_string(year);
      break;
    case 'y':
      number(year % 100, 2);
      break;
    case 'C':
      number(year / 100, 2);
      break;
    case 'm':
      number(month, 2);
      break;
    case 'd':
      number(day, 2);
      break;
    case 'e':
      number(day, 2, ' ');
      break;
    case 'j':
      number(yearDay, 3);
      break;
    case 'H':
      number(hour, 2);
      break;
    case 'k':
      number(hour, 2, ' ');
      break;
    case 'I':
      number(hour12, 2);
      break;
    case 'l':
      number(hour12, 2, ' ');
      break;
    case 'M':
      number(minute, 2);
      break;
    case 'S':
      number(second, 2);
      break;
    case 'f':
      out += "000000";
      break;
    case 'p':
      out += hour < 12 ? "AM" : "PM";
      break;
    case 'B':
      out += monthName;
      break;
    case 'b':
    case 'h':
      out += monthName.substr(0, 3);
      break;
    case 'A':
      out += dayName;
      break;
    case 'a':
      out += dayName.substr(0, 3);
      break;
    case 'w':
      out += std::to_string(day0);
      break;
    case 'u':
      out += std::to_string(day0 == 0 ? 7 : day0);
      break;
    case 'U':
      number((yearDay + 6 - day0) / 7, 2);
      break;
    case 'W':
      number((yearDay + 6 - (day0 + 6) % 7) / 7, 2);
      break;
    case 'D':
    case 'x':
      out += *format("%m/%d/%y");
      break;
    case 'F':
      out += *format("%Y-%m-%d");
      break;
    case 'R':
      out += *format("%H:%M");
      break;
    case 'T':
    case 'X':
      out += *format("%H:%M:%S");
      break;
    case 'c':
      out += *format("%a %b %e %H:%M:%S %Y");
      break;
    case 'n':
      out += '\n';
      break;
    case 't':
      out += '\t';
      break;
    case 'z':
    case 'Z':
      break; // there is no time zone
    case '%':
      out += '%';
      break;
    default:
      return Error{std::string("the conversion '%") + c + "' of a time is not supported",
                   ErrorCode::Unsupported};
    }
  }
  return out;
}

} // namespace chordal::jinja
