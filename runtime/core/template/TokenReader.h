//===- TokenReader.h - goes along a template's tokens -----------------------------------------===//
//
// What parsers of statements and of expressions share: the next tokens, the first error, and how
// deep they are. After an error the next token is the end, so that all loops end.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/template/Ast.h"
#include "runtime/core/template/Lexer.h"

#include <algorithm>
#include <unordered_map>

namespace chordal::jinja {

/// Deepest nesting of statements and expressions in each other: a recursion of the parser and of
/// the evaluator.
inline constexpr uint32_t maxNesting = 100;

class TokenReader {
public:
  TokenReader(Ast& ast, std::vector<Token> tokens) : ast(ast), tokens(std::move(tokens)) {}

protected:
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
    TokenReader& reader;
    explicit Nested(TokenReader& reader) : reader(reader) {
      if (++reader.nesting > maxNesting)
        reader.fail(reader.peek().at, "nested too deeply", ErrorCode::OutOfRange);
    }
    ~Nested() { --reader.nesting; }
  };

  Ast& ast;
  std::vector<Token> tokens;
  size_t next = 0;
  uint32_t nesting = 0;
  std::unordered_map<std::string, NameId> nameIds;
  bool failed = false;
  Error error;
};

} // namespace chordal::jinja
