//===- Level.h - for which machine and how many rows a step function is -----------------------===//
//
// What passes that ask the kernel catalogue have in common.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "kernels/catalogue/Catalogue.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

#include <algorithm>

namespace chordal {

/// The level of the option `isa`; empty: that of this machine. An unknown name is an error at
/// `function`.
inline llvm::FailureOr<kernels::Isa> levelFor(mlir::func::FuncOp function, llvm::StringRef isa) {
  if (isa.empty())
    return kernels::hostIsa();
  if (std::optional<kernels::Isa> level = kernels::isaFromName(std::string_view(isa)))
    return *level;
  return function.emitError() << "unknown instruction-set level '" << isa << "'";
}

/// The most rows of a step function's bucket; 1 for other functions.
inline uint32_t maxRowsOf(mlir::func::FuncOp function) {
  auto tokens = function->getAttrOfType<mlir::DenseI64ArrayAttr>("chordal.tokens");
  return tokens ? uint32_t(tokens[1]) : 1;
}

/// What the rows of an operation's results are: outputs if it gathers them (or something in it
/// does) or reads such. `outputs`: the values before it whose rows are outputs.
inline ir::RowKind rowKindOf(mlir::Operation* op, mlir::ValueRange inputs,
                             const llvm::DenseSet<mlir::Value>& outputs) {
  bool gathers = false;
  op->walk([&](ir::GatherRowsOp) { gathers = true; });
  return gathers || llvm::any_of(inputs, [&](mlir::Value input) { return outputs.contains(input); })
             ? ir::RowKind::Outputs
             : ir::RowKind::Tokens;
}

/// How many rows kernels are chosen for: those that compute outputs mostly have one, the last token
/// of a prompt, whatever the bucket. (They have to serve more as well, for logits of all tokens.)
inline uint32_t typicalRows(ir::RowKind kind, uint32_t maxRows) {
  constexpr uint32_t fewOutputs = 16;
  return kind == ir::RowKind::Outputs ? std::min(maxRows, fewOutputs) : maxRows;
}

/// What activations of this type (float32 or quantised) are to kernels.
inline kernels::Activations activationsOf(mlir::Type type) {
  if (auto quantized = llvm::dyn_cast<ir::QuantizedType>(type))
    return kernels::activationsFromName(std::string_view(quantized.getFormat())).value();
  return kernels::Activations::F32;
}

/// The name of activations in messages.
inline llvm::StringRef describe(kernels::Activations activations) {
  return activations == kernels::Activations::F32
             ? llvm::StringRef("float32")
             : llvm::StringRef(kernels::activationsName(activations));
}

} // namespace chordal
