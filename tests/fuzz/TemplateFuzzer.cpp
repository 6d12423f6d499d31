//===- TemplateFuzzer.cpp - chat templates of anything ----------------------------------------===//
//
// The last byte of an input says what it is: a template and, behind a zero byte, the JSON of its
// variables (odd), or choices from the words that templates are made of (even). Whatever comes, it
// ends soon, within its memory, and what it gives is text or an error.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Template.h"

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>

using namespace chordal;
using namespace chordal::jinja;

namespace {

constexpr const char* words[] = {
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "\n",
    " ",
    "if ",
    "elif ",
    "else",
    "endif",
    "for ",
    "x in ",
    "endfor",
    "set ",
    "= ",
    "endset",
    "macro m(a, b=1)",
    "endmacro",
    "call m() ",
    "endcall",
    "filter upper",
    "endfilter",
    "break",
    "continue",
    "raw",
    "endraw",
    "with a=1",
    "endwith",
    "generation",
    "endgeneration",
    "messages",
    "tools",
    "x",
    "a",
    "n",
    "loop",
    "caller()",
    "varargs",
    "namespace(a=[])",
    "n.a",
    ".",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "|",
    " is ",
    "not ",
    "and ",
    "or ",
    "in ",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "<",
    "1",
    "-1",
    "0",
    "99999",
    "9223372036854775807",
    "1.5",
    "1e308",
    "'abc'",
    "'%s %d'",
    "'{} {0}'",
    "'\u00e9\u4e16'",
    "none",
    "true",
    "range(9)",
    "m(1)",
    "tojson(indent=2)",
    "join(',')",
    "length",
    "sort",
    "unique",
    "list",
    "map('upper')",
    "map(attribute='role')",
    "selectattr('role')",
    "round(2)",
    "select('odd')",
    "default('d')",
    "dictsort",
    "items",
    "indent(3)",
    "replace('a','bb')",
    "first",
    "reverse",
    "groupby('role')",
    "batch(2)",
    "int",
    "float",
    "string",
    "sum",
    "max",
    "defined",
    "string",
    "mapping",
    "['role']",
    "[::-1]",
    "[1:2]",
    ".strip()",
    ".split(',')",
    ".items()",
    ".get('a')",
    ".format(1,2)",
    ".center(9)",
    ".title()",
    "loop.cycle(1,2)",
    "loop.nextitem",
    "joiner(1)",
    "cycler(1,2)",
    "raise_exception('e')",
    "strftime_now('%Y')",
    "set n.a = [n.a, n.a]",
};

constexpr const char* context = R"({"messages": [{"role": "user", "content": "a,b"},
  {"role": "tool", "content": null, "x": [1, 2.5, true, {"y": "\u00e9"}]}],
  "tools": null, "x": 3, "a": "abc", "n": {"a": 1}})";

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  std::string source, variables = context;
  if (size != 0 && data[size - 1] % 2 == 0) { // FuzzedDataProvider takes numbers from the end
    input.ConsumeIntegral<uint8_t>();
    while (input.remaining_bytes() != 0)
      source += words[input.ConsumeIntegral<uint8_t>() % std::size(words)];
  } else {
    source = input.ConsumeRemainingBytesAsString();
    if (!source.empty())
      source.pop_back();
    if (size_t end = source.find('\0'); end != source.npos) {
      variables = source.substr(end + 1);
      source.resize(end);
    }
  }
  Result<Template> made = Template::parse(source);
  Context values({.maxBytes = 4 << 20, .maxWork = 100'000, .maxDepth = 200});
  Result<void> added = values.addJson(variables);
  if (!made)
    return 0;
  Result<std::string> text = made->render(values, Time::parse("2025-07-04"));
  if (text ? text->size() > (4u << 20) : text.error().message.empty()) {
    std::fprintf(stderr, "broken: more text than memory, or an error without a message\n");
    std::abort();
  }
  return 0;
}
