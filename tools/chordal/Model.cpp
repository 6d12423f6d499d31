//===- Model.cpp - a model file made ready to run ---------------------------------------------===//

#include "tools/chordal/Model.h"

#include "codegen/host/Emit.h"
#include "codegen/host/Jit.h"
#include "codegen/host/Object.h"
#include "codegen/target/Target.h"
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
    if (!body) {
      const kernels::KernelInfo* kernel = kernels::kernelNamed(text);
      if (kernel && !kernels::isaIncludes(kernels::hostIsa(), kernel->isa))
        return Error{"kernel '" + text + "' needs the instruction-set level '" +
                         std::string(kernels::isaName(kernel->isa)) +
                         "', which this machine has not",
                     ErrorCode::Unsupported};
      return Error{"this build has no kernel '" + text + "'", ErrorCode::Unsupported};
    }
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

namespace {

/// What the code and the weights of a model lie in.
struct Storage {
  std::optional<ProgramFile> file; ///< of a compiled program
  std::optional<codegen::Jit> jit;
};

/// Loads the generated functions and resolves what the program names.
Result<ProgramCode> loadCode(std::unique_ptr<llvm::MemoryBuffer> object, const Program& program,
                             Storage& storage) {
  ProgramCode code;
  auto bodies = resolveKernels(program);
  if (!bodies.ok())
    return bodies.error();
  code.kernels = std::move(*bodies);
  if (!object)
    return code;
  auto loaded = codegen::Jit::load(std::move(object));
  if (!loaded.ok())
    return loaded.error();
  storage.jit.emplace(std::move(*loaded));
  std::vector<std::string> names;
  for (uint32_t name : program.functionNames)
    names.emplace_back(program.string(name));
  auto functions = storage.jit->lookup(names);
  if (!functions.ok())
    return functions.error();
  code.functions = std::move(*functions);
  return code;
}

Result<LoadedModel> compileAndLoad(const std::string& path, kernels::Isa level,
                                   const ModelOptions& options) {
  auto view = gguf::View::open(path);
  if (!view.ok())
    return view.error();
  auto storage = std::make_shared<Storage>();
  Program program;
  std::unique_ptr<llvm::MemoryBuffer> object;
  {
    // MLIR's context lives only as long as compilation does. It starts no threads of its own: the
    // passes take milliseconds, less than it takes to start them.
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    ModelOptions compile = options;
    compile.isa = kernels::isaName(level);
    auto module = compileModule(context, *view, compile, Phase::Plan);
    if (!module.ok())
      return module.error();
    auto emitted = codegen::emitProgram(**module);
    if (!emitted.ok())
      return emitted.error();
    program = std::move(*emitted);
    if (codegen::hasGeneratedFunctions(**module)) {
      auto made = codegen::emitObject(**module, {.triple = "", .isa = level});
      if (!made.ok())
        return made.error();
      object = std::move(*made);
    }
  }
  auto code = loadCode(std::move(object), program, *storage);
  if (!code.ok())
    return code.error();
  auto weights = resolveWeights(program, *view);
  if (!weights.ok())
    return weights.error();
  return LoadedModel{std::move(storage), std::move(*view),    std::move(program),
                     std::move(*code),   std::move(*weights), uint32_t(level)};
}

Result<LoadedModel> loadProgram(const std::string& path, kernels::Isa level,
                                const ModelOptions& options) {
  auto file = ModelFile::open(path);
  if (!file.ok())
    return file.error();
  auto storage = std::make_shared<Storage>();
  const Container& container = storage->file.emplace(*std::move(file->program)).program();
  if (container.architecture() != codegen::hostTarget().machine) {
    const codegen::Target* other = codegen::findTarget(container.architecture());
    return Error{path + ": compiled for another architecture, " +
                     (other ? std::string(other->name) : std::to_string(container.architecture())),
                 ErrorCode::Unsupported};
  }
  auto best = bestLevel(container, level);
  if (!best.ok())
    return best.error();
  auto program = container.program(*best);
  if (!program.ok())
    return program.error();
  if (options.contextLength > program->model.context_length)
    return Error{path + ": compiled for a context of " +
                 std::to_string(program->model.context_length) + " positions at most"};
  bool isFloat32 = !program->states.empty() && program->states[0].element == CHORDAL_F32;
  if (options.kvFloat32 && !isFloat32)
    return Error{path + ": compiled for a KV cache of f16; compile it with --kv-type f32"};
  auto weights = storage->file->weights().weights(*program);
  if (!weights.ok())
    return weights.error();
  auto object = container.section(SectionKind::Object, *best);
  if (!object.ok())
    return object.error();
  std::unique_ptr<llvm::MemoryBuffer> copy;
  if (!object->empty())
    copy = llvm::MemoryBuffer::getMemBufferCopy(
        llvm::StringRef(reinterpret_cast<const char*>(object->data()), object->size()), path);
  auto code = loadCode(std::move(copy), *program, *storage);
  if (!code.ok())
    return code.error();
  return LoadedModel{std::move(storage), std::move(file->view), std::move(*program),
                     std::move(*code),   std::move(*weights),   *best};
}

} // namespace

Result<LoadedModel> loadModel(const std::string& path, const ModelOptions& options) {
  kernels::Isa level = kernels::hostIsa();
  if (!options.isa.empty()) {
    std::optional<kernels::Isa> named = kernels::isaFromName(options.isa);
    if (!named)
      return Error{"unknown instruction-set level '" + options.isa + "'", ErrorCode::OutOfRange};
    if (!kernels::isaIncludes(level, *named))
      return Error{"this machine has not the instruction-set level '" + options.isa +
                       "'; the highest it has is '" + std::string(kernels::isaName(level)) + "'",
                   ErrorCode::Unsupported};
    level = *named;
  }
  return ProgramFile::isProgram(path) ? loadProgram(path, level, options)
                                      : compileAndLoad(path, level, options);
}

Result<std::unique_ptr<Model>> Model::load(const std::string& path, const ModelOptions& options) {
  auto loaded = loadModel(path, options);
  if (!loaded.ok())
    return loaded.error();
  std::unique_ptr<Model> model(new Model(std::move(*loaded)));
  model->workers = options.threads ? options.threads : availableThreads();
  SessionOptions session;
  session.contextLength = options.contextLength;
  session.maxSequences = options.maxSequences;
  session.microBatch = options.microBatch;
  ExecutorOptions execution;
  execution.threads = model->workers;
  execution.observer = options.observer;
  auto made = model->loaded.createSession(session, execution);
  if (!made.ok())
    return made.error();
  model->only = std::move(*made);
  return model;
}

} // namespace chordal
