//===- Weights.h - the weights of matmuls, and moving them ------------------------------------===//
//
// What several passes ask of a matmul's weights, and how loads of weights move to where they are
// needed: they read nothing, so any place before their users is as good as another.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"

#include "mlir/IR/Value.h"

namespace chordal {

/// Whether an op is a matmul, be it of experts or heads; operand 0 is its input.
bool isMatmul(mlir::Operation* op);

/// The weights of such an op.
mlir::OperandRange matmulWeights(mlir::Operation* matmul);

/// The matrix behind a weight of a matmul: the weight's own type, or the type of what was
/// dequantised to it; null if it is float32 from elsewhere.
ir::QuantizedType storedType(mlir::Value weight);

/// Whether a matmul with this weight wants Q8 activations (the kernel catalogue decides).
bool wantsQuantizedActivations(mlir::Value weight);

/// Whether `value` is defined before `op` (of the same block), or only needs loads of weights and
/// constants, and what decodes them, to be moved there.
bool canBeReadyBefore(mlir::Value value, mlir::Operation* op);

/// Moves what `value` needs before `op`. Precondition: canBeReadyBefore(value, op).
void makeReadyBefore(mlir::Value value, mlir::Operation* op);

} // namespace chordal
