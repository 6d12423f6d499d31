//===- VerifyInput.cpp - the end of the phase input -------------------------------------------===//
//
// Checks that a module is a model as written.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/VerifyPhase.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYINPUTPASS
#include "passes/Passes.h.inc"

namespace {

/// The numbers of tokens a step function is for.
struct Bucket {
  func::FuncOp function;
  int64_t first, last;
};

LogicalResult verifyBuckets(ModuleOp module) {
  SmallVector<Bucket> buckets;
  for (auto function : module.getOps<func::FuncOp>()) {
    auto tokens = function->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
    if (!tokens)
      continue;
    Bucket bucket = {function, tokens[0], tokens[1]};
    for (Bucket& other : buckets)
      if (bucket.first <= other.last && other.first <= bucket.last)
        return function.emitOpError()
               << "is for " << bucket.first << " to " << bucket.last
               << " tokens, and so in part is @" << other.function.getSymName() << " ("
               << other.first << " to " << other.last << ")";
    buckets.push_back(bucket);
  }
  if (buckets.empty())
    return module.emitOpError("has no step function: no function has the attribute chordal.tokens");
  return success();
}

LogicalResult verifyOp(Operation* op) {
  if (isa<ir::QuantizeOp, ir::FusedOp>(op))
    return op->emitOpError("belongs to the phase 'graph', and the module is in the phase 'input'");
  if (isScheduleOp(op))
    return op->emitOpError("belongs to a later phase than 'input'");
  if (auto matmul = dyn_cast<ir::MatmulOp>(op))
    for (Value operand : matmul->getOperands())
      if (isa<ir::QuantizedType>(operand.getType()))
        return matmul.emitOpError(
            "must read dequantised weights and float32 activations in the phase 'input'");
  return success();
}

struct VerifyInputPass : impl::VerifyInputPassBase<VerifyInputPass> {
  void runOnOperation() override {
    if (failed(verifyBuckets(getOperation())) || failed(verifyOps(getOperation(), verifyOp)))
      signalPassFailure();
  }
};

} // namespace
} // namespace chordal
