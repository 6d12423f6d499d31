//===- Import.h - from a GGUF file to the graph -----------------------------------------------===//
//
// The entry point of import: a module of the `chordal` dialect that states the model as written, in
// the phase `input`, with one step function for each range of token counts.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <vector>

namespace chordal::ir {

/// Element type of cached keys and values.
enum class KvElement : uint8_t { F16, F32 };

struct ImportOptions {
  /// Positions that a sequence may have; 0: as trained, but at most 4096.
  uint32_t contextLength = 0;
  KvElement kvElement = KvElement::F16;
  /// Largest token count of each step function, ascending; the first starts at 1, each other one
  /// above its predecessor. Function `step_N` serves up to N tokens.
  std::vector<uint32_t> buckets = {1, 16, 512};
};

/// Builds the graph of a model. Reads no weights but small tables (rotary factors), so it takes
/// milliseconds and the result is small. The module is verified; the context gets the dialects that
/// it needs.
///
/// Fails if the architecture is unknown, a hyper-parameter is absurd or unsupported, a tensor is
/// missing, has another shape than the hyper-parameters say, or is not used by the model; the
/// message names the key or tensor.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext& context, const gguf::View& view, const ImportOptions& options = {});

} // namespace chordal::ir
