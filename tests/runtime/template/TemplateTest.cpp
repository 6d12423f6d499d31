//===- TemplateTest.cpp - errors and limits of chat templates ---------------------------------===//
#include "runtime/core/template/Template.h"

#include <gtest/gtest.h>

using namespace chordal;
using namespace chordal::jinja;

namespace {

Result<std::string> render(std::string_view source, const Limits& limits = {}) {
  Result<Template> made = Template::parse(source);
  if (!made)
    return made.error();
  Context context(limits);
  context.set("name", "Chordal");
  return made->render(context);
}

void expectError(std::string_view source, std::string_view part, ErrorCode code,
                 const Limits& limits = {}) {
  SCOPED_TRACE(source);
  Result<std::string> text = render(source, limits);
  ASSERT_FALSE(text.ok()) << *text;
  EXPECT_NE(text.error().message.find(part), std::string::npos) << text.error().message;
  EXPECT_EQ(text.error().code, code) << text.error().message;
}

TEST(Template, errorsSayWhere) {
  expectError("a\n  {{ 1 + }}", "template:2:10: expected an expression, found '}}'",
              ErrorCode::Malformed);
  expectError("{{ name.first.second }}", "template:1:15: 'first' is undefined", ErrorCode::Missing);
  expectError("{{ missing() }}", "'missing' is undefined", ErrorCode::Missing);
  expectError("{% if name %}", "'endif' is missing", ErrorCode::Malformed);
  expectError("{% endif %}", "'endif' begins no statement", ErrorCode::Malformed);
  expectError("{{ name", "'{{' without its '}}'", ErrorCode::Malformed);
  expectError("{# name", "a comment without its end", ErrorCode::Malformed);
  expectError("{{ (1] }}", "unexpected ']'", ErrorCode::Malformed);
  expectError("{{ 'a }}", "without its closing quote", ErrorCode::Malformed);
  expectError("{{ 'a' + 1 }}", "template:1:8: can only join a text to a text",
              ErrorCode::WrongType);
  expectError("\xC3\xA9{{ 1 / 0 }}", "template:1:7: division by zero", ErrorCode::OutOfRange);
}

TEST(Template, unsupportedConstructsAreNamed) {
  expectError("{% include 'x' %}", "template:1:4: the statement 'include' is not supported",
              ErrorCode::Unsupported);
  expectError("{{ name|pprint }}", "the filter 'pprint' is not supported", ErrorCode::Unsupported);
  expectError("{{ name is purple }}", "the test 'purple' is not supported", ErrorCode::Unsupported);
  expectError("{% for x in [] recursive %}{% endfor %}", "recursive loops", ErrorCode::Unsupported);
  expectError("{{ [1].append(2) }}", "'append' would change a list", ErrorCode::Unsupported);
}

TEST(Template, raisedErrorsKeepTheirMessage) {
  Result<std::string> text = render("{{ raise_exception('Only ' ~ 2 ~ ' roles') }}");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().message, "TemplateError: Only 2 roles (raised at template:1:19)");
  EXPECT_EQ(text.error().code, ErrorCode::Failed);
}

TEST(Template, hostileTemplatesEnd) {
  Limits small{.maxBytes = 1 << 20, .maxWork = 1'000'000, .maxDepth = 100};
  expectError("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
              "template:1:", ErrorCode::OutOfRange, small);
  expectError("{% for a in range(99999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
              "template:1:", ErrorCode::OutOfRange, {.maxWork = 1'000'000});
  expectError("{{ 'x' * 9999999999999 }}", "bytes of memory", ErrorCode::OutOfRange, small);
  expectError("{{ [1, 2] * 9999999999 }}", "bytes of memory", ErrorCode::OutOfRange, small);
  expectError("{{ '%99999s' % 1 * 99 }}", "bytes of memory", ErrorCode::OutOfRange, small);
  expectError("{{ ('x' * 1000).replace('x', 'y' * 5000) }}", "bytes of memory",
              ErrorCode::OutOfRange, small);
  expectError("{{ range(9999) | join('y' * 5000) }}", "bytes of memory", ErrorCode::OutOfRange,
              small);
  expectError("{{ 'x' | indent(999999999) }}", "bytes of memory", ErrorCode::OutOfRange, small);
  // Shared parts that double at each level.
  std::string doubling = "{% set n = namespace(a=['text']) %}{% for i in range(60) %}"
                         "{% set n.a = [n.a, n.a] %}{% endfor %}";
  expectError(doubling + "{{ n.a }}", "template:1:", ErrorCode::OutOfRange, small);
  expectError(doubling + "{{ n.a | tojson }}", "template:1:", ErrorCode::OutOfRange, small);
  std::string other = doubling;
  for (size_t at = 0; (at = other.find("n.a", at)) != other.npos; at += 3)
    other.replace(at, 3, "m.a");
  other.replace(other.find("set n ="), 7, "set m =");
  expectError(doubling + other + "{{ n.a == m.a }}", "template:1:", ErrorCode::OutOfRange, small);
  expectError("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "nested too deeply",
              ErrorCode::OutOfRange, small);
  expectError("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "nested too deeply",
              ErrorCode::OutOfRange, small);
  expectError("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}",
              "nested too deeply", ErrorCode::OutOfRange);
  std::string sum = "{{ 1", tags;
  for (int i = 0; i != 5000; ++i) {
    sum += "+1";
    tags += "{% if 1 %}";
  }
  expectError(sum + " }}", "nested too deeply", ErrorCode::OutOfRange);
  expectError(tags, "nested too deeply", ErrorCode::OutOfRange);
}

/// What a loop, a macro or a scope leaves behind may be kept, and must stay usable.
TEST(Template, keptObjectsStayValid) {
  Result<std::string> text =
      render("{% set n = namespace() %}{% for x in [1, 2] %}{% set n.loop = loop %}"
             "{% macro m() %}{{ x }}{% endmacro %}{% if loop.first %}{% set n.m = m %}{% endif %}"
             "{% endfor %}[{{ n.loop.index }}{{ n.loop.nextitem }}]{{ n.m() }}");
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "[]1");
}

TEST(Template, rendersAgainAndAgain) {
  Result<Template> made = Template::parse("{{ name }}, {{ other|default('nobody') }}");
  ASSERT_TRUE(made.ok());
  Context context;
  context.set("name", "A");
  EXPECT_EQ(*made->render(context), "A, nobody");
  context.set("other", "B");
  EXPECT_EQ(*made->render(context), "A, B");
  context.remove("other");
  EXPECT_EQ(*made->render(context), "A, nobody");
  EXPECT_EQ(context.text("name"), "A");
  EXPECT_FALSE(context.has("other"));
}

TEST(Template, contextFromJson) {
  Context context;
  for (std::string_view bad :
       {"", "[]", "{", "{\"a\":}", "{\"a\":01}", "{\"a\":\"\\x\"}", "{\"a\":1}x", "{a:1}",
        "{\"a\":\"\n\"}", "{\"a\":[1,]}", "{\"a\":99999999999999999999}"})
    EXPECT_FALSE(context.addJson(bad).ok()) << bad;
  EXPECT_FALSE(context.addJson(std::string(100000, '[')).ok());
  ASSERT_TRUE(context.addJson(" {\"a\": [1, -2.5e3, \"\\ud83d\\ude00\\u00e9\\n\", null]} ").ok());
  Result<Template> made = Template::parse("{{ a }}{{ a|tojson }}");
  EXPECT_EQ(*made->render(context),
            "[1, -2500.0, '\U0001F600\u00E9\\n', None][1, -2500.0, \"\U0001F600\u00E9\\n\", null]");
}

TEST(Template, time) {
  for (const char* bad :
       {"", "2025", "2025-13-01", "2025-02-29", "2025-01-01T24:00", "2025-01-01x"})
    EXPECT_FALSE(Time::parse(bad)) << bad;
  auto time = Time::parse("2024-02-29T00:05:09");
  ASSERT_TRUE(time);
  EXPECT_EQ(*time->format("%A %-d %B %Y %j %I:%M:%S %p %y-%m-%d %a %b %U %W %u %w %e %%"),
            "Thursday 29 February 2024 060 12:05:09 AM 24-02-29 Thu Feb 08 09 4 4 29 %");
  EXPECT_FALSE(time->format("%Q").ok());
  EXPECT_FALSE(render("{{ strftime_now('%Y') }}").ok());
}

} // namespace
