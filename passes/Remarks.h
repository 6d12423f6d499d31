//===- Remarks.h - what passes say about what they did ----------------------------------------===//
//
// Passes report through MLIR's remark engine: what they fused, and what they had to leave and why.
// The category of a remark is the pass, its name one of the list in Passes.td. Nothing is computed
// unless somebody listens.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace chordal {

inline mlir::remark::RemarkOpts remarkOptions(mlir::Operation* op, llvm::StringRef pass,
                                              llvm::StringRef name) {
  auto function = op->getParentOfType<mlir::func::FuncOp>();
  return mlir::remark::RemarkOpts::name(name).category(pass).function(
      function ? function.getSymName() : llvm::StringRef());
}

/// Reports that `pass` did something with `op`: `format` with `values`, as for llvm::formatv.
template <typename... Values>
void reportPassed(mlir::Operation* op, llvm::StringRef pass, llvm::StringRef name,
                  const char* format, const Values&... values) {
  if (op->getContext()->getRemarkEngine()) [[unlikely]]
    mlir::remark::passed(op->getLoc(), remarkOptions(op, pass, name))
        << llvm::StringRef(llvm::formatv(format, values...).str());
}

/// Reports that `pass` left `op` as it was, and why.
template <typename... Values>
void reportMissed(mlir::Operation* op, llvm::StringRef pass, llvm::StringRef name,
                  const char* format, const Values&... values) {
  if (op->getContext()->getRemarkEngine()) [[unlikely]]
    mlir::remark::missed(op->getLoc(), remarkOptions(op, pass, name))
        << llvm::StringRef(llvm::formatv(format, values...).str());
}

} // namespace chordal
