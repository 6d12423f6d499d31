//===- Storage.h - how activations lie in memory --------------------------------------------===//
//
// What the plan of the arena, its verifier and the tables of a program agree on.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalTypes.h"
#include "kernels/Kernels.h"

#include "mlir/IR/BuiltinTypes.h"

namespace chordal {

/// Features of a row of a tensor or a quantised matrix.
inline int64_t columnsOf(mlir::Type type) {
  if (auto quantized = llvm::dyn_cast<ir::QuantizedType>(type))
    return quantized.getColumns();
  return llvm::cast<mlir::RankedTensorType>(type).getShape().back();
}

/// Bytes from one row of activations, float32 or Q8, to the next.
inline int64_t activationStride(mlir::Type type) {
  size_t columns = size_t(columnsOf(type));
  bool quantized = llvm::isa<ir::QuantizedType>(type);
  return int64_t(
      kernels::activationStride(quantized ? kernels::Q8Row::bytes(columns) : 4 * columns));
}

} // namespace chordal
