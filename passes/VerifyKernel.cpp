//===- VerifyKernel.cpp - the end of the phase `kernel` ---------------------------------------===//
#include "passes/DispatchPattern.h"
#include "passes/Passes.h"
#include "passes/VerifyPhase.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYKERNELPASS
#include "passes/Passes.h.inc"

namespace {

struct VerifyKernel : impl::VerifyKernelPassBase<VerifyKernel> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (auto dispatch : function.getOps<ir::DispatchOp>())
        if (failed(verify(dispatch, symbols)))
          signalPassFailure();
  }

  LogicalResult verify(ir::DispatchOp dispatch, SymbolTable& symbols) {
    FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
    if (failed(pattern))
      return failure();
    size_t named = dispatch.getFunctions() ? dispatch.getFunctions()->size() : 0;
    if (named != pattern->functions.size())
      return dispatch.emitOpError() << "needs " << pattern->functions.size()
                                    << " generated functions, but names " << named;
    if (named)
      for (auto reference : dispatch.getFunctions()->getAsRange<FlatSymbolRefAttr>()) {
        auto function = symbols.lookup<LLVM::LLVMFuncOp>(reference.getValue());
        if (!function || function.isExternal())
          return dispatch.emitOpError() << "names the function '" << reference.getValue()
                                        << "', which the module does not hold";
        if (function.getNumArguments() != 5)
          return function.emitOpError("has not the signature of a generated function");
      }
    return success();
  }
};

} // namespace
} // namespace chordal
