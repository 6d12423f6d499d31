//===- VerifyPhase.h - what the verifiers of phases share -------------------------------------===//
//
// A phase ends in a pass that checks what the next phase takes for granted.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "ir/dialect/StateLinearity.h"

#include "mlir/IR/BuiltinOps.h"

namespace chordal {

/// Whether the op says who computes something, when or where.
inline bool isScheduleOp(mlir::Operation* op) {
  return llvm::isa<ir::DispatchOp, ir::ArenaOp, ir::SliceOp, ir::PrefetchOp, ir::AwaitOp,
                   ir::ReleaseOp>(op);
}

/// Checks in every function that states are used linearly, and every op with `verifyOp`. Goes on
/// after an error, so that all are reported.
inline mlir::LogicalResult
verifyOps(mlir::ModuleOp module,
          llvm::function_ref<mlir::LogicalResult(mlir::Operation*)> verifyOp) {
  bool valid = true;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    valid &= llvm::succeeded(ir::verifyStateLinearity(function));
    function->walk([&](mlir::Operation* op) { valid &= llvm::succeeded(verifyOp(op)); });
  }
  return mlir::success(valid);
}

} // namespace chordal
