//===- VerifyPlan.cpp - the end of the phase `plan` -------------------------------------------===//
#include "passes/Passes.h"
#include "passes/VerifyPhase.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYPLANPASS
#include "passes/Passes.h.inc"

namespace {

struct VerifyPlan : impl::VerifyPlanPassBase<VerifyPlan> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> steps;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("chordal.tokens"))
        continue;
      auto tokens = function->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
      if (!tokens || tokens.size() != 2 || function.isExternal()) {
        function.emitOpError("is no step function with a range of tokens");
        return signalPassFailure();
      }
      steps.push_back(function);
    }
    if (steps.empty()) {
      getOperation().emitError("the module has no step function");
      return signalPassFailure();
    }
    auto range = [](func::FuncOp step) {
      return step->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
    };
    llvm::sort(steps, [&](func::FuncOp a, func::FuncOp b) { return range(a)[0] < range(b)[0]; });
    int64_t next = 1;
    for (func::FuncOp step : steps) {
      if (range(step)[0] != next) {
        step.emitOpError() << "begins at " << range(step)[0] << " tokens, but " << next
                           << " tokens are the fewest that no other step function is for";
        return signalPassFailure();
      }
      next = range(step)[1] + 1;
      if (failed(verify(step, steps.front())))
        return signalPassFailure();
    }
  }

  LogicalResult verify(func::FuncOp step, func::FuncOp first) {
    constexpr StringLiteral name = "chordal.state";
    if (step.getFunctionType() != first.getFunctionType())
      return step.emitOpError() << "has other arguments or results than '" << first.getName()
                                << "'";
    auto results = cast<func::ReturnOp>(step.front().getTerminator());
    if (results.getNumOperands() == 0 || !results.getOperand(0).getDefiningOp<ir::DispatchOp>())
      return step.emitOpError("returns no logits that a dispatch computes");
    for (Value state : results.getOperands().drop_front())
      if (!isa<ir::KvType>(state.getType()))
        return step.emitOpError("returns something besides the logits and the states");
    for (BlockArgument argument : step.getArguments()) {
      unsigned index = argument.getArgNumber();
      auto state = step.getArgAttrOfType<FlatSymbolRefAttr>(index, name);
      if (isa<ir::KvType>(argument.getType()) && !state)
        return step.emitOpError() << "has the state " << index
                                  << ", of which nothing says where it is stored";
      if (state != first.getArgAttrOfType<FlatSymbolRefAttr>(index, name))
        return step.emitOpError() << "stores argument " << index << " elsewhere than '"
                                  << first.getName() << "'";
    }
    return success();
  }
};

} // namespace
} // namespace chordal
