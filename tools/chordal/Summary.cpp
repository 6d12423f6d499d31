//===- Summary.cpp - a compiled module in figures ---------------------------------------------===//
#include "tools/chordal/Summary.h"

#include "ir/dialect/Chordal.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

#include <map>

using namespace mlir;

namespace chordal::driver {

using Json = nlohmann::ordered_json;

namespace {

std::string toString(StringRef text) {
  return text.str();
}

/// The value of an attribute of the dictionary `chordal.model`.
Json toJson(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return toString(text.getValue());
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getValue().getSExtValue();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute))
    return Json(std::vector<int64_t>(numbers.asArrayRef()));
  if (auto numbers = dyn_cast<DenseI32ArrayAttr>(attribute))
    return Json(std::vector<int32_t>(numbers.asArrayRef()));
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    Json array = Json::array();
    for (Attribute element : list)
      array.push_back(toJson(element));
    return array;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  attribute.print(stream);
  return text;
}

/// Products and sums of a matrix multiplication for each row of its input.
int64_t multiplyAdds(ir::MatmulOp matmul) {
  int64_t count = 0;
  for (Value weight : matmul.getWeights()) {
    if (auto type = dyn_cast<ir::QuantizedType>(weight.getType()))
      count += type.getRows() * type.getColumns();
    else if (auto tensor = dyn_cast<RankedTensorType>(weight.getType()))
      count += tensor.getNumElements();
  }
  return count;
}

class Summarizer {
public:
  explicit Summarizer(ModuleOp module) : module(module), symbols(module) {}

  Json run() {
    Json summary;
    if (auto model = module->getAttrOfType<DictionaryAttr>(ir::modelAttrName)) {
      Json parameters = Json::object();
      for (NamedAttribute entry : model) {
        std::string name = toString(entry.getName().getValue());
        if (name == "architecture")
          summary["architecture"] = toJson(entry.getValue());
        else
          parameters[name] = toJson(entry.getValue());
      }
      summary["hyper_parameters"] = std::move(parameters);
    }
    addSymbols(summary);
    summary["steps"] = Json::array();
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(ir::tokensAttrName))
        summary["steps"].push_back(step(function));
    return summary;
  }

private:
  void addSymbols(Json& summary) {
    int64_t weights = 0, bytes = 0, states = 0;
    for (auto weight : module.getOps<ir::WeightOp>()) {
      ++weights;
      bytes += weight.getSpan().getBytes();
    }
    for ([[maybe_unused]] auto state : module.getOps<ir::StateOp>())
      ++states;
    summary["weights"] = {{"count", weights}, {"bytes", bytes}};
    summary["states"] = {{"count", states}};
  }

  Json step(func::FuncOp function) {
    auto tokens = function->getAttrOfType<DenseI64ArrayAttr>(ir::tokensAttrName);
    Json entry = {{"name", toString(function.getName())},
                  {"min_tokens", tokens[0]},
                  {"max_tokens", tokens[1]}};
    for (auto arena : function.getOps<ir::ArenaOp>())
      entry["arena_bytes"] = int64_t(arena.getBytes());
    std::map<std::string, int64_t> operations;
    function.walk([&](Operation* op) {
      if (op != function.getOperation() && !op->hasTrait<OpTrait::IsTerminator>())
        ++operations[toString(op->getName().getStringRef())];
    });
    entry["operations"] = operations;
    Json dispatches = Json::array();
    for (auto dispatch : function.getOps<ir::DispatchOp>())
      dispatches.push_back(describe(dispatch));
    if (!dispatches.empty())
      entry["dispatches"] = std::move(dispatches);
    return entry;
  }

  Json describe(ir::DispatchOp dispatch) {
    Json entry = {{"id", int64_t(dispatch.getId())}};
    Json operations = Json::array();
    int64_t products = 0;
    dispatch.getBody().walk([&](Operation* op) {
      if (op->hasTrait<OpTrait::IsTerminator>() || isa<ir::FusedOp>(op))
        return;
      operations.push_back(toString(op->getName().getStringRef()));
      if (auto matmul = dyn_cast<ir::MatmulOp>(op))
        products += multiplyAdds(matmul);
    });
    entry["operations"] = std::move(operations);
    Json kernels = Json::array();
    for (auto kernel : dispatch.getKernels().getAsRange<StringAttr>())
      kernels.push_back(toString(kernel.getValue()));
    entry["kernels"] = std::move(kernels);
    entry["device"] = toString(dispatch.getDevice());
    entry["rows"] = toString(ir::stringifyRowKind(dispatch.getRows()));
    Json weights = Json::array();
    int64_t bytes = 0;
    for (Value input : dispatch.getInputs())
      if (auto load = input.getDefiningOp<ir::LoadWeightOp>()) {
        weights.push_back(toString(load.getName()));
        if (auto weight = symbols.lookup<ir::WeightOp>(load.getName()))
          bytes += weight.getSpan().getBytes();
      }
    entry["weights"] = std::move(weights);
    entry["weight_bytes"] = bytes;
    entry["multiply_adds_per_row"] = products;
    if (auto after = dispatch.getAfter())
      entry["after"] = std::vector<int64_t>(*after);
    return entry;
  }

  ModuleOp module;
  SymbolTable symbols;
};

} // namespace

Json summarize(ModuleOp module) {
  return Summarizer(module).run();
}

} // namespace chordal::driver
