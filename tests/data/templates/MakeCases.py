"""Renders the expressions and templates below with Jinja, set up as the transformers library does, and
writes cases.json beside itself. Needs python3-jinja2.

Usage: MakeCases.py
"""

import json
import os
from datetime import datetime

from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

CONTEXT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello, \u4e16\u754c!"},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"x": 1.5, "y": [True, None]}}]},
        {"role": "tool", "content": "it's \"42\"\n<b>&</b>"},
    ],
    "numbers": [3, 1, 2, 3],
    "words": ["b", "A", "c", "B"],
    "tools": None,
    "empty": "",
    "flag": True,
    "pair": {"b": 1, "a": 2, "items": 3},
    "text": "  one two  three ",
    "add_generation_prompt": True,
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, -7.5 // 2, -7.5 % 2
2 ** 3 ** 2, -2 ** 2
7 / 2, 4 / 2, 1e16, 1e15, 1.5e-5, 0.0001, 123456789.125, 1e300 * 1e300, 0.1 + 0.2
1 < 2 < 3, 1 < 2 > 5, 1 == 1.0, true == 1, "a" < "b", [1, 2] < [1, 3]
not 1 == 2, not none, not []
"a" ~ 1 ~ none ~ true ~ 1.0
"a" "b" 'c'
"ab" * 3, [1] * 2, 2 * "x"
1 if flag else 2, (1 if not flag) is defined
1 in [1, 2], "a" in "cat", "a" not in pair, "z" in pair, 1 in (1,)
numbers[0], numbers[-1], numbers[1:], numbers[::-1], numbers[:2], numbers[-2:], numbers[5:], numbers[::2]
"héllo"[1], "héllo"[::-1], "héllo"[1:3], "héllo"|length, "abc"[-2:]
messages[0].role, messages[0]["role"], messages[0].missing is defined, messages[9] is defined
messages[1:]|map(attribute="role")|list
pair.items()|list, pair.items is defined, pair["items"], pair.get("q", 7), pair.get("q"), pair.keys()|list, pair.values()|list
pair|items|list, pair|dictsort, pair|dictsort(by="value", reverse=true), pair|length
{"a": 1, 2: [none, "x"]}, (1,), (1, 2), [], {}, ()
"it's", ["it's", 'say "x"', "both ' and \"", "tab\t\n\\", "\x07\u200b"]
messages[2]|tojson, messages|tojson(indent=2), {"é": "é"}|tojson(ensure_ascii=true)
{"a": 1}|tojson(separators=(",", ":")), [1, 2, []]|tojson(indent=4), {"b": 1, "a": {}}|tojson(sort_keys=true)
[1e16, 1.0, 0.1, true, none]|tojson, "\u007f\u0001/"|tojson, {1: 2, none: 3, true: 4}|tojson
text.strip(), text.lstrip(), text.rstrip(), text.split(), text.split(" "), "a,b,c".split(",", 1), "a,b,c".rsplit(",", 1), "xxaxx".strip("x")
text.split(none, 1), text.rsplit(none, 1), text.rsplit(), "".split(), "".split(",")
"abc".startswith("ab"), "abc".endswith(("x", "bc")), "abc".find("c"), "abc".find("z"), "abcb".rfind("b"), "abcb".count("b")
"abc".upper(), "ABC".lower(), "hello world".title(), "hELLO".capitalize(), "aB".swapcase(), "straße".upper(), "ΟΔΟΣ".lower(), "ÉCOLE".lower()
"a-b".replace("-", "+"), "aaa".replace("a", "b", 2), "abc".replace("", "-"), "-".join(["a", "b"]), "abc".removeprefix("a"), "abc".removesuffix("c")
"a=b=c".partition("="), "a=b=c".rpartition("="), "abc".partition("x"), "a\nb\r\nc\n".splitlines()
"abc".center(8, "*"), "abc".ljust(5) ~ "|", "abc".rjust(5), "x".center(4), "ab".center(5)
"12".isdigit(), "ab".isalpha(), "a1".isalnum(), " ".isspace(), "ab".islower(), "AB".isupper(), "".isdigit()
"{} {}".format(1, "x"), "{1} {0} {a}".format(1, 2, a=3), "{:>5}|{:<5}|{:^5}".format("a", "b", "c"), "{:05d} {:.2f} {:,}".format(42, 3.14159, 1234567), "{{}} {!r}".format("x"), "{0[a]} {0.real}".format({"a": 1, "real": 2}) if false else 1
"%s %d %.2f %5s|%-5s|%05d %x %%" % ("a", 42, 3.14159, "b", "c", 42, 255), "%s" % "x", "%(a)s" % {"a": 1}, "%r" % "q", "%+d" % 3
"%s-%s"|format("a", "b")
words|join(", "), words|sort|join, words|sort(case_sensitive=true)|join, words|sort(reverse=true)|join, words|unique|join, words|first, words|last, words|reverse|list
numbers|sort, numbers|unique|list, numbers|sum, numbers|min, numbers|max, [1.5, 2]|sum, messages|sum(attribute="x", start=0) if false else 0
numbers|select("odd")|list, numbers|reject("odd")|list, numbers|select(">", 1)|list, [0, 1, ""]|select|list
messages|selectattr("role", "equalto", "user")|map(attribute="content")|list, messages|rejectattr("role", "in", ["user", "tool"])|map(attribute="role")|join(","), messages|selectattr("tool_calls", "defined")|list|length, messages|selectattr("content")|list|length
words|map("upper")|list, words|map("replace", "b", "x")|join, messages|map(attribute="nope", default="-")|list, [{"a": {"b": 1}}]|map(attribute="a.b")|first, [[1, 2]]|map(attribute=1)|list
numbers|batch(3)|list, numbers|batch(3, 0)|list, words|groupby("0") if false else 0
[{"k": "x", "v": 1}, {"k": "y", "v": 2}, {"k": "x", "v": 3}]|groupby("k")|map("first")|list
none|map("upper")|list, none|selectattr("a")|list, 0|reject|list, missing|select("odd")|list
none|list
missing|default("d"), empty|default("d"), empty|default("d", true), none|default("d"), missing|d
" a "|trim, "xax"|trim("x"), "abc"|upper, "ABC"|lower, "hello-world (foo)"|title, "hELLO wORLD"|capitalize, "a b  c"|wordcount
"a\nb\n\nc"|indent, "a\nb"|indent(2, true), "a\n\nb"|indent(2, blank=true), "a\nb"|indent("> ", first=true)
("<a href=\"x\">'&'</a>"|e) ~ ("<b>"|safe)
("<a>" + "<b>"|safe + "<c>") ~ ("<" + ("<"|e)) ~ ("<"|e|e) ~ ("<"|safe ~ "<"), ("<"|e) is escaped, "a" is escaped
5|string ~ "x", "a"|length, "abc"|list, "abc"|reverse, "abc"|first
"42"|int, "4.7"|int, "x"|int, "x"|int(9), "ff"|int(0, 16), 3.9|int, "1.5"|float, "x"|float, -3|abs, 2.5|round, 3.5|round, 2.675|round(2), 2.1|round(0, "ceil"), 7|round, 42.55|round(1, "floor")
1 is odd, 2 is even, 9 is divisibleby(3), 9 is divisibleby 3, 1 is number, true is number, 1.0 is float, 1 is integer, true is integer, true is boolean, "a" is string, none is none
missing is undefined, missing is defined, messages is iterable, messages is sequence, pair is mapping, "a" is iterable, 1 is iterable, "a" is sequence, pair is sequence, missing is iterable, none is iterable
true is true, 1 is true, false is false, none is false, "a" is lower, "A" is upper, 1 is eq 1, 1 is ne 2, 2 is gt 1, 1 is in [1], 1 is sameas 1, range is callable, "x" is callable
[messages is none, not messages is none, messages is not none and flag]
range(3)|list, range(1, 4)|list, range(5, 0, -2)|list, range(0)|list, range(3), range(3)|length, range(3)[1]
dict(a=1, b=2), dict({"a": 1}, c=3), namespace(a=1).a, dict([("x", 1)])
{"a": 1}["a"], {"a": 1}.a, {"a": [1, {"b": 2}]}.a[1].b, (1, 2)[0], messages.0.role
-1|abs, (-1)|abs, +1, --1, not true or true, 1 or 2, 0 or "x", 1 and 2, 0 and 1, none or missing
1_000, 0x1F, 0b101, 0o17, 1.5e3, 1e2
"a\x41\u00e9\U0001F600\101\q\
b"
true, True, false, none, None
"\u00a0x\u2003"|trim, "\u00a0x".strip()|length
("a", "b")|join("-"), {"x": 1, "y": 2}|join(","), "abc"|join("-")
[[1, 2], [3]]|map("length")|list, [[3, 1], [2]]|map("sort")|list, [1, [2, (3, "x")]]|string
messages|length > 3 and messages[0]["role"] == "system"
missing ~ "x", [missing]|length, missing|list, missing|join(","), missing|length, missing|upper
(numbers|map("string")|list) == ["3", "1", "2", "3"], (1, 2) == [1, 2], {"a": 1} == {"a": 1.0}
numbers.index(2), numbers.count(3), words.copy()
strftime_now("%d %b %Y"), strftime_now("%Y-%m-%d %H:%M:%S %A %B %j %I %p %y %e %U %w")
1 + "a"
"a" + 1
"a" - 1
none + 1
missing + 1
missing.x
missing.x.y is defined
missing[0]
none.x.y
missing()
none in "abc"
1 in none
1 < "a"
none|length
5|length
1 / 0
5 % 0
1()
numbers.append(1)
pair.update({"a": 1})
pair.pop("a")
{[]: 1}
missing|tojson
range(3)|tojson
numbers|nofilter
1 is notest
"abc"|trim(1, 2)
"abc".upper(1)
"a".join([1])
range(1, 2, 0)
"%d" % "x"
"%s %s" % ("a",)
"%s" % ("a", "b")
"{}".format()
raise_exception("stop")
numbers|map("upper", 1)|list
for
1 +
1 if
(1
[1, 2
"abc
a b
1 = 2
{"a" 1}
x.
x|
x is
f(a=1, 2)
"""

TEMPLATES = r"""
{% for m in messages %}{{ loop.index }}/{{ loop.length }}:{{ m.role }}{% if not loop.last %}, {% endif %}{% endfor %}
---
{% for x in numbers if x > 1 %}{{ x }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }};{% else %}none{% endfor %}
---
{% for x in [] %}x{% else %}empty{% endfor %}
---
{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle("a", "b") }} {{ loop.changed(x) }}
{% endfor %}
---
{% for k, v in pair.items() %}{{ k }}={{ v }};{% endfor %}{% for k, (a, b) in [(1, (2, 3))] %}{{ k }}{{ a }}{{ b }}{% endfor %}
---
{% for c in "héy" %}[{{ c }}]{% endfor %}{% for k in pair %}{{ k }}{% endfor %}{% for x in missing %}x{% endfor %}
---
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}
---
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}
---
{% set ns = namespace(n=0, last=none) %}{% for i in numbers %}{% set ns.n = ns.n + i %}{% set ns.last = i %}{% endfor %}{{ ns.n }} {{ ns.last }} {{ ns.none is defined }}
---
{% if flag %}{% set y = 3 %}{% endif %}{{ y }}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t }}
---
{% set block %}
  text {{ 1 + 1 }}
{% endset %}[{{ block }}]{% set up | upper | trim %} abc {% endset %}[{{ up }}]
---
{% macro greet(name, greeting="Hi", *args) %}{% endmacro %}
---
{% macro greet(name, greeting="Hi", mark=name[0]) %}{{ greeting }} {{ name }}{{ mark }}{% endmacro %}{{ greet("Bo") }} {{ greet("Bo", mark="!") }} {{ greet(greeting="Yo", name="Al") }}
---
{% macro f(a) %}{{ a is defined }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f() }} {{ f(1, 2, 3, k=4) }}
---
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
---
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
---
{% macro box(t) %}<{{ t }}>{{ caller("x") }}</{{ t }}>{% endmacro %}{% call(v) box("b") %}in {{ v }}{% endcall %}
---
{% macro f() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ f() }}
---
{% macro fact(n) %}{% if n < 2 %}1{% else %}{{ n * fact(n - 1)|int }}{% endif %}{% endmacro %}{{ fact(10) }}
---
{% macro a() %}{% set z = 1 %}{{ z }}{% endmacro %}{{ a() }}{{ z is defined }}{{ a.name }}
---
{% filter upper %}abc {{ flag }}{% endfilter %}{% filter replace("a", "b") | upper %}aaa{% endfilter %}
---
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}
---
{% raw %}{{ not }} {% a %}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  |
---
a {# comment {{ x }} #} b
{# line #}
c
---
  {% if flag %}
    indented
  {% endif %}
end
---
{%- if flag -%}
  x
{%- endif -%}
  y  
---
  {%+ if flag %}
 kept
  {%+ endif +%}
 x
---
x   {{- " a " -}}   y
{{ "b" }}
{{- "c" }}
---
{% for x in [1, 2] %}
  {{ x }}
{% endfor %}

tail

---
{% for x in [1, 2] -%}
  {{ x }}
{%- endfor %}
---
{{ {"a": {"b": 1}} }} {{ {"a": {"b": 1}}["a"]["b"] }}
---
{% if missing %}a{% elif 0 %}b{% elif "x" %}c{% else %}d{% endif %}
---
{% for x in [1, 2] %}{% for y in [3, 4] %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}
---
{% set j = joiner(", ") %}{% for x in [1, 2, 3] %}{{ j() }}{{ x }}{% endfor %}{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}
---
{% set m = messages %}{% if m[0].role == "system" %}{% set m = m[1:] %}{% endif %}{{ m|length }}
---
{% for m in messages %}{{ "<|" ~ m["role"] ~ "|>\n" + (m["content"] or "")|trim + "<|end|>\n" }}{% endfor %}
---
{% for m in messages %}{% if m.content is string %}S{% elif m.content is none %}N{% endif %}{% if m.tool_calls is defined %}T{% for t in m.tool_calls %}{{ t.arguments | tojson }}{% endfor %}{% endif %}{% endfor %}
---
{{ messages[0].content.split(" ")[-1] }}{{ (messages | last).content | e }}{{ messages|selectattr("role", "==", "user")|first|attr("nope") is defined }}
---
{% set ns = namespace() %}{% set ns.f = 1 %}{{ ns.f }}{% set pair.x = 1 %}
---
{% set x = [1, 2] + [3] %}{{ x }}{{ x[0] if x else "none" }}{% set d = dict(pair, z=1) %}{{ d }}{{ d.z }}
---
{{ "\n" }}
---
{% if flag %}
{{ 1 }}
{%- else %}
{{ 2 }}
{% endif %}
---
{% include "x" %}
---
{% for x in none %}{% endfor %}
---
{% for a, b in [(1, 2, 3)] %}{% endfor %}
---
{% endif %}
---
{% if %}x{% endif %}
---
{% for x of [1] %}{% endfor %}
---
{% unknown %}
---
{{ loop }}{% break %}
---
{% set x %}
---
{{ 1 }
---
{% generation %}made {{ 1 }}{% endgeneration %}
"""


def environment():
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

        def _text(self, caller):
            return caller()

    def raise_exception(message):
        raise TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime(2025, 7, 4, 12, 30, 45).strftime(form)
    return env


def main():
    expressions = EXPRESSIONS.strip("\n").replace("\\\n", "\\\0").split("\n")
    templates = ["{{ " + line.replace("\\\0", "\\\n") + " }}" for line in expressions]
    templates += TEMPLATES.strip("\n").split("\n---\n")
    cases = []
    for source in templates:
        case = {"template": source}
        try:
            case["expected"] = environment().from_string(source).render(**CONTEXT)
        except Exception as error:  # whatever Python makes of it
            case["error"] = type(error).__name__ + ": " + str(error)
        cases.append(case)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"context": CONTEXT, "cases": cases}, out, ensure_ascii=False, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
