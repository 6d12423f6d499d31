//===- ChordalTypes.h - types of the dialect --------------------------------------------------===//
//
// The types, and predicates that say what an operand of an op may be. All predicates accept any
// type, null too.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Formats.h"
#include "mlir/IR/BuiltinTypes.h"

#define GET_TYPEDEF_CLASSES
#include "ir/dialect/ChordalTypes.h.inc"

namespace chordal::ir {

/// tensor<TxCxf32> with C static; T may be dynamic.
bool isRows(mlir::Type type);
/// tensor<Nxf32>, N static.
bool isVector(mlir::Type type);
/// tensor<Txi32>; T may be dynamic.
bool isIds(mlir::Type type);
/// tensor<TxNxi32>, N static; T may be dynamic.
bool isIdRows(mlir::Type type);
bool isGatherable(mlir::Type type);
/// float32 tensor of rank 2 or 3.
bool isDense(mlir::Type type);
/// Quantised, in the format of activations.
bool isActivations(mlir::Type type);
/// Quantised, in a format of files.
bool isWeights(mlir::Type type);

/// tensor<rows x columns x f32>; `rows` may be dynamic.
mlir::RankedTensorType rowsType(mlir::MLIRContext* context, int64_t rows, int64_t columns);
/// tensor<Txi32> for the rows of a value: T is dynamic if `rows` is no ranked tensor.
mlir::Type idsOfRows(mlir::Type rows);
/// The first dimension of rows or Q8 activations; dynamic if the type is neither.
int64_t rowCount(mlir::Type type);
/// The last dimension of rows or of a quantised matrix; -1 if the type is neither.
int64_t columnCount(mlir::Type type);

} // namespace chordal::ir
