//===- Storage.h - how activations lie in memory ----------------------------------------------===//
//
// What the plan of the arena, its verifier and the tables of a program agree on.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalTypes.h"
#include "kernels/Kernels.h"
#include "passes/Level.h"

#include "mlir/IR/BuiltinTypes.h"

namespace chordal {

/// Features of a row of a tensor or a quantised matrix.
inline int64_t columnsOf(mlir::Type type) {
  if (auto quantized = llvm::dyn_cast<ir::QuantizedType>(type))
    return quantized.getColumns();
  return llvm::cast<mlir::RankedTensorType>(type).getShape().back();
}

/// Bytes from one row of activations to the next.
inline int64_t activationStride(mlir::Type type) {
  auto columns = size_t(columnsOf(type));
  switch (activationsOf(type)) {
  case kernels::Activations::F32:
    return int64_t(kernels::activationStride(4 * columns));
  case kernels::Activations::Q8:
    return int64_t(kernels::activationStride(kernels::Q8Row::bytes(columns)));
  case kernels::Activations::BF16x16:
  case kernels::Activations::BF16x16x2:
    return int64_t(kernels::BF16x16Rows::bytes(activationsOf(type), columns));
  }
  llvm_unreachable("all activations are handled");
}

/// Bytes of so many rows of activations.
inline int64_t activationBytes(mlir::Type type, int64_t rows) {
  if (kernels::BF16x16Rows::parts(activationsOf(type)) > 0)
    rows = int64_t(llvm::alignTo(uint64_t(rows), kernels::BF16x16Rows::block));
  return rows * activationStride(type);
}

} // namespace chordal
