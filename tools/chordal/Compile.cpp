//===- Compile.cpp - chordal compile: programs from models ------------------------------------===//
//
// Plans the model for each instruction-set level, links the runtime with what these plans need, and
// writes executable (or library), tables, vocabulary and weights into one file, front to back.
// Weights are copied from the mapped model piece by piece: memory does not grow with the model.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/host/Emit.h"
#include "codegen/host/Object.h"
#include "codegen/target/Target.h"
#include "runtime/tbb/Memory.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Compiled.h"
#include "tools/chordal/OutputFile.h"
#include "tools/console/Console.h"
#include "tools/console/Interrupt.h"
#if CHORDAL_HAS_LINKER
#include "codegen/link/Link.h"
#endif

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal compile model.gguf -o tale
  ./tale -p "Once upon a time" -n 120
  chordal compile model.gguf -o tale --weights external --target native
  chordal compile model.gguf -o tale-for-arm --target aarch64
  chordal compile model.gguf -o libtale.so --emit lib
  chordal compile model.gguf -o functions.ll --emit llvm --target x86-64-v3

The executable is static and contains all it needs: runtime, kernels, tokenizer, weights. It
has one plan for each level of --target and chooses among them when it starts; levels that
need the same kernels share one. 'tale --help' lists its options, 'tale --info' shows what
is in it. With --weights external the weights are in OUT.weights, which must stay beside it.
--emit lib makes the same as a shared library with a C interface, which chordal.h, written
beside it, describes; it needs the system's C library and nothing else.
--emit container makes what stands behind the code of either, for 'chordal run' and libchordal;
object the code alone, not linked: generated functions and the table of kernels; llvm and mlir
are text, of the highest level of --target.)";

struct CompileOptions {
  CommonOptions common;
  std::string output;
  std::string emit = "exe";
  std::string weights = "embedded";
  std::vector<std::string> targets{std::string(codegen::hostTarget().name)};
};

/// What one level of the program consists of.
struct Level {
  kernels::Isa isa;
  Program program;
  std::string ir;
  std::string llvm; ///< only for --emit llvm
  std::unique_ptr<llvm::MemoryBuffer> object;
  std::vector<std::byte> tables;

  std::span<const char> objectBytes() const {
    return object ? std::span<const char>(object->getBufferStart(), object->getBufferSize())
                  : std::span<const char>();
  }
};

/// The levels to compile for, ascending, each once.
Result<std::vector<kernels::Isa>> targetLevels(const CompileOptions& options) {
  std::vector<kernels::Isa> levels;
  for (const std::string& name : options.targets) {
    auto target = std::ranges::find(codegen::targets(), name, &codegen::Target::name);
    if (target != codegen::targets().end()) {
      levels.insert(levels.end(), target->levels.begin(), target->levels.end());
      continue;
    }
    auto isa = name == "native" ? kernels::hostIsa() : kernels::isaFromName(name);
    if (!isa)
      throw CLI::ValidationError(
          "--target",
          fmt::format("'{}' is neither an architecture (x86-64, aarch64) nor a level", name));
    levels.push_back(*isa);
  }
  std::ranges::sort(levels);
  auto repeated = std::ranges::unique(levels);
  levels.erase(repeated.begin(), repeated.end());
  const codegen::Target& first = codegen::targetOf(levels.front());
  const codegen::Target& last = codegen::targetOf(levels.back());
  if (&first != &last)
    return Error{fmt::format("--target: a program is for one architecture, not for {} and {}",
                             first.name, last.name),
                 ErrorCode::Unsupported};
  return levels;
}

/// The architecture of a program.
const codegen::Target& targetOf(const std::vector<Level>& levels) {
  return codegen::targetOf(levels.front().isa);
}

bool sameKernels(const Program& a, const Program& b) {
  return a.kernelNames.size() == b.kernelNames.size() &&
         std::ranges::equal(a.kernelNames, b.kernelNames,
                            [&](uint32_t x, uint32_t y) { return a.string(x) == b.string(y); });
}

/// Functions of several levels are linked together: their names get the level's number in front.
void renameFunctions(Level& level, mlir::ModuleOp module) {
  std::string prefix = fmt::format("chordal_{}_", unsigned(level.isa));
  for (auto function : module.getOps<mlir::LLVM::LLVMFuncOp>())
    function.setSymName(prefix + function.getSymName().str());
  for (uint32_t& name : level.program.functionNames)
    name = level.program.addString(prefix + std::string(level.program.string(name)));
}

Result<Level> compileLevel(const gguf::View& view, kernels::Isa isa,
                           const CompileOptions& options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ModelOptions model = options.common.modelOptions();
  model.isa = kernels::isaName(isa);
  auto module = compileModule(context, view, model, Phase::Plan);
  if (!module)
    return module.error();
  Level level{.isa = isa, .program = {}, .ir = {}, .llvm = {}, .object = {}, .tables = {}};
  llvm::raw_string_ostream stream(level.ir);
  (*module)->print(stream);
  stream << '\n';
  auto program = codegen::emitProgram(**module);
  if (!program)
    return program.error();
  level.program = std::move(*program);
  renameFunctions(level, **module);
  if (options.emit == "llvm") {
    auto text = codegen::emitLlvmIr(**module, {.triple = "", .isa = isa});
    if (!text)
      return text.error();
    level.llvm = std::move(*text);
  }
  if (codegen::hasGeneratedFunctions(**module)) {
    auto object = codegen::emitObject(**module, {.triple = "", .isa = isa});
    if (!object)
      return object.error();
    level.object = std::move(*object);
  }
  return level;
}

/// One plan for each level, without those that need the same kernels as the level below.
Result<std::vector<Level>> compileLevels(const gguf::View& view, const CompileOptions& options) {
  auto isas = targetLevels(options);
  if (!isas)
    return isas.error();
  if (options.emit == "llvm" || options.emit == "mlir")
    isas->erase(isas->begin(), isas->end() - 1);
  // Nothing of one plan is needed for another, so each has a thread.
  std::vector<std::future<Result<Level>>> plans;
  for (kernels::Isa isa : *isas)
    plans.push_back(std::async(
        std::launch::async, [&view, isa, &options] { return compileLevel(view, isa, options); }));
  std::vector<Level> levels;
  for (auto& plan : plans) {
    auto level = plan.get();
    if (!level)
      return level.error();
    if (levels.empty() || !sameKernels(levels.back().program, level->program))
      levels.push_back(std::move(*level));
  }
  return levels;
}

/// The bytes of the weights in the model, in the order of the tables, whose entries then point into
/// the section of weights.
Result<std::vector<std::span<const std::byte>>> placeModelWeights(std::vector<Level>& levels,
                                                                  const gguf::View& view) {
  auto spans = resolveWeights(levels.front().program, view);
  if (!spans)
    return spans.error();
  std::vector<uint64_t> sizes;
  for (auto span : *spans)
    sizes.push_back(span.size());
  auto placement = placeWeights(sizes);
  if (!placement)
    return Error{"the weights are too large for a file", ErrorCode::Unsupported};
  for (Level& level : levels) {
    auto own = resolveWeights(level.program, view);
    if (!own)
      return own.error();
    bool same = std::ranges::equal(
        *own, *spans, [](auto a, auto b) { return a.data() == b.data() && a.size() == b.size(); });
    if (!same)
      return Error{"the levels of --target need different weights; compile them one by one",
                   ErrorCode::Unsupported};
    for (size_t i = 0; i < sizes.size(); ++i) {
      level.program.weights[i].shard = 0;
      level.program.weights[i].offset = placement->offsets[i];
    }
    level.tables = writeProgram(level.program);
  }
  return spans;
}

/// The model's metadata as a GGUF file (version 3) without tensors. Entries are copied as they are,
/// but for those that say how the model was split into files.
std::vector<std::byte> metadataFile(const gguf::View& view) {
  std::vector<std::byte> out;
  auto append = [&](const void* data, size_t size) {
    auto* begin = static_cast<const std::byte*>(data);
    out.insert(out.end(), begin, begin + size);
  };
  struct {
    char magic[4] = {'G', 'G', 'U', 'F'};
    uint32_t version = 3;
    uint64_t tensors = 0, entries = 0;
  } header;
  auto kept = [](const gguf::Entry& entry) { return !entry.key.starts_with("split."); };
  header.entries = uint64_t(std::ranges::count_if(view.entries(), kept));
  append(&header, sizeof header);
  for (const gguf::Entry& entry : view.entries()) {
    if (!kept(entry))
      continue;
    // From the key's length to the value's last byte; both lie in the same file.
    const char* begin = entry.key.data() - sizeof(uint64_t);
    const char* end = reinterpret_cast<const char*>(entry.bytes.data()) + entry.bytes.size();
    append(begin, size_t(end - begin));
  }
  return out;
}

uint64_t identityOf(const std::vector<Level>& levels, std::span<const std::byte> metadata) {
  Checksum sum;
  sum.update(metadata.data(), metadata.size());
  for (const Level& level : levels) {
    sum.update(level.tables.data(), level.tables.size());
    sum.update(level.objectBytes().data(), level.objectBytes().size());
  }
  return sum.finish();
}

std::vector<std::byte> identitySection(const ContainerIdentity& identity,
                                       const std::string& weightFile) {
  std::vector<std::byte> out(sizeof identity + weightFile.size());
  std::memcpy(out.data(), &identity, sizeof identity);
  std::memcpy(out.data() + sizeof identity, weightFile.data(), weightFile.size());
  return out;
}

/// Writes to a file and says on a terminal how much of it is done.
ContainerWriter::Sink sinkOf(OutputFile& file, Progress& progress, const std::string& name,
                             uint64_t expected) {
  return [&file, &progress, name, expected, written = uint64_t(0),
          shown = -1](const void* data, size_t size) mutable {
    written += size;
    int percent = int(std::min<uint64_t>(100, written * 100 / std::max<uint64_t>(1, expected)));
    if (percent != shown)
      progress.show(fmt::format("writing {}: {} % ...", name, percent));
    shown = percent;
    return file.write(data, size);
  };
}

/// Writes a file of weights; returns its directory's checksum.
Result<uint64_t> writeWeightFile(const ContainerWriter::Sink& sink, uint32_t machine,
                                 uint64_t identity,
                                 std::span<const std::span<const std::byte>> weights) {
  ContainerWriter writer(sink, machine, 0);
  if (Result<void> done = writer.begin(); !done)
    return done.error();
  if (Result<void> done =
          writer.section(SectionKind::Identity, 0, identitySection({identity, 0}, ""));
      !done)
    return done.error();
  if (Result<void> done = writer.weights(weights, InterruptFlag::isSet); !done)
    return done.error();
  if (Result<void> done = writer.finish(); !done)
    return done.error();
  return writer.directoryChecksum();
}

#if CHORDAL_HAS_LINKER
/// The bundle lies beside the driver, as it is built and installed: bin/chordal, lib/chordal/, a
/// folder named as the architecture in its triple.
std::string bundleFolder(const codegen::Target& target) {
  std::error_code code;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  return (self.parent_path().parent_path() / "lib/chordal" /
          target.triple.substr(0, target.triple.find('-')))
      .string();
}

std::vector<codegen::LinkLevel> toLink(const std::vector<Level>& levels) {
  std::vector<codegen::LinkLevel> linked;
  for (const Level& level : levels)
    linked.push_back(codegen::linkLevel(uint32_t(level.isa), level.program, level.objectBytes()));
  return linked;
}

Result<std::string> linkProgram(const CompileOptions& options, const std::vector<Level>& levels,
                                uint64_t identity, const std::string& name) {
  if (options.emit == "lib")
    return codegen::linkLibrary(toLink(levels), identity, bundleFolder(targetOf(levels)), name);
  if (options.emit == "exe")
    return codegen::linkExecutable(toLink(levels), identity, bundleFolder(targetOf(levels)));
  return codegen::linkObject(toLink(levels), identity);
}
#else
std::string bundleFolder(const codegen::Target&) {
  return {};
}
Result<std::string> linkProgram(const CompileOptions& options, const std::vector<Level>&, uint64_t,
                                const std::string&) {
  return Error{"this build of chordal has no linker (package liblld-22-dev), so it cannot emit " +
                   options.emit,
               ErrorCode::Unsupported};
}
#endif

/// The container, behind the code that opens it, if there is some.
Result<void> writeContainer(const ContainerWriter::Sink& sink, const std::string& code,
                            const std::vector<Level>& levels, std::span<const std::byte> metadata,
                            const ContainerIdentity& identity, const std::string& weightFile,
                            std::span<const std::span<const std::byte>> weights) {
  if (Result<void> done = sink(code.data(), code.size()); !done)
    return done;
  ContainerWriter writer(sink, targetOf(levels).machine, code.size());
  if (Result<void> done = writer.begin(); !done)
    return done;
  if (Result<void> done =
          writer.section(SectionKind::Identity, 0, identitySection(identity, weightFile));
      !done)
    return done;
  if (Result<void> done = writer.section(SectionKind::Metadata, 0, metadata); !done)
    return done;
  for (const Level& level : levels) {
    auto ir = compressIr(level.ir);
    if (!ir)
      return ir.error();
    uint32_t number = uint32_t(level.isa);
    if (Result<void> done = writer.section(SectionKind::Tables, number, level.tables); !done)
      return done;
    if (Result<void> done =
            writer.section(SectionKind::Object, number, std::as_bytes(level.objectBytes()));
        !done)
      return done;
    if (Result<void> done = writer.section(SectionKind::PlannedIr, number, *ir, level.ir.size());
        !done)
      return done;
  }
  if (weightFile.empty())
    if (Result<void> done = writer.weights(weights, InterruptFlag::isSet); !done)
      return done;
  return writer.finish();
}

/// An executable or a library with its container, or the container alone.
Result<void> compileProgram(const CompileOptions& options, const gguf::View& view,
                            std::vector<Level>& levels) {
  auto weights = placeModelWeights(levels, view);
  if (!weights)
    return weights.error();
  std::vector<std::byte> metadata = metadataFile(view);
  ContainerIdentity identity{identityOf(levels, metadata), 0};
  const std::filesystem::path output(options.output);
  std::string code;
  if (options.emit != "container") {
    auto linked = linkProgram(options, levels, identity.program, output.filename().string());
    if (!linked)
      return linked.error();
    code = *std::move(linked);
  }
  OutputFile file, weightFile;
  if (Result<void> opened = file.open(options.output, code.empty() ? 0666 : 0777); !opened)
    return opened;
  const std::string weightName =
      options.weights == "external" ? output.filename().string() + ".weights" : "";
  if (!weightName.empty())
    if (Result<void> opened = weightFile.open(options.output + ".weights"); !opened)
      return opened;
  uint64_t weightBytes = 0;
  for (auto weight : *weights)
    weightBytes += weight.size();
  Progress progress;
  if (!weightName.empty()) {
    auto written =
        writeWeightFile(sinkOf(weightFile, progress, options.output + ".weights", weightBytes),
                        targetOf(levels).machine, identity.program, *weights);
    if (!written)
      return written.error();
    identity.weightsDirectory = *written;
    weightBytes = 0;
  }
  if (Result<void> written = writeContainer(
          sinkOf(file, progress, options.output, code.size() + metadata.size() + weightBytes), code,
          levels, metadata, identity, weightName, *weights);
      !written)
    return written;
  progress.show(fmt::format("writing {}: waiting for the disk ...", options.output));
  if (!weightName.empty())
    if (Result<void> done = weightFile.sync(); !done)
      return done;
  if (Result<void> done = file.sync(); !done)
    return done;
  if (InterruptFlag::isSet())
    return Error{"interrupted", ErrorCode::Cancelled};
  if (!weightName.empty())
    if (Result<void> done = weightFile.commit(); !done)
      return done;
  if (options.emit == "lib") {
    auto header = readFile(bundleFolder(targetOf(levels)) + "/chordal.h");
    if (!header)
      return header.error();
    if (Result<void> done = writeText((output.parent_path() / "chordal.h").string(), *header);
        !done)
      return done;
  }
  return file.commit();
}

Result<void> emit(const CompileOptions& options, const gguf::View& view,
                  std::vector<Level>& levels) {
  if (options.emit == "mlir")
    return writeText(options.output, levels.back().ir);
  if (options.emit == "llvm")
    return writeText(options.output, levels.back().llvm);
  if (options.emit != "object")
    return compileProgram(options, view, levels);
  auto placed = placeModelWeights(levels, view);
  if (!placed)
    return placed.error();
  auto object = linkProgram(options, levels, identityOf(levels, metadataFile(view)), "");
  return object ? writeText(options.output, *object) : Result<void>(object.error());
}

Result<void> compile(const CompileOptions& options) {
  InterruptFlag interrupts;
  auto view = gguf::View::open(options.common.model);
  if (!view)
    return view.error();
  Progress progress(fmt::format("compiling {} ...", options.common.model));
  auto levels = compileLevels(*view, options);
  if (!levels)
    return levels.error();
  progress.clear();
  Result<void> done = emit(options, *view, *levels);
  if (!done && done.error().code == ErrorCode::Cancelled)
    return Error{"interrupted; nothing was written"};
  return done;
}

} // namespace

void addCompile(CLI::App& app, Action& action) {
  auto options = std::make_shared<CompileOptions>();
  CLI::App& command = *app.add_subcommand("compile", "Make an executable or a library of a model");
  command.footer(details);
  options->common.addModel(command);
  options->common.addContext(command);
  options->common.addKvType(command);
  command.add_option("-o,--output", options->output, "The file to write")
      ->required()
      ->type_name("OUT");
  command
      .add_option("--emit", options->emit,
                  "exe (the default), lib, container, object, llvm or mlir")
      ->check(CLI::IsMember(
          std::vector<std::string>{"exe", "lib", "container", "object", "llvm", "mlir"}))
      ->type_name("KIND");
  command
      .add_option("--weights", options->weights,
                  "embedded (in the file, the default) or external (in OUT.weights)")
      ->check(CLI::IsMember(std::vector<std::string>{"embedded", "external"}))
      ->type_name("PLACE");
  command
      .add_option("--target", options->targets,
                  "Instruction-set levels of one architecture, native for that of this machine, or "
                  "an architecture for all its levels: x86-64 or aarch64 (default: this machine's)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LEVELS");
  command.callback([&action, options] { action = [options] { return compile(*options); }; });
}

} // namespace chordal::driver
