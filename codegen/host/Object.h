//===- Object.h - from planned IR to an object file in memory ---------------------------------===//
//
// The generated functions of a planned module (`llvm.func`s that the kernel phase wrote) become one
// relocatable object. Ahead-of-time linking and the in-memory loader consume the same object.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "kernels/catalogue/Catalogue.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace chordal::codegen {

/// What the object is for.
struct ObjectOptions {
  std::string triple; ///< as LLVM names it; empty: that of the level's architecture
  kernels::Isa isa = kernels::Isa::Scalar;
};

/// Whether the module has generated functions at all.
bool hasGeneratedFunctions(mlir::ModuleOp planned);

/// The generated functions of `planned` as LLVM IR text (for `--emit llvm`).
Result<std::string> emitLlvmIr(mlir::ModuleOp planned, const ObjectOptions& options);

/// The generated functions of `planned` as a relocatable object (ELF on Linux).
Result<std::unique_ptr<llvm::MemoryBuffer>> emitObject(mlir::ModuleOp planned,
                                                       const ObjectOptions& options);

} // namespace chordal::codegen
