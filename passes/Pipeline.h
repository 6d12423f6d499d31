//===- Pipeline.h - the phases of the compiler, in order --------------------------------------===//
//
// A model goes through six phases, each a list of passes that ends in a verifier. A driver runs a
// range of them and may have the module written to a file after each.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace chordal {

enum class Phase : uint8_t {
  Input,    ///< the model as written
  Graph,    ///< what is computed together
  Dispatch, ///< who computes it
  Schedule, ///< when, and where in memory
  Kernel,   ///< the generated kernels
  Plan,     ///< the program
};

inline constexpr std::array allPhases = {Phase::Input,    Phase::Graph,  Phase::Dispatch,
                                         Phase::Schedule, Phase::Kernel, Phase::Plan};

/// "input", "graph", "dispatch", "schedule", "kernel", "plan": as `--compile-to` names them.
llvm::StringRef phaseName(Phase phase);
std::optional<Phase> phaseFromName(llvm::StringRef name);
/// All names, for error messages: "input, graph, dispatch, schedule, kernel, plan".
std::string phaseNames();

/// What phases are told besides the module.
struct PipelineOptions {
  /// The instruction-set level to choose kernels for, as the kernel catalogue names it; empty: that
  /// of the machine the compiler runs on.
  std::string isa;
};

/// Adds the passes of a phase, its verifier last, to a pass manager of modules.
void buildPhase(mlir::OpPassManager& passes, Phase phase, const PipelineOptions& options);

/// Runs the phases `from` .. `to`. `module` is what the phase before `from` left: the dump
/// `01-input.mlir` continues with `from = Phase::Graph`. After each phase the module is written to
/// `dumpDirectory`/NN-phase.mlir (created if need be; NN counts from 01 for `input`), unless that
/// is empty. `configure`, if given, sees each phase's pass manager before it runs (timing,
/// statistics, printing). Errors are diagnostics of the module's context: a pass that failed, a
/// phase that left what its verifier rejects, `from` after `to`, a file that cannot be written.
mlir::LogicalResult runPipeline(mlir::ModuleOp module, Phase from, Phase to,
                                const PipelineOptions& options, llvm::StringRef dumpDirectory = {},
                                const std::function<void(mlir::PassManager&)>& configure = {});

} // namespace chordal
