//===- ExpressionParser.cpp - the expressions of a template as trees --------------------------===//
//
// Recursive descent, one function for each level of precedence.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/ExpressionParser.h"

#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Strings.h"

namespace chordal::jinja {

/// Tallest tree of an expression: a recursion of the evaluator.
static constexpr uint32_t maxHeight = 200;

//===--- nodes --------------------------------------------------------------------------------===//

Expr& ExpressionParser::expr(ExprKind kind, Offset at) {
  Expr& made = ast.exprs.emplace_back();
  made.kind = kind;
  made.at = at;
  return made;
}

const Expr* ExpressionParser::finish(Expr& node) {
  uint32_t below = 0;
  auto see = [&](const Expr* part) {
    if (part)
      below = std::max(below, part->height);
  };
  see(node.left);
  see(node.right);
  see(node.third);
  for (const Expr* item : node.items)
    see(item);
  for (const Argument& argument : node.arguments)
    see(argument.value);
  node.height = below + 1;
  if (node.height > maxHeight)
    fail(node.at, "the expression is nested too deeply", ErrorCode::OutOfRange);
  return &node;
}

const Expr* ExpressionParser::binary(ExprKind kind, Offset at, const Expr* left, const Expr* right,
                                     Op op) {
  Expr& node = expr(kind, at);
  node.left = left;
  node.right = right;
  node.op = op;
  return finish(node);
}

//===--- operators, the loosest first ---------------------------------------------------------===//

const Expr* ExpressionParser::parseTuple(bool conditional) {
  Offset at = peek().at;
  auto one = [&] { return conditional ? parseExpr() : parseOr(); };
  const Expr* first = one();
  if (!isOp(","))
    return first;
  Expr& tuple = expr(ExprKind::Tuple, at);
  tuple.items.push_back(first);
  while (!failed && takeOp(",")) {
    TokenKind kind = peek().kind;
    if (kind == TokenKind::VariableEnd || kind == TokenKind::BlockEnd || isOp(")") ||
        isWord("recursive"))
      break;
    tuple.items.push_back(one());
  }
  return finish(tuple);
}

const Expr* ExpressionParser::parseExpr() {
  Nested nested(*this);
  const Expr* value = parseOr();
  while (isWord("if")) {
    Offset at = take().at;
    Expr& node = expr(ExprKind::Conditional, at);
    node.left = value;
    node.right = parseOr();
    if (takeWord("else"))
      node.third = parseExpr();
    value = finish(node);
  }
  return value;
}

const Expr* ExpressionParser::parseOr() {
  const Expr* left = parseAnd();
  while (isWord("or")) {
    Offset at = take().at;
    left = binary(ExprKind::Or, at, left, parseAnd());
  }
  return left;
}

const Expr* ExpressionParser::parseAnd() {
  const Expr* left = parseNot();
  while (isWord("and")) {
    Offset at = take().at;
    left = binary(ExprKind::And, at, left, parseNot());
  }
  return left;
}

const Expr* ExpressionParser::parseNot() {
  if (!isWord("not"))
    return parseCompare();
  Nested nested(*this);
  Offset at = take().at;
  return binary(ExprKind::Not, at, parseNot(), nullptr);
}

bool ExpressionParser::takeComparison(Op& op) {
  static constexpr std::pair<std::string_view, Op> ops[] = {
      {"==", Op::Equal},     {"!=", Op::NotEqual}, {"<", Op::Less},
      {"<=", Op::LessEqual}, {">", Op::Greater},   {">=", Op::GreaterEqual}};
  for (auto [text, value] : ops)
    if (takeOp(text))
      return op = value, true;
  if (takeWord("in"))
    return op = Op::In, true;
  if (isWord("not") && isWord("in", 1)) {
    take();
    take();
    return op = Op::NotIn, true;
  }
  return false;
}

const Expr* ExpressionParser::parseCompare() {
  const Expr* first = parseSum();
  Op op;
  Offset at = peek().at;
  if (!takeComparison(op))
    return first;
  Expr& node = expr(ExprKind::Compare, at);
  node.items.push_back(first);
  do {
    node.ops.push_back(op);
    node.items.push_back(parseSum());
  } while (takeComparison(op));
  return finish(node);
}

const Expr* ExpressionParser::parseSum() {
  const Expr* left = parseConcat();
  while (isOp("+") || isOp("-")) {
    Token op = take();
    left = binary(ExprKind::Binary, op.at, left, parseConcat(),
                  op.text == "+" ? Op::Add : Op::Subtract);
  }
  return left;
}

const Expr* ExpressionParser::parseConcat() {
  const Expr* first = parseProduct();
  if (!isOp("~"))
    return first;
  Expr& node = expr(ExprKind::Concat, peek().at);
  node.items.push_back(first);
  while (takeOp("~"))
    node.items.push_back(parseProduct());
  return finish(node);
}

const Expr* ExpressionParser::parseProduct() {
  const Expr* left = parsePower();
  while (isOp("*") || isOp("/") || isOp("//") || isOp("%")) {
    Token op = take();
    Op kind = op.text == "*"    ? Op::Multiply
              : op.text == "/"  ? Op::Divide
              : op.text == "//" ? Op::FloorDivide
                                : Op::Modulo;
    left = binary(ExprKind::Binary, op.at, left, parsePower(), kind);
  }
  return left;
}

const Expr* ExpressionParser::parsePower() {
  const Expr* left = parseUnary(/*filters=*/true);
  while (isOp("**")) {
    Offset at = take().at;
    left = binary(ExprKind::Binary, at, left, parseUnary(true), Op::Power);
  }
  return left;
}

const Expr* ExpressionParser::parseUnary(bool filters) {
  Nested nested(*this);
  const Expr* value;
  if (isOp("-") || isOp("+")) {
    Token op = take();
    value = binary(op.text == "-" ? ExprKind::Negative : ExprKind::Positive, op.at,
                   parseUnary(false), nullptr);
  } else {
    value = parsePrimary();
  }
  value = parsePostfix(value);
  return filters ? parseFilters(value, /*calls=*/true) : value;
}

//===--- values -------------------------------------------------------------------------------===//

const Expr* ExpressionParser::parsePrimary() {
  Token token = take();
  Expr& node = expr(ExprKind::None, token.at);
  switch (token.kind) {
  case TokenKind::Name:
    if (token.text == "true" || token.text == "True" || token.text == "false" ||
        token.text == "False") {
      node.kind = ExprKind::Bool;
      node.integer = token.text[0] == 't' || token.text[0] == 'T';
    } else if (token.text != "none" && token.text != "None") {
      node.kind = ExprKind::Name;
      node.name = nameId(token.text);
      for (MacroDefinition* macro : macros) {
        macro->usesCaller |= token.text == "caller";
        macro->usesVarargs |= token.text == "varargs";
        macro->usesKwargs |= token.text == "kwargs";
      }
    }
    return &node;
  case TokenKind::String:
    node.kind = ExprKind::String;
    node.text = std::move(token.text);
    while (peek().kind == TokenKind::String)
      node.text += take().text;
    node.index = ast.strings++;
    return &node;
  case TokenKind::Integer: {
    char mark = token.text.size() > 1 && token.text[0] == '0' ? char(token.text[1] | 0x20) : ' ';
    auto number = parseInteger(token.text, mark == 'x'   ? 16
                                           : mark == 'o' ? 8
                                           : mark == 'b' ? 2
                                                         : 10);
    if (!number)
      fail(token.at, "the number " + token.text + " does not fit 64 bits", ErrorCode::OutOfRange);
    node.kind = ExprKind::Integer;
    node.integer = number.value_or(0);
    return &node;
  }
  case TokenKind::Float:
    node.kind = ExprKind::Float;
    node.real = parseReal(token.text).value_or(0);
    return &node;
  case TokenKind::Operator:
    if (token.text == "(")
      return parseParentheses(token.at);
    if (token.text == "[") {
      node.kind = ExprKind::List;
      parseItems(node, "]");
      return finish(node);
    }
    if (token.text == "{") {
      node.kind = ExprKind::Dict;
      parseEntries(node);
      return finish(node);
    }
    [[fallthrough]];
  default:
    fail(token.at, "expected an expression, found " + describe(token));
    return &node;
  }
}

const Expr* ExpressionParser::parseParentheses(Offset at) {
  if (takeOp(")"))
    return &expr(ExprKind::Tuple, at);
  const Expr* inside = parseTuple();
  expectOp(")");
  return inside;
}

void ExpressionParser::parseItems(Expr& node, std::string_view end) {
  while (!failed && !isOp(end)) {
    if (!node.items.empty())
      expectOp(",");
    if (isOp(end))
      break;
    node.items.push_back(parseExpr());
  }
  expectOp(end);
}

void ExpressionParser::parseEntries(Expr& node) {
  while (!failed && !isOp("}")) {
    if (!node.items.empty())
      expectOp(",");
    if (isOp("}"))
      break;
    node.items.push_back(parseExpr());
    expectOp(":");
    node.items.push_back(parseExpr());
  }
  expectOp("}");
}

//===--- what stands behind a value -----------------------------------------------------------===//

const Expr* ExpressionParser::parsePostfix(const Expr* value) {
  for (;;) {
    if (isOp("."))
      value = parseMember(value);
    else if (isOp("["))
      value = parseSubscript(value);
    else if (isOp("("))
      value = parseCall(value);
    else
      return value;
  }
}

const Expr* ExpressionParser::parseMember(const Expr* value) {
  take();
  Token name = take();
  if (name.kind == TokenKind::Integer) {
    Expr& index = expr(ExprKind::Integer, name.at);
    index.integer = parseInteger(name.text, 10).value_or(0);
    return binary(ExprKind::Subscript, name.at, value, &index);
  }
  if (name.kind != TokenKind::Name) {
    fail(name.at, "expected a name behind '.', found " + describe(name));
    return value;
  }
  Expr& node = expr(ExprKind::Attribute, name.at);
  node.left = value;
  node.text = std::move(name.text);
  return finish(node);
}

const Expr* ExpressionParser::parseSubscript(const Expr* value) {
  Offset at = take().at;
  const Expr* start = isOp(":") ? nullptr : parseExpr();
  if (isOp(",")) {
    Expr& tuple = expr(ExprKind::Tuple, at);
    tuple.items.push_back(start);
    while (!failed && takeOp(",")) {
      if (isOp("]"))
        break;
      tuple.items.push_back(parseExpr());
    }
    start = finish(tuple);
  }
  if (takeOp("]"))
    return binary(ExprKind::Subscript, at, value, start);
  Expr& slice = expr(ExprKind::Slice, at);
  slice.left = value;
  slice.items = {start, nullptr, nullptr};
  expectOp(":");
  if (!isOp(":") && !isOp("]"))
    slice.items[1] = parseExpr();
  if (takeOp(":") && !isOp("]"))
    slice.items[2] = parseExpr();
  expectOp("]");
  return finish(slice);
}

const Expr* ExpressionParser::parseCall(const Expr* value) {
  Expr& node = expr(ExprKind::Call, peek().at);
  node.left = value;
  parseArguments(node);
  return finish(node);
}

void ExpressionParser::parseArguments(Expr& node) {
  using Form = Argument::Form;
  expectOp("(");
  while (!failed && !isOp(")")) {
    if (!node.arguments.empty())
      expectOp(",");
    if (isOp(")"))
      break;
    Argument argument;
    Offset at = peek().at;
    if (takeOp("*")) {
      argument.form = Form::Unpack;
    } else if (takeOp("**")) {
      argument.form = Form::UnpackKeywords;
    } else if (peek().kind == TokenKind::Name && isOp("=", 1)) {
      argument.form = Form::Keyword;
      argument.name = nameId(take().text);
      take();
    }
    if (argument.form == Form::Positional || argument.form == Form::Unpack)
      for (const Argument& before : node.arguments)
        if (before.form == Form::UnpackKeywords ||
            (before.form == Form::Keyword && argument.form == Form::Positional)) {
          fail(at, "an argument without a name behind one with a name");
          break;
        }
    argument.value = parseExpr();
    node.arguments.push_back(argument);
  }
  expectOp(")");
}

const Expr* ExpressionParser::parseFilters(const Expr* value, bool calls, bool first) {
  for (;;) {
    if (first || isOp("|")) {
      if (!std::exchange(first, false))
        take();
      Expr& node = expr(ExprKind::Filter, peek().at);
      node.left = value;
      node.text = dottedName("a filter");
      node.filter = findFilter(node.text);
      if (isOp("("))
        parseArguments(node);
      value = finish(node);
    } else if (calls && isWord("is")) {
      value = parseTest(value);
    } else if (calls && isOp("(")) {
      value = parseCall(value);
    } else {
      return value;
    }
  }
}

std::string ExpressionParser::dottedName(std::string_view what) {
  if (peek().kind != TokenKind::Name)
    return failHere("the name of " + std::string(what)), std::string();
  std::string name = take().text;
  while (isOp(".") && peek(1).kind == TokenKind::Name) {
    take();
    name += "." + take().text;
  }
  return name;
}

const Expr* ExpressionParser::parseTest(const Expr* value) {
  take();
  bool negated = takeWord("not");
  Expr& node = expr(ExprKind::Test, peek().at);
  node.left = value;
  node.text = dottedName("a test");
  node.test = findTest(node.text);
  TokenKind kind = peek().kind;
  bool operand = kind == TokenKind::Name || kind == TokenKind::String ||
                 kind == TokenKind::Integer || kind == TokenKind::Float || isOp("[") || isOp("{");
  if (isOp("(")) {
    parseArguments(node);
  } else if (isWord("is")) {
    failHere("'and' or 'or' between tests");
  } else if (operand && !isWord("else") && !isWord("or") && !isWord("and")) {
    Nested nested(*this);
    Argument argument;
    argument.value = parsePostfix(parsePrimary());
    node.arguments.push_back(argument);
  }
  const Expr* test = finish(node);
  return negated ? binary(ExprKind::Not, node.at, test, nullptr) : test;
}

} // namespace chordal::jinja
