//===- Weights.cpp - the weights of matmuls, and moving them ----------------------------------===//
//
// See Weights.h.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Weights.h"

#include "kernels/catalogue/Catalogue.h"

using namespace mlir;

namespace chordal {

bool isMatmul(Operation* op) {
  return isa<ir::MatmulOp, ir::MoeMatmulOp, ir::HeadMatmulOp>(op);
}

OperandRange matmulWeights(Operation* matmul) {
  if (auto op = dyn_cast<ir::MatmulOp>(matmul))
    return op.getWeights();
  if (auto op = dyn_cast<ir::MoeMatmulOp>(matmul))
    return op.getWeights();
  return matmul->getOperands().drop_front(); // of heads
}

ir::QuantizedType storedType(Value weight) {
  if (auto dequantize = weight.getDefiningOp<ir::DequantizeOp>())
    weight = dequantize.getX();
  return dyn_cast<ir::QuantizedType>(weight.getType());
}

bool wantsQuantizedActivations(Value weight) {
  ir::QuantizedType type = storedType(weight);
  if (!type || type.isActivation())
    return false;
  return kernels::wantsQuantizedActivations(type.getFormatInfo()->format);
}

/// The op that must move for `value` to be there before `op`, or null.
static Operation* definedAfter(Value value, Operation* op) {
  Operation* definition = value.getDefiningOp();
  if (!definition || definition->getBlock() != op->getBlock() || definition->isBeforeInBlock(op))
    return nullptr;
  return definition;
}

bool canBeReadyBefore(Value value, Operation* op) {
  Operation* definition = definedAfter(value, op);
  if (!definition)
    return true;
  return isa<ir::LoadWeightOp, ir::LoadConstantOp, ir::DequantizeOp>(definition) &&
         llvm::all_of(definition->getOperands(),
                      [&](Value operand) { return canBeReadyBefore(operand, op); });
}

void makeReadyBefore(Value value, Operation* op) {
  Operation* definition = definedAfter(value, op);
  if (!definition)
    return;
  for (Value operand : definition->getOperands())
    makeReadyBefore(operand, op);
  definition->moveBefore(op);
}

} // namespace chordal
