//===- StateLinearity.h - states are used once ------------------------------------------------===//
//
// The rule that lets a state be updated in place although it is a value.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace chordal::ir {

/// Checks that each state value of a function is appended to at most once, and that nothing reads
/// (attention) or returns a value that has been appended to: only the newest value of a state is
/// read. Looks through fused and dispatch ops. Emits errors at the offending op.
mlir::LogicalResult verifyStateLinearity(mlir::func::FuncOp function);

} // namespace chordal::ir
