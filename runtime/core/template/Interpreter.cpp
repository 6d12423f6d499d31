//===- Interpreter.cpp - runs a template ------------------------------------------------------===//
//
// Walks the tree. Scopes are as Jinja has them: loops, macros, `with` and blocks that are captured
// have variables of their own; `if` has not.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Interpreter.h"

#include <algorithm>

namespace chordal::jinja {

Interpreter::Interpreter(const Ast& ast, Heap& heap, uint32_t maxDepth, std::optional<Time> now)
    : Engine(heap, ast.source), ast(ast), maxDepth(maxDepth), now(now), literals(ast.strings),
      loopName(idOf("loop")), callerName(idOf("caller")), varargsName(idOf("varargs")),
      kwargsName(idOf("kwargs")) {}

NameId Interpreter::idOf(std::string_view name) const {
  auto found = std::find(ast.names.begin(), ast.names.end(), name);
  return found == ast.names.end() ? noName : static_cast<NameId>(found - ast.names.begin());
}

Result<std::string> Interpreter::run(const DictObject& variables) {
  root = &heap.make<Scope>();
  for (NameId id = 0; id != ast.names.size(); ++id) {
    for (const Function& function : functions())
      if (function.name == name(id)) {
        FunctionObject& object = heap.make<FunctionObject>();
        object.function = &function;
        globals.emplace_back(id, Value::object(Kind::Function, &object));
      }
    if (name(id) == "strftime_now")
      globals.emplace_back(id, Value::object(Kind::Function, &heap.make<FunctionObject>()));
    if (const Value* value = variables.find(name(id)))
      set(*root, id, *value);
  }
  Scope& scope = inner(*root);
  execute(ast.body, scope);
  if (failed)
    return std::move(error);
  return std::move(output);
}

//===--- statements ---------------------------------------------------------------------------===//

Scope& Interpreter::inner(Scope& outer) {
  Scope& scope = heap.make<Scope>();
  scope.outer = &outer;
  return scope;
}

void Interpreter::set(Scope& scope, NameId name, Value value) {
  if (Value* present = scope.find(name)) {
    *present = std::move(value);
    return;
  }
  heap.take(sizeof(std::pair<NameId, Value>));
  scope.variables.emplace_back(name, std::move(value));
}

void Interpreter::emit(std::string_view text) {
  heap.workOnBytes(text.size());
  if (!heap.take(text.size()))
    return void(check());
  output += text;
}

Value Interpreter::capture(const Body& body, Scope& scope, Flow& flow) {
  std::string outer = std::exchange(output, {});
  flow = execute(body, scope);
  std::string captured = std::exchange(output, std::move(outer));
  heap.give(captured.size());
  return flow == Flow::Failed ? Value() : string(std::move(captured));
}

Interpreter::Flow Interpreter::execute(const Body& body, Scope& scope) {
  for (const Stmt* stmt : body)
    if (Flow flow = execute(*stmt, scope); flow != Flow::On)
      return flow;
  return Flow::On;
}

Interpreter::Flow Interpreter::execute(const Stmt& stmt, Scope& scope) {
  Deeper deeper(*this, stmt.at);
  if (!deeper.ok)
    return Flow::Failed;
  Flow flow = Flow::On;
  switch (stmt.kind) {
  case StmtKind::Text:
    emit(stmt.text);
    break;
  case StmtKind::Print: {
    Value value = evaluate(*stmt.value, scope);
    std::string storage;
    if (!failed)
      emit(textView(value, storage));
    break;
  }
  case StmtKind::If:
    for (const Branch& branch : stmt.branches) {
      bool taken = !branch.condition || truth(evaluate(*branch.condition, scope));
      if (failed)
        return Flow::Failed;
      if (taken)
        return execute(branch.body, scope);
    }
    break;
  case StmtKind::For:
    return executeFor(stmt, scope);
  case StmtKind::Set: {
    Value value = evaluate(*stmt.value, scope);
    here = stmt.at;
    assign(stmt.target, std::move(value), scope);
    break;
  }
  case StmtKind::SetBlock: {
    Value text = capture(stmt.body, inner(scope), flow);
    if (flow != Flow::On)
      return flow;
    if (stmt.value) {
      filterInput = std::move(text);
      text = evaluate(*stmt.value, scope);
    }
    assign(stmt.target, std::move(text), scope);
    break;
  }
  case StmtKind::Macro: {
    MacroObject& macro = heap.make<MacroObject>();
    macro.definition = &stmt.macro;
    macro.scope = &scope;
    for (Scope* at = &scope; at && !at->kept; at = at->outer)
      at->kept = true;
    set(scope, stmt.macro.name, Value::object(Kind::Macro, &macro));
    break;
  }
  case StmtKind::CallBlock: {
    MacroObject& macro = heap.make<MacroObject>();
    macro.definition = &stmt.macro;
    macro.scope = &scope;
    for (Scope* at = &scope; at && !at->kept; at = at->outer)
      at->kept = true;
    Value caller = Value::object(Kind::Macro, &macro);
    Value value = evaluateCall(*stmt.value, scope, &caller);
    std::string storage;
    if (!failed)
      emit(textView(value, storage));
    break;
  }
  case StmtKind::Filter: {
    filterInput = capture(stmt.body, inner(scope), flow);
    if (flow != Flow::On)
      return flow;
    Value value = evaluate(*stmt.value, scope);
    std::string storage;
    if (!failed)
      emit(textView(value, storage));
    break;
  }
  case StmtKind::With: {
    Scope& own = inner(scope);
    std::vector<Value> values;
    for (const Expr* item : stmt.items)
      values.push_back(evaluate(*item, scope));
    for (size_t i = 0; i != values.size() && !failed; ++i)
      assign(stmt.targets[i], std::move(values[i]), own);
    return failed ? Flow::Failed : execute(stmt.body, own);
  }
  case StmtKind::Scope:
    return execute(stmt.body, inner(scope));
  case StmtKind::Break:
    return Flow::Break;
  case StmtKind::Continue:
    return Flow::Continue;
  }
  return failed || !check() ? Flow::Failed : Flow::On;
}

Interpreter::Flow Interpreter::executeFor(const Stmt& stmt, Scope& scope) {
  Value over = evaluate(*stmt.value, scope);
  here = stmt.value->at;
  if (failed)
    return Flow::Failed;
  std::vector<Value> storage, chosen;
  const std::vector<Value>* row = items(over, storage);
  if (!row)
    return Flow::Failed;
  if (stmt.condition) {
    Scope* own = &inner(scope);
    for (const Value& item : *row) {
      if (own->kept)
        own = &inner(scope);
      own->variables.clear();
      assign(stmt.target, item, *own);
      Value wanted = evaluate(*stmt.condition, *own);
      if (failed || !check())
        return Flow::Failed;
      if (truth(wanted))
        chosen.push_back(item);
    }
    row = &chosen;
  }
  if (row->empty())
    return execute(stmt.otherwise, inner(scope));
  static const std::vector<Value> nothing;
  LoopObject& loop = heap.make<LoopObject>();
  loop.items = row;
  Scope* own = &inner(scope);
  Flow flow = Flow::On;
  for (size_t i = 0; i != row->size() && flow != Flow::Failed && flow != Flow::Break; ++i) {
    loop.index = i;
    if (own->kept)
      own = &inner(scope);
    heap.give(own->variables.size() * sizeof(std::pair<NameId, Value>));
    own->variables.clear();
    set(*own, loopName, Value::object(Kind::Loop, &loop));
    here = stmt.at;
    assign(stmt.target, (*row)[i], *own);
    flow = failed ? Flow::Failed : execute(stmt.body, *own);
    heap.work(1);
    if (!check())
      flow = Flow::Failed;
  }
  // The loop may have been kept in a namespace; its items end here.
  loop.items = &nothing;
  return flow == Flow::Failed ? flow : Flow::On;
}

void Interpreter::assign(const Target& target, Value value, Scope& scope) {
  if (failed)
    return;
  switch (target.form) {
  case Target::Form::Name:
    return set(scope, target.name, std::move(value));
  case Target::Form::Member: {
    Value* object = nullptr;
    for (Scope* at = &scope; at && !object; at = at->outer)
      object = at->find(target.name);
    here = target.at;
    if (!object || !object->is(Kind::Namespace))
      return void(fail("'" + std::string(name(target.name)) +
                       "' is no namespace, so its members cannot be set"));
    return put(object->asDict(), string(name(target.member)), std::move(value));
  }
  case Target::Form::Tuple: {
    std::vector<Value> storage;
    const std::vector<Value>* row = items(value, storage);
    if (!row)
      return;
    if (row->size() != target.targets.size())
      return void(fail("cannot unpack " + std::to_string(row->size()) + " values into " +
                       std::to_string(target.targets.size()) + " names"));
    for (size_t i = 0; i != row->size(); ++i)
      assign(target.targets[i], (*row)[i], scope);
  }
  }
}

} // namespace chordal::jinja
