//===- Summary.h - a compiled module in figures -----------------------------------------------===//
//
// What a module says about a model, for people and programs that do not read IR: hyper-parameters,
// weights, and for each step function its dispatches with their kernels and costs.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>

namespace chordal::driver {

/// The summary of a module of any phase: what the phase has not settled yet is missing. Members:
/// `architecture`; `hyper_parameters`; `weights` and `states`, each with `count` (and `bytes`);
/// `steps`, one for each range of token counts: `name`, `min_tokens`, `max_tokens`, `arena_bytes`
/// (from phase schedule on), `operations` (how often each occurs, fused ones included) and
/// `dispatches` (from phase dispatch on): `id`, `operations`, `kernels`, `device`, `rows`,
/// `weights`, `weight_bytes` (all bytes of these weights), `multiply_adds_per_row` (of matrix
/// multiplications) and, from phase schedule on, `after`.
nlohmann::ordered_json summarize(mlir::ModuleOp module);

} // namespace chordal::driver
