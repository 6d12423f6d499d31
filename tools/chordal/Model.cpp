//===- Model.cpp - a model file made ready to run
//-------------------------------------------------===//

#include "tools/chordal/Model.h"

#include "codegen/host/Emit.h"
#include "codegen/host/Jit.h"
#include "codegen/host/Object.h"
#include "ir/import/Import.h"
#include "kernels/Kernels.h"
#include "runtime/tbb/Memory.h"
#include "runtime/tbb/ProgramFile.h"
#include "runtime/tbb/Threads.h"
#include "tools/chordal/Compiled.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

namespace chordal {
namespace {

/// Collects MLIR's error messages while it lives.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext& context)
      : handler(&context, [this](mlir::Diagnostic& diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::failure();
          if (!text.empty())
            text += "; ";
          text += diagnostic.str();
          return mlir::success();
        }) {}

  Error error(const std::string& otherwise) const { return Error{text.empty() ? otherwise : text}; }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

Result<std::vector<chordal_kernel>> resolveKernels(const Program& program) {
  std::vector<chordal_kernel> bodies;
  for (uint32_t name : program.kernelNames) {
    std::string text(program.string(name));
    chordal_kernel body = kernels::find(text.c_str());
    if (!body)
      return Error{"this build has no kernel '" + text + "'", ErrorCode::Unsupported};
    bodies.push_back(body);
  }
  return bodies;
}

} // namespace

Result<mlir::OwningOpRef<mlir::ModuleOp>> compileModule(mlir::MLIRContext& context,
                                                        const gguf::View& view,
                                                        const ModelOptions& options, Phase to) {
  DiagnosticCollector diagnostics(context);
  ir::ImportOptions import;
  import.contextLength = options.contextLength;
  import.kvElement = options.kvFloat32 ? ir::KvElement::F32 : ir::KvElement::F16;
  auto module = ir::importModel(context, view, import);
  if (!module.ok())
    return module.error();
  PipelineOptions pipeline;
  pipeline.isa = options.isa;
  if (failed(runPipeline(**module, Phase::Input, to, pipeline, options.dumpPhases)))
    return diagnostics.error("compilation failed");
  return module;
}

struct Model::State {
  explicit State(gguf::View opened) : view(std::move(opened)) {}

  /// Loads the generated functions and looks up those of the program.
  Result<void> loadObject(std::unique_ptr<llvm::MemoryBuffer> object, const Program& program,
                          ProgramCode& code) {
    auto loaded = codegen::Jit::load(std::move(object));
    if (!loaded.ok())
      return loaded.error();
    jit.emplace(std::move(*loaded));
    std::vector<std::string> names;
    for (uint32_t name : program.functionNames)
      names.emplace_back(program.string(name));
    auto functions = jit->lookup(names);
    if (!functions.ok())
      return functions.error();
    code.functions = std::move(*functions);
    return {};
  }

  std::optional<ProgramFile> file; ///< of a compiled program
  gguf::View view;
  std::optional<codegen::Jit> jit;
  std::string isa;
  unsigned threads = 0;
  std::unique_ptr<Session> session; // last: it uses all of the above
};

Model::Model(std::unique_ptr<State> s) : state(std::move(s)) {}
Model::~Model() = default;

const gguf::View& Model::file() const {
  return state->view;
}
Session& Model::session() {
  return *state->session;
}
const Program& Model::program() const {
  return state->session->program();
}
std::string_view Model::isa() const {
  return state->isa;
}
unsigned Model::threads() const {
  return state->threads;
}

Result<std::unique_ptr<Model>> Model::load(const std::string& path, const ModelOptions& options) {
  kernels::Isa level = kernels::hostIsa();
  if (!options.isa.empty()) {
    std::optional<kernels::Isa> named = kernels::isaFromName(options.isa);
    if (!named)
      return Error{"unknown instruction-set level '" + options.isa + "'"};
    if (!kernels::isaIncludes(level, *named))
      return Error{"this machine has not the instruction-set level '" + options.isa +
                       "'; the highest it has is '" + std::string(kernels::isaName(level)) + "'",
                   ErrorCode::Unsupported};
    level = *named;
  }
  if (ProgramFile::isProgram(path))
    return loadProgram(path, level, options);
  auto view = gguf::View::open(path);
  if (!view.ok())
    return view.error();
  auto state = std::make_unique<State>(std::move(*view));
  state->isa = kernels::isaName(level);

  Program program;
  ProgramCode code;
  {
    // MLIR's context lives only as long as compilation does. It starts no threads of its own: the
    // passes take milliseconds, less than it takes to start them.
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    ModelOptions compile = options;
    compile.isa = state->isa;
    auto module = compileModule(context, state->view, compile, Phase::Plan);
    if (!module.ok())
      return module.error();
    auto emitted = codegen::emitProgram(**module);
    if (!emitted.ok())
      return emitted.error();
    program = std::move(*emitted);
    if (codegen::hasGeneratedFunctions(**module)) {
      auto object = codegen::emitObject(**module, {.triple = "", .isa = level});
      if (!object.ok())
        return object.error();
      if (auto loaded = state->loadObject(std::move(*object), program, code); !loaded.ok())
        return loaded.error();
    }
  }
  auto weights = resolveWeights(program, state->view);
  if (!weights.ok())
    return weights.error();

  SessionOptions session;
  return start(std::move(state), std::move(program), std::move(code), std::move(*weights), session,
               options);
}

Result<std::unique_ptr<Model>> Model::loadProgram(const std::string& path, kernels::Isa level,
                                                  const ModelOptions& options) {
  auto file = ProgramFile::open(path);
  if (!file.ok())
    return file.error();
  const Container& container = file->program();
  if (container.architecture() != containerArchitecture)
    return Error{path + ": compiled for another architecture (" +
                     std::to_string(container.architecture()) + ")",
                 ErrorCode::Unsupported};
  auto best = bestLevel(container, level);
  if (!best.ok())
    return best.error();
  auto metadata = container.section(SectionKind::Metadata);
  if (!metadata.ok())
    return metadata.error();
  auto view = gguf::View::parse(*metadata, path);
  if (!view.ok())
    return view.error();
  auto program = container.program(*best);
  if (!program.ok())
    return program.error();
  if (options.contextLength > program->model.context_length)
    return Error{path + ": compiled for a context of " +
                 std::to_string(program->model.context_length) + " positions at most"};
  bool isFloat32 = !program->states.empty() && program->states[0].element == CHORDAL_F32;
  if (options.kvFloat32 && !isFloat32)
    return Error{path + ": compiled for a KV cache of f16; compile it with --kv-type f32"};
  auto weights = file->weights().weights(*program);
  if (!weights.ok())
    return weights.error();
  auto object = container.section(SectionKind::Object, *best);
  if (!object.ok())
    return object.error();

  auto state = std::make_unique<State>(std::move(*view));
  state->isa = kernels::isaName(kernels::Isa(*best));
  ProgramCode code;
  if (!object->empty()) {
    llvm::StringRef bytes(reinterpret_cast<const char*>(object->data()), object->size());
    if (auto loaded =
            state->loadObject(llvm::MemoryBuffer::getMemBufferCopy(bytes, path), *program, code);
        !loaded.ok())
      return loaded.error();
  }
  SessionOptions session;
  session.contextLength = options.contextLength;
  state->file.emplace(std::move(*file));
  return start(std::move(state), std::move(*program), std::move(code), std::move(*weights), session,
               options);
}

Result<std::unique_ptr<Model>> Model::start(std::unique_ptr<State> state, Program program,
                                            ProgramCode code,
                                            std::vector<std::span<const std::byte>> weights,
                                            SessionOptions sessionOptions,
                                            const ModelOptions& options) {
  auto bodies = resolveKernels(program);
  if (!bodies.ok())
    return bodies.error();
  code.kernels = std::move(*bodies);
  state->threads = options.threads ? options.threads : availableThreads();
  ExecutorOptions execution;
  execution.threads = state->threads;
  execution.observer = options.observer;
  sessionOptions.maxSequences = options.maxSequences;
  sessionOptions.microBatch = options.microBatch;
  auto session = Session::create(std::move(program), std::move(weights),
                                 createTbbExecutor(std::move(code), execution), sessionOptions,
                                 systemMemory());
  if (!session.ok())
    return session.error();
  state->session = std::move(*session);
  return std::unique_ptr<Model>(new Model(std::move(state)));
}

} // namespace chordal
