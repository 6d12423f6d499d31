//===- Parser.cpp - a template's tokens as a tree ---------------------------------------------===//
//
// Recursive descent. After an error the stream of tokens is at its end, so that all loops end; the
// first error is the one that is reported.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Parser.h"

#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Lexer.h"
#include "runtime/core/template/Strings.h"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>

namespace chordal::jinja {

namespace {

/// Deepest nesting of statements and expressions in each other, and tallest tree of an expression:
/// both are recursions of the reader and of the evaluator.
constexpr uint32_t maxNesting = 100;
constexpr uint32_t maxHeight = 200;
constexpr size_t maxSource = size_t(4) << 20;

using Words = std::initializer_list<std::string_view>;

bool contains(Words words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Parser {
public:
  Parser(Ast& ast, std::vector<Token> tokens) : ast(ast), tokens(std::move(tokens)) {}

  Result<void> run() {
    ast.body = parseBody({});
    if (failed)
      return std::move(error);
    return {};
  }

private:
  //===--- tokens -----------------------------------------------------------------------------===//

  const Token& peek(size_t ahead = 0) const {
    return tokens[std::min(next + ahead, tokens.size() - 1)];
  }
  Token take() {
    if (next + 1 < tokens.size())
      return std::move(tokens[next++]);
    return tokens.back();
  }
  bool isOp(std::string_view op, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Operator && peek(ahead).text == op;
  }
  bool isWord(std::string_view word, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Name && peek(ahead).text == word;
  }
  bool takeOp(std::string_view op) { return isOp(op) && (take(), true); }
  bool takeWord(std::string_view word) { return isWord(word) && (take(), true); }

  std::string describe(const Token& token) const {
    switch (token.kind) {
    case TokenKind::End:
      return "the end of the template";
    case TokenKind::VariableEnd:
      return "'}}'";
    case TokenKind::BlockEnd:
      return "'%}'";
    case TokenKind::String:
      return "a text";
    default:
      return "'" + token.text + "'";
    }
  }

  void fail(Offset at, std::string_view message, ErrorCode code = ErrorCode::Malformed) {
    if (!failed)
      error = errorAt(ast.source, at, message, code);
    failed = true;
    next = tokens.size() - 1;
  }
  void failHere(std::string_view expected) {
    fail(peek().at, "expected " + std::string(expected) + ", found " + describe(peek()));
  }
  void expectOp(std::string_view op) {
    if (!takeOp(op))
      failHere("'" + std::string(op) + "'");
  }
  void expectBlockEnd() {
    if (peek().kind != TokenKind::BlockEnd)
      return failHere("'%}'");
    take();
  }

  NameId nameId(const std::string& name) {
    auto [found, added] = nameIds.emplace(name, static_cast<NameId>(ast.names.size()));
    if (added)
      ast.names.push_back(name);
    return found->second;
  }
  NameId expectName() {
    if (peek().kind != TokenKind::Name)
      return failHere("a name"), 0;
    return nameId(take().text);
  }

  /// Counts nesting while it lives.
  struct Nested {
    Parser& parser;
    explicit Nested(Parser& parser) : parser(parser) {
      if (++parser.nesting > maxNesting)
        parser.fail(parser.peek().at, "nested too deeply", ErrorCode::OutOfRange);
    }
    ~Nested() { --parser.nesting; }
  };

  //===--- statements -------------------------------------------------------------------------===//

  Stmt& stmt(StmtKind kind, Offset at) {
    Stmt& made = ast.stmts.emplace_back();
    made.kind = kind;
    made.at = at;
    return made;
  }

  /// Statements up to a block that begins with one of `ends`, whose "{%" is taken; without `ends`,
  /// to the end of the template.
  Body parseBody(Words ends) {
    Nested nested(*this);
    Body body;
    while (!failed) {
      Token token = take();
      if (token.kind == TokenKind::End) {
        if (ends.size() != 0)
          fail(token.at, "'" + std::string(*(ends.end() - 1)) + "' is missing: the template ends");
        break;
      }
      if (token.kind == TokenKind::Text) {
        Stmt& text = stmt(StmtKind::Text, token.at);
        text.text = std::move(token.text);
        body.push_back(&text);
      } else if (token.kind == TokenKind::VariableBegin) {
        Stmt& print = stmt(StmtKind::Print, token.at);
        print.value = parseTuple();
        if (peek().kind != TokenKind::VariableEnd)
          failHere("'}}'");
        take();
        body.push_back(&print);
      } else {
        if (peek().kind != TokenKind::Name) {
          failHere("the name of a statement");
          break;
        }
        if (contains(ends, peek().text))
          break;
        if (const Stmt* statement = parseStatement())
          body.push_back(statement);
      }
    }
    return body;
  }

  /// Takes the block that ends a statement.
  void takeEnd() {
    take();
    expectBlockEnd();
  }

  const Stmt* parseStatement() {
    Token word = take();
    if (word.text == "if")
      return parseIf(word.at);
    if (word.text == "for")
      return parseFor(word.at);
    if (word.text == "set")
      return parseSet(word.at);
    if (word.text == "macro")
      return parseMacro(word.at);
    if (word.text == "call")
      return parseCallBlock(word.at);
    if (word.text == "filter")
      return parseFilterBlock(word.at);
    if (word.text == "with")
      return parseWith(word.at);
    if (word.text == "generation") {
      // Marks what the model wrote, for training; it prints its body.
      Stmt& scope = stmt(StmtKind::Scope, word.at);
      expectBlockEnd();
      scope.body = parseBody({"endgeneration"});
      takeEnd();
      return &scope;
    }
    if (word.text == "break" || word.text == "continue") {
      if (loops == 0)
        fail(word.at, "'" + word.text + "' outside a loop");
      expectBlockEnd();
      return &stmt(word.text == "break" ? StmtKind::Break : StmtKind::Continue, word.at);
    }
    if (contains({"extends", "include", "import", "from", "block", "autoescape", "trans", "do",
                  "debug", "pluralize"},
                 word.text))
      fail(word.at, "the statement '" + word.text + "' is not supported in chat templates",
           ErrorCode::Unsupported);
    else
      fail(word.at, "'" + word.text + "' begins no statement, or ends one that was not begun");
    return nullptr;
  }

  const Stmt* parseIf(Offset at) {
    Stmt& made = stmt(StmtKind::If, at);
    for (;;) {
      Branch branch;
      branch.condition = parseTuple(/*conditional=*/false);
      expectBlockEnd();
      branch.body = parseBody({"elif", "else", "endif"});
      made.branches.push_back(std::move(branch));
      if (!takeWord("elif"))
        break;
    }
    if (takeWord("else")) {
      expectBlockEnd();
      made.branches.push_back({nullptr, parseBody({"endif"})});
    }
    takeEnd();
    return &made;
  }

  const Stmt* parseFor(Offset at) {
    Stmt& made = stmt(StmtKind::For, at);
    made.target = parseTarget(/*members=*/false);
    if (!takeWord("in"))
      failHere("'in'");
    made.value = parseTuple(/*conditional=*/false);
    if (takeWord("if"))
      made.condition = parseExpr();
    if (isWord("recursive"))
      fail(peek().at, "recursive loops are not supported", ErrorCode::Unsupported);
    expectBlockEnd();
    ++loops;
    made.body = parseBody({"else", "endfor"});
    --loops;
    if (takeWord("else")) {
      expectBlockEnd();
      made.otherwise = parseBody({"endfor"});
    }
    takeEnd();
    return &made;
  }

  const Stmt* parseSet(Offset at) {
    Stmt& made = stmt(StmtKind::Set, at);
    made.target = parseTarget(/*members=*/true);
    if (takeOp("=")) {
      made.value = parseTuple();
      expectBlockEnd();
      return &made;
    }
    made.kind = StmtKind::SetBlock;
    if (isOp("|"))
      made.value = parseFilters(nullptr, /*calls=*/false);
    expectBlockEnd();
    made.body = parseBody({"endset"});
    takeEnd();
    return &made;
  }

  const Stmt* parseMacro(Offset at) {
    Stmt& made = stmt(StmtKind::Macro, at);
    made.macro.name = expectName();
    parseParameters(made.macro);
    expectBlockEnd();
    parseMacroBody(made.macro, "endmacro");
    return &made;
  }

  /// A macro's body and the block that ends it.
  void parseMacroBody(MacroDefinition& macro, std::string_view end) {
    macros.push_back(&macro);
    size_t outer = std::exchange(loops, 0);
    macro.body = parseBody({end});
    loops = outer;
    macros.pop_back();
    takeEnd();
  }

  void parseParameters(MacroDefinition& macro) {
    expectOp("(");
    while (!failed && !isOp(")")) {
      if (!macro.parameters.empty())
        expectOp(",");
      if (isOp(")"))
        break;
      Parameter parameter;
      parameter.name = expectName();
      if (takeOp("="))
        parameter.fallback = parseExpr();
      else if (!macro.parameters.empty() && macro.parameters.back().fallback)
        failHere("'=': a parameter with a default stands before this one");
      macro.parameters.push_back(parameter);
    }
    expectOp(")");
  }

  const Stmt* parseCallBlock(Offset at) {
    Stmt& made = stmt(StmtKind::CallBlock, at);
    made.macro.name = nameId("caller");
    if (isOp("("))
      parseParameters(made.macro);
    made.value = parseExpr();
    if (!failed && made.value->kind != ExprKind::Call)
      fail(made.value->at, "'call' needs a call");
    expectBlockEnd();
    parseMacroBody(made.macro, "endcall");
    return &made;
  }

  const Stmt* parseFilterBlock(Offset at) {
    Stmt& made = stmt(StmtKind::Filter, at);
    made.value = parseFilters(nullptr, /*calls=*/false, /*first=*/true);
    expectBlockEnd();
    made.body = parseBody({"endfilter"});
    takeEnd();
    return &made;
  }

  const Stmt* parseWith(Offset at) {
    Stmt& made = stmt(StmtKind::With, at);
    while (!failed && peek().kind != TokenKind::BlockEnd) {
      if (!made.targets.empty())
        expectOp(",");
      made.targets.push_back(parseTarget(/*members=*/false, /*tuple=*/false));
      expectOp("=");
      made.items.push_back(parseExpr());
    }
    expectBlockEnd();
    made.body = parseBody({"endwith"});
    takeEnd();
    return &made;
  }

  /// A name, with `members` also the member of a namespace, with `tuple` several with commas.
  Target parseTarget(bool members, bool tuple = true) {
    Target first = parseOneTarget(members);
    if (!tuple || !isOp(","))
      return first;
    Target all;
    all.form = Target::Form::Tuple;
    all.at = first.at;
    all.targets.push_back(std::move(first));
    while (!failed && takeOp(",")) {
      if (peek().kind != TokenKind::Name && !isOp("("))
        break;
      if (isWord("in"))
        break;
      all.targets.push_back(parseOneTarget(members));
    }
    return all;
  }

  Target parseOneTarget(bool members) {
    Nested nested(*this);
    Target target;
    target.at = peek().at;
    if (takeOp("(")) {
      target = parseTarget(members);
      expectOp(")");
      return target;
    }
    if (contains({"true", "false", "none", "True", "False", "None"}, peek().text) &&
        peek().kind == TokenKind::Name)
      fail(peek().at, "cannot assign to " + describe(peek()));
    target.name = expectName();
    if (members && takeOp(".")) {
      target.form = Target::Form::Member;
      target.member = expectName();
    }
    return target;
  }

  //===--- expressions ------------------------------------------------------------------------===//

  Expr& expr(ExprKind kind, Offset at) {
    Expr& made = ast.exprs.emplace_back();
    made.kind = kind;
    made.at = at;
    return made;
  }

  /// Settles the height of a node once its parts are in place.
  const Expr* finish(Expr& node) {
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

  const Expr* binary(ExprKind kind, Offset at, const Expr* left, const Expr* right,
                     Op op = Op::Add) {
    Expr& node = expr(kind, at);
    node.left = left;
    node.right = right;
    node.op = op;
    return finish(node);
  }

  /// One expression, or several with commas: a tuple.
  const Expr* parseTuple(bool conditional = true) {
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

  const Expr* parseExpr() {
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

  const Expr* parseOr() {
    const Expr* left = parseAnd();
    while (isWord("or")) {
      Offset at = take().at;
      left = binary(ExprKind::Or, at, left, parseAnd());
    }
    return left;
  }

  const Expr* parseAnd() {
    const Expr* left = parseNot();
    while (isWord("and")) {
      Offset at = take().at;
      left = binary(ExprKind::And, at, left, parseNot());
    }
    return left;
  }

  const Expr* parseNot() {
    if (!isWord("not"))
      return parseCompare();
    Nested nested(*this);
    Offset at = take().at;
    return binary(ExprKind::Not, at, parseNot(), nullptr);
  }

  bool takeComparison(Op& op) {
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

  const Expr* parseCompare() {
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

  const Expr* parseSum() {
    const Expr* left = parseConcat();
    while (isOp("+") || isOp("-")) {
      Token op = take();
      left = binary(ExprKind::Binary, op.at, left, parseConcat(),
                    op.text == "+" ? Op::Add : Op::Subtract);
    }
    return left;
  }

  const Expr* parseConcat() {
    const Expr* first = parseProduct();
    if (!isOp("~"))
      return first;
    Expr& node = expr(ExprKind::Concat, peek().at);
    node.items.push_back(first);
    while (takeOp("~"))
      node.items.push_back(parseProduct());
    return finish(node);
  }

  const Expr* parseProduct() {
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

  const Expr* parsePower() {
    const Expr* left = parseUnary(/*filters=*/true);
    while (isOp("**")) {
      Offset at = take().at;
      left = binary(ExprKind::Binary, at, left, parseUnary(true), Op::Power);
    }
    return left;
  }

  const Expr* parseUnary(bool filters) {
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

  const Expr* parsePrimary() {
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

  const Expr* parseParentheses(Offset at) {
    if (takeOp(")"))
      return &expr(ExprKind::Tuple, at);
    const Expr* inside = parseTuple();
    expectOp(")");
    return inside;
  }

  void parseItems(Expr& node, std::string_view end) {
    while (!failed && !isOp(end)) {
      if (!node.items.empty())
        expectOp(",");
      if (isOp(end))
        break;
      node.items.push_back(parseExpr());
    }
    expectOp(end);
  }

  void parseEntries(Expr& node) {
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

  const Expr* parsePostfix(const Expr* value) {
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

  const Expr* parseMember(const Expr* value) {
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

  const Expr* parseSubscript(const Expr* value) {
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

  const Expr* parseCall(const Expr* value) {
    Expr& node = expr(ExprKind::Call, peek().at);
    node.left = value;
    parseArguments(node);
    return finish(node);
  }

  /// "(", arguments, ")".
  void parseArguments(Expr& node) {
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

  /// Filters and tests behind a value, and calls of what they give. `first`: the first filter
  /// stands without its bar.
  const Expr* parseFilters(const Expr* value, bool calls, bool first = false) {
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

  std::string dottedName(std::string_view what) {
    if (peek().kind != TokenKind::Name)
      return failHere("the name of " + std::string(what)), std::string();
    std::string name = take().text;
    while (isOp(".") && peek(1).kind == TokenKind::Name) {
      take();
      name += "." + take().text;
    }
    return name;
  }

  const Expr* parseTest(const Expr* value) {
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

  Ast& ast;
  std::vector<Token> tokens;
  size_t next = 0;
  uint32_t nesting = 0;
  size_t loops = 0; ///< loops of the present macro that are open
  std::vector<MacroDefinition*> macros;
  std::unordered_map<std::string, NameId> nameIds;
  bool failed = false;
  Error error;
};

/// Line breaks as line feeds, and the last one dropped.
std::string normalize(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i != source.size(); ++i) {
    if (source[i] != '\r')
      out.push_back(source[i]);
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      out.push_back('\n');
  }
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

} // namespace

Result<Ast> parse(std::string_view source) {
  if (source.size() > maxSource)
    return Error{"the template has " + std::to_string(source.size()) + " bytes; at most " +
                     std::to_string(maxSource) + " are allowed",
                 ErrorCode::OutOfRange};
  Ast ast;
  ast.source = normalize(source);
  Result<std::vector<Token>> tokens = tokenize(ast.source);
  if (!tokens)
    return std::move(tokens).error();
  Parser parser(ast, std::move(*tokens));
  if (Result<void> parsed = parser.run(); !parsed)
    return std::move(parsed).error();
  return ast;
}

} // namespace chordal::jinja
