//===- StateLinearity.cpp - states are used once ----------------------------------------------===//
//
// Walks the users of each state value. A fused or dispatch op appends to an input if its region
// appends to the argument of that input, directly or in a region further inside.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/StateLinearity.h"

#include "ir/dialect/ChordalOps.h"

using namespace mlir;
using namespace chordal::ir;

/// The region's argument that stands for an operand of a fused or dispatch op; null for others.
static Value regionArgument(OpOperand& use) {
  Operation* op = use.getOwner();
  if (!isa<FusedOp, DispatchOp>(op))
    return {};
  return op->getRegion(0).getArgument(use.getOperandNumber());
}

/// Whether this use, or what it stands for inside a region, appends to the state.
static bool appends(OpOperand& use) {
  if (isa<KvAppendOp>(use.getOwner()))
    return true;
  Value argument = regionArgument(use);
  return argument &&
         llvm::any_of(argument.getUses(), [](OpOperand& inner) { return appends(inner); });
}

static LogicalResult verifyValue(Value state) {
  OpOperand* append = nullptr;
  for (OpOperand& use : state.getUses()) {
    if (!appends(use))
      continue;
    if (append)
      return use.getOwner()
                 ->emitOpError("appends to a state that is appended to elsewhere")
                 .attachNote(append->getOwner()->getLoc())
             << "the other append";
    append = &use;
  }
  if (!append)
    return success();
  for (OpOperand& use : state.getUses())
    if (&use != append)
      return use.getOwner()
                 ->emitOpError("uses a state that has been appended to; only its newest "
                               "value may be used")
                 .attachNote(append->getOwner()->getLoc())
             << "the append";
  return success();
}

LogicalResult chordal::ir::verifyStateLinearity(func::FuncOp function) {
  LogicalResult result = success();
  auto check = [&](Value value) {
    if (isa<KvType>(value.getType()) && failed(verifyValue(value)))
      result = failure();
  };
  function->walk([&](Operation* op) {
    for (Value value : op->getResults())
      check(value);
    for (Region& region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        check(argument);
  });
  return result;
}
