//===- Emit.h - from planned IR to a program's tables -----------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/Program.h"

#include "mlir/IR/BuiltinOps.h"

namespace chordal::codegen {

/// The tables of a module that has gone through the phase `plan`. Generated functions are named;
/// their code is `emitObject`'s. Errors: a module of an earlier phase, with the message of what is
/// missing.
Result<Program> emitProgram(mlir::ModuleOp planned);

} // namespace chordal::codegen
