//===- Pipeline.cpp - the phases of the compiler, in order ------------------------------------===//
//
// The one place that says which pass follows which. A comment stands where the order matters.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Pipeline.h"

#include "passes/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace chordal {
namespace {

constexpr std::array<llvm::StringLiteral, allPhases.size()> names = {
    "input", "graph", "dispatch", "schedule", "kernel", "plan"};

void buildInput(OpPassManager& passes) {
  passes.addPass(createVerifyInputPass());
}

void buildGraph(OpPassManager& passes, const PipelineOptions& options) {
  // Nested, so that the step functions of different buckets go through all of it in parallel.
  OpPassManager& functions = passes.nest<func::FuncOp>();
  // Layers state their rope tables anew; this leaves one for each set of frequencies, which
  // fuse-epilogues relies on to see that queries and keys are rotated alike.
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  // Before quantize-activations: what it leaves is quantised.
  functions.addPass(createSplitAttentionPass());
  // Before quantize-activations: what is merged shares one quantised input.
  functions.addPass(createMergeProjectionsPass());
  functions.addPass(createFuseDequantizeMatmulPass());
  // After fuse-dequantize-matmul: only a weight read as stored is multiplied with quantised
  // activations.
  QuantizeActivationsPassOptions quantize;
  quantize.isa = options.isa;
  functions.addPass(createQuantizeActivationsPass(quantize));
  functions.addPass(createFuseQuantizePass());
  // After quantize-activations: the matmuls that it joins read the same value by then.
  functions.addPass(createFuseExpertsPass());
  functions.addPass(createFuseEpiloguesPass());
  passes.addPass(createVerifyGraphPass());
}

void buildDispatch(OpPassManager& passes, const PipelineOptions& options) {
  OpPassManager& functions = passes.nest<func::FuncOp>();
  functions.addPass(createFormDispatchesPass());
  SelectKernelsPassOptions select;
  select.isa = options.isa;
  functions.addPass(createSelectKernelsPass(select));
  passes.addPass(createVerifyDispatchPass());
}

void buildSchedule(OpPassManager& passes) {
  OpPassManager& functions = passes.nest<func::FuncOp>();
  functions.addPass(createPlanArenaPass());
  // After plan-arena: who waits for whom depends on who shares bytes.
  functions.addPass(createInsertDependenciesPass());
  passes.addPass(createVerifySchedulePass());
}

void buildKernel(OpPassManager& passes) {
  passes.addPass(createLowerElementwisePass());
  passes.addPass(createVerifyKernelPass());
}

void buildPlan(OpPassManager& passes) {
  passes.addPass(createVerifyPlanPass());
}

/// Writes the module to DIRECTORY/NN-phase.mlir.
LogicalResult dump(ModuleOp module, Phase phase, StringRef directory) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return module.emitError() << "cannot create the folder " << directory << ": "
                              << error.message();
  SmallString<128> path(directory);
  llvm::sys::path::append(path,
                          "0" + Twine(unsigned(phase) + 1) + "-" + phaseName(phase) + ".mlir");
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (!error) {
    module.print(stream);
    stream << '\n';
    stream.close();
    error = stream.error();
    stream.clear_error();
  }
  if (error)
    return module.emitError() << "cannot write " << path << ": " << error.message();
  return success();
}

/// PipelineOptions on the command line of chordal-opt.
struct CommandLineOptions : PassPipelineOptions<CommandLineOptions> {
  Option<std::string> isa{*this, "isa",
                          llvm::cl::desc("Instruction-set level; empty: that of this machine")};

  PipelineOptions get() const {
    PipelineOptions options;
    options.isa = isa;
    return options;
  }
};

} // namespace

StringRef phaseName(Phase phase) {
  return names[size_t(phase)];
}

std::optional<Phase> phaseFromName(StringRef name) {
  for (Phase phase : allPhases)
    if (phaseName(phase) == name)
      return phase;
  return std::nullopt;
}

std::string phaseNames() {
  return llvm::join(names, ", ");
}

void buildPhase(OpPassManager& passes, Phase phase, const PipelineOptions& options) {
  switch (phase) {
  case Phase::Input:
    return buildInput(passes);
  case Phase::Graph:
    return buildGraph(passes, options);
  case Phase::Dispatch:
    return buildDispatch(passes, options);
  case Phase::Schedule:
    return buildSchedule(passes);
  case Phase::Kernel:
    return buildKernel(passes);
  case Phase::Plan:
    return buildPlan(passes);
  }
}

LogicalResult runPipeline(ModuleOp module, Phase from, Phase to, const PipelineOptions& options,
                          StringRef dumpDirectory,
                          const std::function<void(PassManager&)>& configure) {
  if (from > to)
    return module.emitError() << "cannot compile from phase '" << phaseName(from) << "' to '"
                              << phaseName(to) << "', which comes before it (the phases are "
                              << phaseNames() << ")";
  for (Phase phase : allPhases) {
    if (phase < from || phase > to)
      continue;
    PassManager passes(module->getName());
    if (configure)
      configure(passes);
    buildPhase(passes, phase, options);
    if (failed(passes.run(module)))
      return failure();
    if (!dumpDirectory.empty() && failed(dump(module, phase, dumpDirectory)))
      return failure();
  }
  return success();
}

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

void registerPasses() {
  registerChordalPasses();
  for (Phase phase : allPhases) {
    // Registration objects only fill the global registry; they need not live on.
    PassPipelineRegistration<CommandLineOptions>(
        ("chordal-" + phaseName(phase)).str(),
        ("The passes of the phase '" + phaseName(phase) + "'").str(),
        [phase](OpPassManager& passes, const CommandLineOptions& options) {
          buildPhase(passes, phase, options.get());
        });
  }
}

} // namespace chordal
