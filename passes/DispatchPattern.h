//===- DispatchPattern.h - what a dispatch computes, as kernels see it ------------------------===//
//
// A dispatch's region defines its meaning; kernels come in families with ordered operands. This is
// the one place that matches the two. Kernel selection, the lowering of element-wise code and the
// emission of tables all read a region through it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "kernels/catalogue/Catalogue.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <vector>

namespace chordal {

/// An operand of a kernel or of a generated function, seen from inside the dispatch.
struct OperandRef {
  enum class Kind : uint8_t {
    Input,       ///< inputs()[index] of the dispatch
    StateKeys,   ///< the keys of the state inputs()[index]
    StateValues, ///< its values
    Result,      ///< results()[index] of the dispatch
  };
  Kind kind;
  unsigned index;
};

/// Element-wise code of a dispatch that becomes one generated function. Its views are the tiles
/// (matmul results that the kernel hands over), then `views`: what it reads, then what it writes.
struct ElementwiseFunction {
  llvm::SmallVector<mlir::Value, 2> tiles;
  llvm::SmallVector<mlir::Operation*> ops;
  llvm::SmallVector<OperandRef> views;
  llvm::SmallVector<mlir::Value> reads;  ///< block arguments, in the order of `views`
  llvm::SmallVector<mlir::Value> writes; ///< yielded values, in the order of `views`
};

struct DispatchPattern {
  std::optional<kernels::Family> family;  ///< none: element-wise code alone
  mlir::Operation* root = nullptr;        ///< the op that names the family; null if element-wise
  llvm::SmallVector<OperandRef> operands; ///< the kernel's, in the order its family states
  std::vector<ElementwiseFunction> functions;
  bool paired = false; ///< Matmul: one shard computes the same tile of all weights
};

/// Whether an op is element-wise arithmetic that generated functions can compute.
bool isElementwise(mlir::Operation* op);

/// Words of the `parameters` of a dispatch: of its family's struct, or one (the columns) for
/// generated code alone.
size_t parameterWords(std::optional<kernels::Family> family);

/// What the dispatch computes; fails with an error at the op that no kernel family covers.
mlir::FailureOr<DispatchPattern> matchDispatch(ir::DispatchOp dispatch);

} // namespace chordal
