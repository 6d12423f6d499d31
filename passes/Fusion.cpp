//===- Fusion.cpp - making a fused op of several ops ------------------------------------------===//
//
// See Fusion.h.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Fusion.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace chordal {

ir::FusedOp fuse(OpBuilder& builder, StringRef kind, ArrayRef<Operation*> ops,
                 ArrayRef<Value> outputs, ArrayRef<Value> inputs) {
  llvm::SmallPtrSet<Operation*, 8> inside(ops.begin(), ops.end());
  llvm::SetVector<Value> operands(inputs.begin(), inputs.end());
  SmallVector<Location> locations;
  for (Operation* op : ops) {
    locations.push_back(op->getLoc());
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        operands.insert(operand);
  }

  auto fused = ir::FusedOp::create(builder, builder.getFusedLoc(locations),
                                   TypeRange(ValueRange(outputs)), kind, operands.getArrayRef());
  Block& block = fused.getBlock();
  for (Operation* op : ops) {
    op->moveBefore(&block, block.end());
    for (OpOperand& operand : op->getOpOperands()) {
      auto found = llvm::find(operands, operand.get());
      if (found != operands.end())
        operand.set(block.getArgument(found - operands.begin()));
    }
  }
  for (auto [output, result] : llvm::zip_equal(outputs, fused.getResults())) {
    Value inner = output;
    inner.replaceUsesWithIf(result,
                            [&](OpOperand& use) { return use.getOwner()->getBlock() != &block; });
  }
  OpBuilder yieldBuilder = OpBuilder::atBlockEnd(&block);
  ir::YieldOp::create(yieldBuilder, fused.getLoc(), outputs);
  return fused;
}

} // namespace chordal
