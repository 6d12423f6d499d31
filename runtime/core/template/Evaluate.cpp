//===- Evaluate.cpp - the values of expressions, and calls ------------------------------------===//
#include "runtime/core/template/Interpreter.h"

#include <algorithm>

namespace chordal::jinja {

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
