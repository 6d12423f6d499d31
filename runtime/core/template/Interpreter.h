//===- Interpreter.h - runs a template --------------------------------------------------------===//
#pragma once

#include "runtime/core/template/Builtins.h"
#include "runtime/core/template/Engine.h"
#include "runtime/core/template/Template.h"

namespace chordal::jinja {

/// The variables of a part of a template; reading looks outwards, writing stays.
struct Scope : Object {
  Scope* outer = nullptr;
  bool kept = false; ///< a macro refers to it
  std::vector<std::pair<NameId, Value>> variables;

  Value* find(NameId name) {
    for (auto& [id, value] : variables)
      if (id == name)
        return &value;
    return nullptr;
  }
};

inline constexpr NameId noName = static_cast<NameId>(-1);

struct MacroObject : Object {
  const MacroDefinition* definition = nullptr;
  Scope* scope = nullptr;
};

class Interpreter : public Engine {
public:
  Interpreter(const Ast& ast, Heap& heap, uint32_t maxDepth, std::optional<Time> now);

  Result<std::string> run(const DictObject& variables);

private:
  enum class Flow : uint8_t { On, Break, Continue, Failed };

  /// Counts depth and work while a part is evaluated.
  struct Deeper {
    Interpreter& interpreter;
    bool ok;
    Deeper(Interpreter& interpreter, Offset at) : interpreter(interpreter) {
      interpreter.here = at;
      interpreter.heap.work(1);
      ok = ++interpreter.depth <= interpreter.maxDepth && interpreter.check();
      if (!ok)
        interpreter.fail("nested too deeply, perhaps by macros that call themselves",
                         ErrorCode::OutOfRange);
    }
    ~Deeper() { --interpreter.depth; }
  };

  Flow execute(const Body& body, Scope& scope);
  Flow execute(const Stmt& stmt, Scope& scope);
  Flow executeFor(const Stmt& stmt, Scope& scope);
  void assign(const Target& target, Value value, Scope& scope);
  void set(Scope& scope, NameId name, Value value);
  Scope& inner(Scope& outer);
  /// Runs a body and gives what it prints.
  Value capture(const Body& body, Scope& scope, Flow& flow);
  void emit(std::string_view text);

  Value evaluate(const Expr& expr, Scope& scope);
  Value evaluateName(const Expr& expr, Scope& scope);
  Value evaluateCompare(const Expr& expr, Scope& scope);
  Value evaluateConcat(const Expr& expr, Scope& scope);
  Value evaluateRow(const Expr& expr, Scope& scope);
  Value evaluateCall(const Expr& expr, Scope& scope, const Value* caller = nullptr);
  bool evaluateArguments(const Expr& expr, Scope& scope, Arguments& arguments);
  Value call(const Value& function, const Arguments& arguments, const Expr& expr);
  Value callMacro(const MacroObject& macro, const Arguments& arguments);
  Value strftimeNow(const Arguments& arguments);
  std::string describe(const Expr& expr) const;
  NameId idOf(std::string_view name) const;
  std::string_view name(NameId id) const { return ast.names[id]; }

  const Ast& ast;
  uint32_t maxDepth;
  uint32_t depth = 0;
  std::optional<Time> now;
  std::string output;
  std::vector<Value> literals; ///< texts, by Expr::index
  Value filterInput;           ///< the body of the filter block about to be filtered
  std::vector<std::pair<NameId, Value>> globals;
  Scope* root = nullptr;
  NameId loopName, callerName, varargsName, kwargsName; ///< noName where a template has none
};

} // namespace chordal::jinja
