//===- Parser.cpp - the statements of a template as a tree ------------------------------------===//
//
// Recursive descent.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Parser.h"

#include "runtime/core/template/ExpressionParser.h"

#include <algorithm>
#include <initializer_list>

namespace chordal::jinja {

namespace {

constexpr size_t maxSource = size_t(4) << 20;

using Words = std::initializer_list<std::string_view>;

bool contains(Words words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class StatementParser : ExpressionParser {
public:
  using ExpressionParser::ExpressionParser;

  Result<void> run() {
    ast.body = parseBody({});
    if (failed)
      return std::move(error);
    return {};
  }

private:
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

  size_t loops = 0; ///< loops of the present macro that are open
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
  StatementParser parser(ast, std::move(*tokens));
  if (Result<void> parsed = parser.run(); !parsed)
    return std::move(parsed).error();
  return ast;
}

} // namespace chordal::jinja
