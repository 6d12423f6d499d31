//===- Passes.h - the passes of the compiler --------------------------------------------------===//
//
// Declarations generated from Passes.td: for each pass a function that creates it, and for those
// with options a struct. Pipeline.h puts them in order.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace chordal {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// Makes all passes and the pipelines of all phases (`chordal-input`, `chordal-graph`, ...) known
/// to the command line of chordal-opt.
void registerPasses();

} // namespace chordal
