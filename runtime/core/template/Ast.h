//===- Ast.h - a template as a tree -----------------------------------------------------------===//
//
// What the parser makes of a template's source. Nodes refer to each other by pointers and are owned
// by the Ast, row by row, so that the depth of a tree costs nothing when it is freed.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::jinja {

struct Filter;
struct Test;

/// Index into Ast::names.
using NameId = uint32_t;
/// Byte offset in Ast::source.
using Offset = uint32_t;

enum class ExprKind : uint8_t {
  None,
  Bool,      ///< integer
  Integer,   ///< integer
  Float,     ///< real
  String,    ///< text; `index` numbers the texts of a template
  Name,      ///< name
  List,      ///< items
  Tuple,     ///< items
  Dict,      ///< items: key, value, key, value, ...
  Attribute, ///< left . text
  Subscript, ///< left [ right ]
  Slice,     ///< left [ items[0] : items[1] : items[2] ], null where left out
  Call,      ///< left ( arguments )
  Filter,    ///< left | text ( arguments ); left null: the body of the block
  Test,      ///< left is text ( arguments )
  Not,
  Negative,
  Positive,
  Binary, ///< left op right
  And,
  Or,
  Compare,     ///< items[0] ops[0] items[1] ops[1] ...
  Concat,      ///< items[0] ~ items[1] ~ ...
  Conditional, ///< left if right else third; third may be null
};

enum class Op : uint8_t {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};

struct Expr;

struct Argument {
  enum class Form : uint8_t { Positional, Keyword, Unpack, UnpackKeywords };
  Form form = Form::Positional;
  NameId name = 0; ///< of a keyword
  const Expr* value = nullptr;
};

struct Expr {
  ExprKind kind = ExprKind::None;
  Op op = Op::Add;
  Offset at = 0;
  uint32_t height = 1; ///< of the tree below
  NameId name = 0;
  uint32_t index = 0;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  const Expr* left = nullptr;
  const Expr* right = nullptr;
  const Expr* third = nullptr;
  std::vector<const Expr*> items;
  std::vector<Op> ops;
  std::vector<Argument> arguments;
  const Filter* filter = nullptr; ///< null if there is none of this name
  const Test* test = nullptr;
};

enum class StmtKind : uint8_t {
  Text,      ///< text
  Print,     ///< value
  If,        ///< branches, in order; the last may have no condition
  For,       ///< target, value, condition (may be null), body, otherwise
  Set,       ///< target = value
  SetBlock,  ///< target = body, through the filters of value (may be null)
  Macro,     ///< macro
  CallBlock, ///< value: the call; macro: its caller
  Filter,    ///< body, through the filters of value
  With,      ///< targets[i] = items[i], then body
  Scope,     ///< body
  Break,
  Continue,
};

struct Stmt;
using Body = std::vector<const Stmt*>;

struct Branch {
  const Expr* condition = nullptr;
  Body body;
};

struct Parameter {
  NameId name = 0;
  const Expr* fallback = nullptr; ///< null: undefined
};

struct MacroDefinition {
  NameId name = 0;
  std::vector<Parameter> parameters;
  Body body;
  bool usesCaller = false;
  bool usesVarargs = false;
  bool usesKwargs = false;
};

/// Where a value goes: a name, a member of a namespace, or several of these.
struct Target {
  enum class Form : uint8_t { Name, Member, Tuple };
  Form form = Form::Name;
  Offset at = 0;
  NameId name = 0; ///< of the variable
  NameId member = 0;
  std::vector<Target> targets;
};

struct Stmt {
  StmtKind kind = StmtKind::Text;
  Offset at = 0;
  std::string text;
  const Expr* value = nullptr;
  const Expr* condition = nullptr;
  Target target;
  std::vector<Target> targets;
  std::vector<const Expr*> items;
  std::vector<Branch> branches;
  Body body;
  Body otherwise;
  MacroDefinition macro;
};

struct Ast {
  std::string source; ///< with line feeds only
  std::vector<std::string> names;
  std::deque<Expr> exprs;
  std::deque<Stmt> stmts;
  uint32_t strings = 0; ///< number of text literals
  Body body;
};

/// "LINE:COLUMN" of an offset, both from 1, columns in characters.
std::string lineAndColumn(std::string_view source, Offset at);

} // namespace chordal::jinja
