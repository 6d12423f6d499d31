//===- VerifyDispatch.cpp - the end of the phase `dispatch` -----------------------------------===//
#include "passes/DispatchPattern.h"
#include "passes/Passes.h"
#include "passes/VerifyPhase.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYDISPATCHPASS
#include "passes/Passes.h.inc"

namespace {

LogicalResult verifyDispatch(ir::DispatchOp dispatch) {
  FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
  if (failed(pattern))
    return failure();
  size_t expected = pattern->family ? 1 : 0;
  if (auto matmul = dyn_cast_or_null<ir::MatmulOp>(pattern->root))
    expected = matmul.getWeights().size();
  if (dispatch.getKernels().size() != expected)
    return dispatch.emitOpError() << "needs " << expected << " kernels, but names "
                                  << dispatch.getKernels().size();
  for (auto name : dispatch.getKernels().getAsValueRange<StringAttr>()) {
    const kernels::KernelInfo* kernel = kernels::kernelNamed(name);
    if (!kernel)
      return dispatch.emitOpError()
             << "names the kernel '" << name << "', which is not in the catalogue";
    if (kernel->family != pattern->family)
      return dispatch.emitOpError()
             << "names the kernel '" << name << "', which computes something else";
  }
  if (!dispatch.getParameters())
    return dispatch.emitOpError("has no parameters for its kernel");
  if (dispatch.getParameters()->size() != parameterWords(pattern->family))
    return dispatch.emitOpError() << "needs " << parameterWords(pattern->family)
                                  << " words of parameters, but has "
                                  << dispatch.getParameters()->size();
  return success();
}

struct VerifyDispatch : impl::VerifyDispatchPassBase<VerifyDispatch> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      int64_t next = 0;
      for (Operation& op : function.front()) {
        if (auto dispatch = dyn_cast<ir::DispatchOp>(op)) {
          if (int64_t(dispatch.getId()) != next) {
            dispatch.emitOpError() << "should be number " << next;
            signalPassFailure();
          }
          ++next;
          if (failed(verifyDispatch(dispatch)))
            signalPassFailure();
        } else if (!isa<ir::LoadWeightOp, ir::LoadConstantOp, func::ReturnOp, ir::ArenaOp,
                        ir::SliceOp>(op)) {
          op.emitOpError("is in no dispatch");
          signalPassFailure();
        }
      }
    }
  }
};

} // namespace
} // namespace chordal
