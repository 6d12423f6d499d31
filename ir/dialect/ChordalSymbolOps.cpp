//===- ChordalSymbolOps.cpp - weights, states, constants --------------------------------------===//
//
// Verification of symbols and of the ops that refer to them.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

using namespace mlir;
using namespace chordal::ir;

LogicalResult WeightOp::verify() {
  int64_t expected;
  if (auto quantized = dyn_cast<QuantizedType>(getType())) {
    // A packed layout may pad; the file's own has one size.
    if (quantized.getLayout() != QuantizedType::fileLayout)
      return success();
    expected = quantized.getByteSize();
  } else {
    expected = cast<RankedTensorType>(getType()).getNumElements() * 4;
  }
  if (getSpan().getBytes() != expected)
    return emitOpError() << "has a span of " << getSpan().getBytes()
                         << " bytes, but its type takes " << expected;
  return success();
}

LogicalResult ConstantOp::verify() {
  auto dense = dyn_cast<DenseElementsAttr>(getValue());
  if (!dense || !isVector(dense.getType()))
    return emitOpError("must be a dense vector of float32");
  return success();
}

/// The symbol of kind `SymbolOp` that `user` names.
template <typename SymbolOp>
static FailureOr<SymbolOp> lookup(Operation* user, FlatSymbolRefAttr name,
                                  SymbolTableCollection& tables) {
  auto symbol = tables.lookupNearestSymbolFrom<SymbolOp>(user, name);
  if (!symbol)
    return user->emitOpError() << "names " << name << ", but there is no "
                               << SymbolOp::getOperationName() << " of that name";
  return symbol;
}

LogicalResult LoadWeightOp::verifySymbolUses(SymbolTableCollection& tables) {
  auto weight = lookup<WeightOp>(*this, getNameAttr(), tables);
  if (failed(weight))
    return failure();
  if (weight->getType() != getResult().getType())
    return emitOpError() << "yields " << getResult().getType() << ", but " << getNameAttr()
                         << " has type " << weight->getType();
  return success();
}

LogicalResult LoadConstantOp::verifySymbolUses(SymbolTableCollection& tables) {
  auto constant = lookup<ConstantOp>(*this, getNameAttr(), tables);
  if (failed(constant))
    return failure();
  Type type = constant->getValue().getShapedType();
  if (type != getResult().getType())
    return emitOpError() << "yields " << getResult().getType() << ", but " << getNameAttr()
                         << " has type " << type;
  return success();
}

LogicalResult PrefetchOp::verifySymbolUses(SymbolTableCollection& tables) {
  return lookup<WeightOp>(*this, getWeightAttr(), tables);
}

LogicalResult ReleaseOp::verifySymbolUses(SymbolTableCollection& tables) {
  return lookup<WeightOp>(*this, getWeightAttr(), tables);
}
