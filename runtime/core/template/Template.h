//===- Template.h - chat templates ------------------------------------------------------------===//
//
// A chat template turns a conversation into the text that a model was trained on. Models carry
// theirs as a program in Jinja, which is evaluated here as the transformers library would: the same
// white space, values and functions, in a sandbox. A template is foreign code: time, memory and
// nesting are bounded, and what is not supported is an error with its line and column.
//
//   Result<Template> made = Template::parse(source);
//   Context context;
//   context.addJson(R"({"messages": [{"role": "user", "content": "Hello"}]})");
//   Result<std::string> text = made->render(context);
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chordal::jinja {

struct Ast;
class Heap;

/// A text as a JSON string, quotes included; what is no UTF-8 becomes replacement characters.
std::string jsonString(std::string_view text);

/// What a rendering may use. The defaults serve conversations of some megabytes.
struct Limits {
  size_t maxBytes = size_t(256) << 20; ///< of values and output together
  uint64_t maxWork = 50'000'000;       ///< parts of expressions evaluated, bytes of text over 16
  uint32_t maxDepth = 400;             ///< statements, expressions and macros within each other
};

/// A point of a calendar (proleptic Gregorian), without a time zone.
struct Time {
  int year = 1970, month = 1, day = 1; ///< 1 to 9999, 1 to 12, 1 to 31
  int hour = 0, minute = 0, second = 0;

  /// From "2025-07-04T12:30:45", "2025-07-04 12:30" or "2025-07-04".
  static std::optional<Time> parse(std::string_view text);
  /// The time now, where this machine is.
  static Time local();
  /// strftime with the C locale. Error: an unknown conversion.
  Result<std::string> format(std::string_view pattern) const;
};

/// The variables of a rendering.
class Context {
public:
  explicit Context(const Limits& limits = {});
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;
  ~Context();

  /// Adds the members of a JSON object as variables. Errors: Malformed, OutOfRange.
  Result<void> addJson(std::string_view object);
  void set(std::string_view name, std::string_view text);
  void setBool(std::string_view name, bool truth);
  void setNone(std::string_view name);
  bool has(std::string_view name) const;
  /// The text of a variable; nothing if it is none or no text.
  std::optional<std::string_view> text(std::string_view name) const;
  void remove(std::string_view name);

private:
  friend class Template;
  struct Variables;
  std::unique_ptr<Variables> variables;
};

/// A parsed template. Rendering does not change it.
class Template {
public:
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  /// Errors: Malformed, Unsupported, OutOfRange (too long, nested too deeply); each message begins
  /// "template:LINE:COLUMN: ".
  static Result<Template> parse(std::string_view source);

  /// The text. `now` is what strftime_now shows; without it, templates that ask get an error. What
  /// a rendering makes stays counted in the context. Errors: Failed if the template itself raised
  /// one (raise_exception; "TemplateError: " and its message), else "template:LINE:COLUMN: " and a
  /// message: WrongType, Missing (an undefined value is used), Unsupported, OutOfRange (a limit).
  Result<std::string> render(Context& context, std::optional<Time> now = {}) const;

private:
  explicit Template(std::unique_ptr<const Ast> ast);
  std::unique_ptr<const Ast> ast;
};

} // namespace chordal::jinja
