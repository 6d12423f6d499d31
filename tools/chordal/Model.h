//===- Model.h - a model file made ready to run -----------------------------------------------===//
//
// The one way of data through the compiler: GGUF file, checked view, graph, phases, program,
// object, session. Every command that computes something goes through here.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "kernels/catalogue/Catalogue.h"
#include "passes/Pipeline.h"
#include "runtime/tbb/LoadedModel.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>

namespace chordal {

/// How a model is compiled and run.
struct ModelOptions {
  uint32_t contextLength = 0; ///< 0: as trained, but at most 4096
  bool kvFloat32 = false;     ///< element type of the KV cache: f32 rather than f16
  std::string isa;            ///< instruction-set level; empty: that of this machine
  unsigned threads = 0;       ///< 0: those the process may use
  uint32_t microBatch = 0;    ///< most tokens of a step; 0: the largest bucket
  uint32_t maxSequences = 1;
  TaskObserver* observer = nullptr; ///< told of every task that runs; may be null
  std::string dumpPhases;           ///< folder for the IR after each phase; empty: none
};

/// The module of `view` after the phase `to`. Errors carry the diagnostics of MLIR.
Result<mlir::OwningOpRef<mlir::ModuleOp>> compileModule(mlir::MLIRContext& context,
                                                        const gguf::View& view,
                                                        const ModelOptions& options, Phase to);

/// Opens, compiles and loads; a compiled program is only loaded, in the best of its levels that the
/// options allow. Errors name the file and what is wrong with it.
Result<LoadedModel> loadModel(const std::string& path, const ModelOptions& options);

/// A model that is loaded and takes tokens: with a session.
class Model {
public:
  /// Errors as loadModel and LoadedModel::createSession.
  static Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options);

  const gguf::View& file() const { return loaded.file; }
  Session& session() { return *only; }
  const Program& program() const { return only->program(); }
  /// The instruction-set level that kernels were chosen for.
  std::string_view isa() const { return kernels::isaName(kernels::Isa(loaded.level)); }
  /// Worker threads of the executor.
  unsigned threads() const { return workers; }

private:
  explicit Model(LoadedModel loaded) : loaded(std::move(loaded)) {}

  LoadedModel loaded;
  unsigned workers = 0;
  std::unique_ptr<Session> only; // last: it uses the rest
};

} // namespace chordal
