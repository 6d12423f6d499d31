//===- ChordalDialect.h - the dialect itself --------------------------------------------------===//
//
// The dialect class and the names of the attributes it puts on ops of other dialects.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"

#include "ir/dialect/ChordalDialect.h.inc"

namespace chordal::ir {

/// On the module: a dictionary of hyper-parameters.
inline constexpr llvm::StringLiteral modelAttrName = "chordal.model";
/// On a function: array<i64: MIN, MAX>, the numbers of tokens it is the step function for.
inline constexpr llvm::StringLiteral tokensAttrName = "chordal.tokens";
/// On an argument of a step function: the symbol of the state's storage.
inline constexpr llvm::StringLiteral stateAttrName = "chordal.state";

} // namespace chordal::ir
