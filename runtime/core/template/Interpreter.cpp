//===- Interpreter.cpp - runs a template ------------------------------------------------------===//
//
// Walks the tree. Scopes are as Jinja has them: loops, macros, `with` and blocks that are captured
// have variables of their own; `if` has not.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Interpreter.h"

#include <algorithm>

namespace chordal::jinja {

/// Counts depth and work while a part is evaluated.
struct Interpreter::Deeper {
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

//===--- expressions --------------------------------------------------------------------------===//

std::string Interpreter::describe(const Expr& expr) const {
  if (expr.kind == ExprKind::Name)
    return "'" + std::string(name(expr.name)) + "'";
  if (expr.kind == ExprKind::Attribute)
    return "'" + expr.text + "'";
  if (expr.kind == ExprKind::Subscript && expr.right->kind == ExprKind::String)
    return "'" + expr.right->text + "'";
  return "a value";
}

Value Interpreter::evaluateName(const Expr& expr, Scope& scope) {
  size_t looked = 0;
  for (Scope* at = &scope; at; at = at->outer) {
    if (Value* found = at->find(expr.name))
      return *found;
    looked += at->variables.size();
  }
  heap.work(looked / 8);
  for (const auto& [id, value] : globals)
    if (id == expr.name)
      return value;
  return {};
}

Value Interpreter::evaluate(const Expr& expr, Scope& scope) {
  Deeper deeper(*this, expr.at);
  if (!deeper.ok)
    return {};
  switch (expr.kind) {
  case ExprKind::None:
    return Value::none();
  case ExprKind::Bool:
    return Value::boolean(expr.integer != 0);
  case ExprKind::Integer:
    return Value::integer(expr.integer);
  case ExprKind::Float:
    return Value::real(expr.real);
  case ExprKind::String: {
    Value& literal = literals[expr.index];
    if (literal.isUndefined())
      literal = string(expr.text);
    return literal;
  }
  case ExprKind::Name:
    return evaluateName(expr, scope);
  case ExprKind::List:
  case ExprKind::Tuple:
  case ExprKind::Dict:
    return evaluateRow(expr, scope);
  case ExprKind::Attribute: {
    Value object = evaluate(*expr.left, scope);
    here = expr.at;
    if (!failed && object.isUndefined())
      return failUndefined(describe(*expr.left));
    if (object.is(Kind::Macro) && expr.text == "name")
      return string(name(static_cast<MacroObject*>(object.asObject())->definition->name));
    return failed ? Value() : attribute(object, expr.text);
  }
  case ExprKind::Subscript: {
    Value object = evaluate(*expr.left, scope), key = evaluate(*expr.right, scope);
    here = expr.at;
    if (!failed && object.isUndefined())
      return failUndefined(describe(*expr.left));
    return failed ? Value() : subscript(object, key);
  }
  case ExprKind::Slice: {
    Value object = evaluate(*expr.left, scope), bounds[3];
    for (size_t i = 0; i != 3; ++i)
      bounds[i] = expr.items[i] ? evaluate(*expr.items[i], scope) : Value::none();
    here = expr.at;
    if (!failed && object.isUndefined())
      return failUndefined(describe(*expr.left));
    return failed ? Value() : slice(object, bounds[0], bounds[1], bounds[2]);
  }
  case ExprKind::Call:
    return evaluateCall(expr, scope);
  case ExprKind::Filter: {
    Value self = expr.left ? evaluate(*expr.left, scope) : std::exchange(filterInput, Value());
    Arguments arguments;
    if (!evaluateArguments(expr, scope, arguments))
      return {};
    here = expr.at;
    return callFilter(*this, expr.text, expr.filter, self, arguments);
  }
  case ExprKind::Test: {
    Value self = evaluate(*expr.left, scope);
    Arguments arguments;
    if (!evaluateArguments(expr, scope, arguments))
      return {};
    here = expr.at;
    return Value::boolean(callTest(*this, expr.text, expr.test, self, arguments));
  }
  case ExprKind::Not:
    return Value::boolean(!truth(evaluate(*expr.left, scope)));
  case ExprKind::Negative: {
    Value value = evaluate(*expr.left, scope);
    here = expr.at;
    return negative(value);
  }
  case ExprKind::Positive: {
    Value value = evaluate(*expr.left, scope);
    here = expr.at;
    if (!failed && !value.isNumber())
      return fail("'+' is not defined for " + std::string(typeName(value)));
    return value.is(Kind::Bool) ? Value::integer(value.asInteger()) : value;
  }
  case ExprKind::Binary: {
    Value left = evaluate(*expr.left, scope), right = evaluate(*expr.right, scope);
    here = expr.at;
    if (failed)
      return {};
    if (left.isUndefined())
      return failUndefined(describe(*expr.left));
    if (right.isUndefined() && !(expr.op == Op::Modulo && left.isString()))
      return failUndefined(describe(*expr.right));
    return binary(expr.op, left, right);
  }
  case ExprKind::And: {
    Value left = evaluate(*expr.left, scope);
    return failed || !truth(left) ? left : evaluate(*expr.right, scope);
  }
  case ExprKind::Or: {
    Value left = evaluate(*expr.left, scope);
    return failed || truth(left) ? left : evaluate(*expr.right, scope);
  }
  case ExprKind::Compare:
    return evaluateCompare(expr, scope);
  case ExprKind::Concat:
    return evaluateConcat(expr, scope);
  case ExprKind::Conditional: {
    Value condition = evaluate(*expr.right, scope);
    if (failed)
      return {};
    if (truth(condition))
      return evaluate(*expr.left, scope);
    return expr.third ? evaluate(*expr.third, scope) : Value();
  }
  }
  return {};
}

Value Interpreter::evaluateRow(const Expr& expr, Scope& scope) {
  if (expr.kind == ExprKind::Dict) {
    DictObject& dict = heap.make<DictObject>();
    for (size_t i = 0; i + 1 < expr.items.size() && !failed; i += 2) {
      Value key = evaluate(*expr.items[i], scope), value = evaluate(*expr.items[i + 1], scope);
      here = expr.items[i]->at;
      if (!failed)
        put(dict, std::move(key), std::move(value));
    }
    return Value::dict(dict);
  }
  ListObject& list = heap.list(expr.kind == ExprKind::Tuple ? Flavor::Tuple : Flavor::List);
  for (const Expr* item : expr.items) {
    heap.append(list, evaluate(*item, scope));
    if (failed)
      return {};
  }
  return Value::list(list);
}

Value Interpreter::evaluateCompare(const Expr& expr, Scope& scope) {
  Value left = evaluate(*expr.items[0], scope);
  for (size_t i = 0; i != expr.ops.size(); ++i) {
    Value right = evaluate(*expr.items[i + 1], scope);
    here = expr.at;
    if (failed)
      return {};
    Op op = expr.ops[i];
    bool holds;
    if (op == Op::In || op == Op::NotIn) {
      holds = contains(right, left) == (op == Op::In);
    } else if (op == Op::Equal || op == Op::NotEqual) {
      holds = equal(left, right) == (op == Op::Equal);
    } else {
      if (left.isUndefined() || right.isUndefined())
        return failUndefined(describe(*expr.items[left.isUndefined() ? i : i + 1]));
      int order = compare(left, right);
      holds = op == Op::Less        ? order == -1
              : op == Op::LessEqual ? order == -1 || order == 0
              : op == Op::Greater   ? order == 1
                                    : order == 1 || order == 0;
    }
    if (failed)
      return {};
    if (!holds)
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluateConcat(const Expr& expr, Scope& scope) {
  std::string joined, storage;
  for (const Expr* item : expr.items) {
    Value value = evaluate(*item, scope);
    if (failed)
      return {};
    std::string_view part = textView(value, storage);
    if (!room(joined.size() + part.size()))
      return {};
    joined += part;
  }
  return string(std::move(joined));
}

//===--- calls --------------------------------------------------------------------------------===//

bool Interpreter::evaluateArguments(const Expr& expr, Scope& scope, Arguments& arguments) {
  using Form = Argument::Form;
  for (const Argument& argument : expr.arguments) {
    Value value = evaluate(*argument.value, scope);
    here = argument.value->at;
    if (failed)
      return false;
    if (argument.form == Form::Positional) {
      arguments.positional.push_back(std::move(value));
    } else if (argument.form == Form::Keyword) {
      arguments.keywords.emplace_back(name(argument.name), std::move(value));
    } else if (argument.form == Form::Unpack) {
      std::vector<Value> storage;
      const std::vector<Value>* row = items(value, storage);
      if (!row || !roomFor(row->size(), sizeof(Value)))
        return false;
      arguments.positional.insert(arguments.positional.end(), row->begin(), row->end());
    } else {
      if (!value.isDict())
        return fail("'**' needs a dictionary, not " + std::string(typeName(value))), false;
      for (const auto& [key, item] : value.asDict().entries) {
        if (!key.isString())
          return fail("the keys behind '**' must be texts"), false;
        arguments.keywords.emplace_back(key.asString(), item);
      }
    }
  }
  return !failed;
}

Value Interpreter::evaluateCall(const Expr& expr, Scope& scope, const Value* caller) {
  Deeper deeper(*this, expr.at);
  if (!deeper.ok)
    return {};
  // A method is called on its object without being made a value.
  Value self, function;
  const Method* method = nullptr;
  if (expr.left->kind == ExprKind::Attribute) {
    self = evaluate(*expr.left->left, scope);
    here = expr.left->at;
    if (failed)
      return {};
    if (self.isUndefined())
      return failUndefined(describe(*expr.left->left));
    method = self.is(Kind::Namespace) ? nullptr : lookUpMethod(*this, self, expr.left->text);
    if (!method && !failed)
      function = attribute(self, expr.left->text);
  } else {
    function = evaluate(*expr.left, scope);
  }
  Arguments arguments;
  if (failed || !evaluateArguments(expr, scope, arguments))
    return {};
  if (caller)
    arguments.keywords.emplace_back("caller", *caller);
  here = expr.at;
  if (!method)
    return call(function, arguments, expr);
  Bound bound;
  if (!bindArguments(*this, method->name, method->signature, arguments, bound))
    return {};
  return method->function(*this, self, bound);
}

Value Interpreter::call(const Value& function, const Arguments& arguments, const Expr& expr) {
  Bound bound;
  switch (function.kind()) {
  case Kind::Function: {
    const Function* found = static_cast<FunctionObject*>(function.asObject())->function;
    if (!found)
      return strftimeNow(arguments);
    return bindArguments(*this, found->name, found->signature, arguments, bound)
               ? found->function(*this, bound)
               : Value();
  }
  case Kind::Method: {
    const auto& object = *static_cast<MethodObject*>(function.asObject());
    return bindArguments(*this, object.method->name, object.method->signature, arguments, bound)
               ? object.method->function(*this, object.self, bound)
               : Value();
  }
  case Kind::Macro:
    return callMacro(*static_cast<MacroObject*>(function.asObject()), arguments);
  case Kind::Joiner: {
    auto& joiner = *static_cast<JoinerObject*>(function.asObject());
    return std::exchange(joiner.used, true) ? joiner.separator : string("");
  }
  case Kind::Loop:
    return fail("recursive loops are not supported", ErrorCode::Unsupported);
  case Kind::Undefined:
    return failUndefined(describe(*expr.left));
  default:
    return fail("a value of type " + std::string(typeName(function)) + " cannot be called");
  }
}

Value Interpreter::callMacro(const MacroObject& macro, const Arguments& arguments) {
  const MacroDefinition& definition = *macro.definition;
  std::string title = "the macro '" + std::string(name(definition.name)) + "'";
  Scope& scope = inner(*macro.scope);
  size_t count = definition.parameters.size();
  ListObject& varargs = heap.list(Flavor::Tuple);
  DictObject& kwargs = heap.make<DictObject>();
  for (size_t i = 0; i != arguments.positional.size(); ++i) {
    if (i < count)
      set(scope, definition.parameters[i].name, arguments.positional[i]);
    else if (definition.usesVarargs)
      heap.append(varargs, arguments.positional[i]);
    else
      return fail(title + " takes at most " + std::to_string(count) + " arguments");
  }
  bool hasCaller = false;
  for (const auto& [keyword, value] : arguments.keywords) {
    auto parameter = std::find_if(definition.parameters.begin(), definition.parameters.end(),
                                  [&](const Parameter& p) { return name(p.name) == keyword; });
    if (parameter != definition.parameters.end()) {
      if (scope.find(parameter->name))
        return fail(title + " is given '" + std::string(keyword) + "' twice");
      set(scope, parameter->name, value);
    } else if (keyword == "caller" && definition.usesCaller) {
      hasCaller = true;
      set(scope, callerName, value);
    } else if (definition.usesKwargs) {
      put(kwargs, string(keyword), value);
    } else {
      return fail(title + " has no parameter '" + std::string(keyword) + "'");
    }
  }
  for (const Parameter& parameter : definition.parameters)
    if (!scope.find(parameter.name))
      set(scope, parameter.name,
          parameter.fallback ? evaluate(*parameter.fallback, scope) : Value());
  if (definition.usesVarargs)
    set(scope, varargsName, Value::list(varargs));
  if (definition.usesKwargs)
    set(scope, kwargsName, Value::dict(kwargs));
  if (definition.usesCaller && !hasCaller && !scope.find(callerName))
    set(scope, callerName, Value());
  if (failed)
    return {};
  Flow flow;
  return capture(definition.body, scope, flow);
}

Value Interpreter::strftimeNow(const Arguments& arguments) {
  Bound bound;
  if (!bindArguments(*this, "strftime_now", {"format", 1}, arguments, bound))
    return {};
  if (!bound[0].isString())
    return fail("'strftime_now' needs a text");
  if (!now)
    return fail("'strftime_now' asks for the time, which was not given", ErrorCode::Missing);
  Result<std::string> text = now->format(bound[0].asString());
  if (!text)
    return fail(text.error().message, text.error().code);
  return string(std::move(*text));
}

} // namespace chordal::jinja
