//===- Interpreter.cpp - runs the graph IR ----------------------------------------------------===//
//
// Picks functions, binds their arguments, and keeps state between steps.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Interpreter.h"

#include <algorithm>

using namespace mlir;

namespace chordal::reference {

static std::vector<std::span<const std::byte>> shardsOf(const gguf::View& view) {
  std::vector<std::span<const std::byte>> shards;
  for (size_t i = 0; i < view.shardCount(); ++i)
    shards.push_back(view.shardBytes(i));
  return shards;
}

Interpreter::Interpreter(ModuleOp module, const gguf::View& view)
    : Interpreter(module, shardsOf(view)) {}

Interpreter::Interpreter(ModuleOp module, std::vector<std::span<const std::byte>> shards)
    : module(module), weights(module, std::move(shards)) {}

KvStore& Interpreter::state(llvm::StringRef name, ir::KvType type) {
  auto [place, isNew] = states.try_emplace(name.str());
  KvStore& store = place->second;
  if (isNew) {
    store.heads = size_t(type.getHeads());
    store.keyDim = size_t(type.getKeyDim());
    store.valueDim = size_t(type.getValueDim());
    store.halfKeys = type.getKeyType().isF16();
    store.halfValues = type.getValueType().isF16();
  }
  return store;
}

Result<std::vector<Datum>> Interpreter::call(llvm::StringRef name, std::vector<Datum> arguments) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function || function.isExternal())
    return Error{"there is no function '" + name.str() + "' in the module", ErrorCode::Missing};
  return call(function, std::move(arguments));
}

Result<std::vector<Datum>> Interpreter::call(func::FuncOp function, std::vector<Datum> arguments) {
  if (arguments.size() != function.getNumArguments())
    return Error{"'" + function.getName().str() + "' takes " +
                     std::to_string(function.getNumArguments()) + " arguments, not " +
                     std::to_string(arguments.size()),
                 ErrorCode::Malformed};
  if (!function.getBody().hasOneBlock())
    return Error{"'" + function.getName().str() + "' has control flow", ErrorCode::Unsupported};
  for (unsigned i = 0; i < arguments.size(); ++i) {
    auto type = dyn_cast<ir::KvType>(function.getArgument(i).getType());
    auto name = function.getArgAttrOfType<FlatSymbolRefAttr>(i, ir::stateAttrName);
    if (type && name && std::holds_alternative<Handle>(arguments[i]))
      arguments[i] = &state(name.getValue(), type);
  }
  Evaluator evaluator(weights, observer);
  return evaluator.run(function.getBody().front(), arguments);
}

Result<std::vector<float>> Interpreter::step(std::span<const int32_t> tokens,
                                             std::span<const int32_t> positions,
                                             std::span<const int32_t> sequences,
                                             std::span<const int32_t> outputRows,
                                             llvm::StringRef name) {
  if (positions.size() != tokens.size() || sequences.size() != tokens.size())
    return Error{"a step needs one position and one sequence for each token", ErrorCode::Malformed};
  func::FuncOp function;
  if (!name.empty()) {
    function = module.lookupSymbol<func::FuncOp>(name);
  } else {
    for (auto candidate : module.getOps<func::FuncOp>()) {
      auto range = candidate->getAttrOfType<DenseI64ArrayAttr>(ir::tokensAttrName);
      if (range && range[0] <= int64_t(tokens.size()) && int64_t(tokens.size()) <= range[1])
        function = candidate;
    }
  }
  if (!function)
    return Error{name.empty()
                     ? "no step function takes " + std::to_string(tokens.size()) + " tokens"
                     : "there is no function '" + name.str() + "' in the module",
                 ErrorCode::Missing};

  std::vector<Datum> arguments;
  for (std::span<const int32_t> input : {tokens, positions, sequences, outputRows}) {
    Ints values = Ints::from_shape({input.size()});
    std::copy(input.begin(), input.end(), values.data());
    arguments.push_back(std::make_shared<const Ints>(std::move(values)));
  }
  arguments.resize(std::max<size_t>(arguments.size(), function.getNumArguments()), Handle());
  for (size_t i = 4; i < arguments.size(); ++i)
    if (!function.getArgAttrOfType<FlatSymbolRefAttr>(i, ir::stateAttrName))
      return Error{"argument " + std::to_string(i) + " of '" + function.getName().str() +
                       "' is no state; a step function takes token, position, sequence, output row "
                       "and states",
                   ErrorCode::Malformed};
  Result<std::vector<Datum>> results = call(function, std::move(arguments));
  if (!results)
    return results.error();
  auto* logits = results->empty() ? nullptr : std::get_if<SharedFloats>(&results->front());
  if (!logits)
    return Error{"'" + function.getName().str() + "' does not return logits first",
                 ErrorCode::Malformed};
  return std::vector<float>((*logits)->begin(), (*logits)->end());
}

} // namespace chordal::reference
