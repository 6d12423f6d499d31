//===- ChordalDialect.cpp - the dialect itself ------------------------------------------------===//
//
// Registration, and the verification of attributes that sit on ops of other dialects.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalDialect.h"

#include "ir/dialect/ChordalOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace chordal::ir;

#include "ir/dialect/ChordalDialect.cpp.inc"

void ChordalDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "ir/dialect/ChordalOps.cpp.inc"
      >();
}

LogicalResult ChordalDialect::verifyOperationAttribute(Operation* op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == modelAttrName) {
    if (!isa<ModuleOp>(op))
      return op->emitError() << "'" << name << "' belongs on a module";
    if (!isa<DictionaryAttr>(attribute.getValue()))
      return op->emitError() << "'" << name << "' must be a dictionary";
    return success();
  }
  if (name == tokensAttrName) {
    if (!isa<func::FuncOp>(op))
      return op->emitError() << "'" << name << "' belongs on a function";
    auto range = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
    if (!range || range.size() != 2 || range[0] < 1 || range[0] > range[1])
      return op->emitError() << "'" << name
                             << "' must be array<i64: MIN, MAX> with 1 <= MIN <= MAX, but is "
                             << attribute.getValue();
    return success();
  }
  return op->emitError() << "'" << name << "' is not an attribute of the chordal dialect";
}

LogicalResult ChordalDialect::verifyRegionArgAttribute(Operation* op, unsigned regionIndex,
                                                       unsigned argIndex,
                                                       NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name != stateAttrName)
    return op->emitError() << "'" << name
                           << "' is not an argument attribute of the chordal dialect";
  auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue());
  auto module = op->getParentOfType<ModuleOp>();
  if (!symbol || !module)
    return op->emitError() << "'" << name << "' must name a chordal.state of the module";
  auto state = module.lookupSymbol<StateOp>(symbol);
  if (!state)
    return op->emitError() << "argument " << argIndex << ": there is no chordal.state named "
                           << symbol;
  Type type = op->getRegion(regionIndex).empty()
                  ? cast<func::FuncOp>(op).getArgumentTypes()[argIndex]
                  : op->getRegion(regionIndex).getArgument(argIndex).getType();
  if (type != state.getType())
    return op->emitError() << "argument " << argIndex << " has type " << type << ", but the state "
                           << symbol << " has type " << state.getType();
  return success();
}
