//===- Inspect.cpp - chordal inspect: the IR after any phase ----------------------------------===//
//
// Compiles a model up to a phase, or carries on from a dump, and prints the module or its summary.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/target/Target.h"
#include "ir/dialect/Chordal.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Compiled.h"
#include "tools/chordal/OutputFile.h"
#include "tools/chordal/Summary.h"
#include "tools/console/Console.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

#include <optional>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal inspect model.gguf --phase graph
  chordal inspect model.gguf --format json -o plan.json
  chordal inspect model.gguf --dump-phases dumps
  chordal inspect dumps/02-graph.mlir --compile-from dispatch --phase schedule

The phases, in order: input (the model as written), graph (what is computed together),
dispatch (who computes it), schedule (when, and where in memory), kernel (the generated
kernels), plan (the program). The text is MLIR, which chordal-opt reads. The JSON has the
hyper-parameters and, for each range of token counts, the operations, the dispatches with
their kernels and costs, and the bytes of the arena.

MODEL may be a dump (*.mlir): then the first phase to run is named by --compile-from, and
without that option the dump is shown as it is.)";

struct InspectOptions {
  CommonOptions common;
  std::string phase; ///< "": the last
  std::string from;
  std::string format = "text";
  std::string output;
  std::string dumpPhases;
};

/// The dialects that dumps of any phase use.
mlir::DialectRegistry dialects() {
  mlir::DialectRegistry registry;
  registry.insert<ir::ChordalDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::tensor::TensorDialect>();
  return registry;
}

/// Reads a dump and runs the phases that are asked for.
Result<mlir::OwningOpRef<mlir::ModuleOp>> readDump(mlir::MLIRContext& context,
                                                   const InspectOptions& options) {
  std::string errors;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic& diagnostic) {
    if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
      return mlir::failure();
    llvm::raw_string_ostream stream(errors);
    if (!errors.empty())
      stream << "; ";
    if (!mlir::isa<mlir::UnknownLoc>(diagnostic.getLocation()))
      stream << diagnostic.getLocation() << ": ";
    stream << diagnostic;
    return mlir::success();
  });
  // Read here, so that a file that cannot be opened is reported like any other.
  Result<std::string> text = readFile(options.common.model);
  if (!text)
    return text.error();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(*text, &context, options.common.model);
  if (!module)
    return Error{errors.empty() ? options.common.model + " is no MLIR module" : errors,
                 ErrorCode::Malformed};
  if (options.from.empty())
    return module;
  Phase from = *phaseFromName(options.from);
  Phase to = options.phase.empty() ? Phase::Plan : *phaseFromName(options.phase);
  PipelineOptions pipeline;
  pipeline.isa = options.common.isa;
  if (failed(runPipeline(*module, from, to, pipeline, options.dumpPhases)))
    return Error{errors.empty() ? "compilation failed" : errors};
  return module;
}

/// The value of a metadata entry; null for lists of texts.
nlohmann::ordered_json valueOf(const gguf::View& file, const gguf::Entry& entry) {
  auto json = [](auto result) {
    return result ? nlohmann::ordered_json(*result) : nlohmann::ordered_json();
  };
  switch (entry.elementType) {
  case gguf::ValueType::String:
    return entry.isArray() ? nullptr : json(file.getString(entry.key));
  case gguf::ValueType::F32:
  case gguf::ValueType::F64:
    return entry.isArray() ? json(file.getArray<double>(entry.key))
                           : json(file.get<double>(entry.key));
  case gguf::ValueType::Bool:
    return entry.isArray() ? nullptr : json(file.getBool(entry.key));
  default:
    return entry.isArray() ? json(file.getArray<int64_t>(entry.key))
                           : json(file.get<int64_t>(entry.key));
  }
}

/// Adds the hyper-parameters of the file that the module does not have, without the architecture's
/// name before them.
void addHyperParameters(nlohmann::ordered_json& summary, const gguf::View& file) {
  Result<std::string_view> architecture = file.getString("general.architecture");
  if (!architecture)
    return;
  std::string prefix = fmt::format("{}.", *architecture);
  nlohmann::ordered_json& all = summary["hyper_parameters"];
  for (const gguf::Entry& entry : file.entries()) {
    if (!entry.key.starts_with(prefix))
      continue;
    std::string name(entry.key.substr(prefix.size()));
    if (!all.contains(name))
      all[name] = valueOf(file, entry);
  }
}

/// The planned IR that a compiled program carries.
Result<mlir::OwningOpRef<mlir::ModuleOp>> readProgramIr(mlir::MLIRContext& context,
                                                        const Container& container,
                                                        const InspectOptions& options) {
  const std::string& path = options.common.model;
  if ((!options.phase.empty() && options.phase != phaseName(Phase::Plan)) ||
      !options.dumpPhases.empty())
    return Error{path + " is compiled: it has the phase " + phaseName(Phase::Plan).str() +
                 " only; inspect the model itself for others"};
  // Programs for machines that this one is not may be looked at, too.
  const codegen::Target* target = codegen::findTarget(container.architecture());
  auto isa = kernels::hostIsa();
  if (!options.common.isa.empty())
    isa = kernels::isaFromName(options.common.isa).value();
  else if (target && target != &codegen::hostTarget())
    isa = target->levels.back();
  auto level = bestLevel(container, isa);
  if (!level)
    return level.error();
  auto text = readPlannedIr(container, *level);
  if (!text)
    return text.error();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(*text, &context, path);
  if (!module)
    return Error{path + ": its IR cannot be read by this version", ErrorCode::Malformed};
  return module;
}

Result<void> inspect(const InspectOptions& options) {
  bool isDump = options.common.model.ends_with(".mlir");
  if (!isDump && !options.from.empty())
    throw CLI::ValidationError("--compile-from", "is for dumps (*.mlir) only");
  if (isDump && options.from.empty() && !(options.phase.empty() && options.dumpPhases.empty()))
    throw CLI::RequiredError("--compile-from, the first phase to run on the dump,");

  mlir::MLIRContext context(dialects(), mlir::MLIRContext::Threading::DISABLED);
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module = Error{};
  std::optional<ModelFile> file;
  if (isDump) {
    module = readDump(context, options);
  } else {
    Result<ModelFile> opened = ModelFile::open(options.common.model);
    if (!opened)
      return opened.error();
    file = *std::move(opened);
  }
  if (file && file->program) {
    module = readProgramIr(context, file->program->program(), options);
  } else if (file) {
    ModelOptions model = options.common.modelOptions();
    model.dumpPhases = options.dumpPhases;
    Phase to = options.phase.empty() ? Phase::Plan : *phaseFromName(options.phase);
    module = compileModule(context, file->view, model, to);
  }
  if (!module)
    return module.error();

  std::string text;
  if (options.format == "json") {
    nlohmann::ordered_json summary = {{"model", options.common.model}};
    if (!isDump || !options.from.empty())
      summary["phase"] = options.phase.empty() ? phaseName(Phase::Plan).str() : options.phase;
    summary.update(summarize(**module));
    if (file)
      addHyperParameters(summary, file->view);
    text = summary.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  } else {
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream);
    stream << '\n';
  }
  return writeText(options.output, text);
}

} // namespace

void addInspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command = *app.add_subcommand("inspect", "Show the IR of a model after any phase");
  command.footer(details);
  std::vector<std::string> phases;
  for (Phase phase : allPhases)
    phases.push_back(phaseName(phase).str());
  options->common.addModel(command);
  command
      .add_option("--phase,--compile-to", options->phase,
                  "The last phase to run (default: plan, the last of all)")
      ->check(CLI::IsMember(phases))
      ->type_name("PHASE");
  command.add_option("--compile-from", options->from, "The first phase to run on a dump")
      ->check(CLI::IsMember(phases))
      ->type_name("PHASE");
  command.add_option("--format", options->format, "text (MLIR, the default) or json (a summary)")
      ->check(CLI::IsMember(std::vector<std::string>{"text", "json"}))
      ->type_name("FORMAT");
  command.add_option("-o,--output", options->output, "Write to this file")->type_name("FILE");
  command
      .add_option("--dump-phases", options->dumpPhases,
                  "Write the IR after each phase to this folder, as 01-input.mlir and so on")
      ->type_name("DIR");
  options->common.addContext(command);
  options->common.addIsa(command);
  options->common.addKvType(command);
  command.callback([&action, options] { action = [options] { return inspect(*options); }; });
}

} // namespace chordal::driver
