//===- Weights.h - the weights of a module, decoded -------------------------------------------===//
//
// Reads weights through the spans of `chordal.weight` symbols and keeps those that were decoded.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "ir/gguf/Error.h"
#include "ir/reference/Arithmetic.h"

#include <memory>
#include <span>
#include <vector>

namespace chordal::reference {

class Weights {
public:
  /// The shards' bytes must outlive this.
  Weights(mlir::ModuleOp module, std::vector<std::span<const std::byte>> shards)
      : module(module), shards(std::move(shards)) {}

  /// The whole tensor in its shape, decoded once. Fails if there is no such weight, its span lies
  /// outside the file, or its format cannot be decoded.
  Result<std::shared_ptr<const Floats>> decoded(llvm::StringRef name);
  /// Some rows of a matrix [V, C]: [rows.size(), C]. Fails if a row is not there.
  Result<Floats> decodedRows(llvm::StringRef name, const Ints& rows);

private:
  /// Where a weight lies and what it is.
  struct Stored {
    Format format;
    std::vector<size_t> shape;
    std::span<const std::byte> bytes;
    size_t rowBytes;
  };
  Result<Stored> find(llvm::StringRef name);

  mlir::ModuleOp module;
  std::vector<std::span<const std::byte>> shards;
  llvm::StringMap<std::shared_ptr<const Floats>> cache;
};

} // namespace chordal::reference
