//===- ExpressionParser.h - the expressions of a template as trees ----------------------------===//
#pragma once

#include "runtime/core/template/TokenReader.h"

namespace chordal::jinja {

class ExpressionParser : protected TokenReader {
public:
  using TokenReader::TokenReader;

protected:
  /// One expression, or several with commas: a tuple.
  const Expr* parseTuple(bool conditional = true);
  const Expr* parseExpr();
  /// Filters and tests behind a value, and calls of what they give. `first`: the first filter
  /// stands without its bar.
  const Expr* parseFilters(const Expr* value, bool calls, bool first = false);

  std::vector<MacroDefinition*> macros; ///< those that are open; names in them mark what they use

private:
  Expr& expr(ExprKind kind, Offset at);
  /// Settles the height of a node once its parts are in place.
  const Expr* finish(Expr& node);
  const Expr* binary(ExprKind kind, Offset at, const Expr* left, const Expr* right,
                     Op op = Op::Add);
  const Expr* parseOr();
  const Expr* parseAnd();
  const Expr* parseNot();
  bool takeComparison(Op& op);
  const Expr* parseCompare();
  const Expr* parseSum();
  const Expr* parseConcat();
  const Expr* parseProduct();
  const Expr* parsePower();
  const Expr* parseUnary(bool filters);
  const Expr* parsePrimary();
  const Expr* parseParentheses(Offset at);
  void parseItems(Expr& node, std::string_view end);
  void parseEntries(Expr& node);
  const Expr* parsePostfix(const Expr* value);
  const Expr* parseMember(const Expr* value);
  const Expr* parseSubscript(const Expr* value);
  const Expr* parseCall(const Expr* value);
  /// "(", arguments, ")".
  void parseArguments(Expr& node);
  std::string dottedName(std::string_view what);
  const Expr* parseTest(const Expr* value);
};

} // namespace chordal::jinja
