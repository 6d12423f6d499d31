//===- Fusion.h - making a fused op of several ops --------------------------------------------===//
//
// The common end of all fusions.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"

#include "mlir/IR/Builders.h"

namespace chordal {

/// Moves `ops`, in this order, into a `chordal.fused` op of `kind` at the builder's place. Its
/// operands are `inputs` and then what else the ops read, in the order in which they read it; it
/// yields `outputs`, which are results of `ops`, and takes their place for all other readers.
/// Preconditions: what the ops read is defined before the builder's place, all outside readers of
/// `outputs` come after it, and other results of `ops` have none.
ir::FusedOp fuse(mlir::OpBuilder& builder, llvm::StringRef kind,
                 llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> outputs,
                 llvm::ArrayRef<mlir::Value> inputs = {});

} // namespace chordal
