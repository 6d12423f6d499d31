//===- Loaded.cpp - the program in this executable, ready to run ------------------------------===//
#include "tools/program/Loaded.h"

#include "kernels/catalogue/Catalogue.h"
#include "runtime/core/text/VocabularyFromGguf.h"
#include "runtime/tbb/Executor.h"
#include "runtime/tbb/Memory.h"

namespace chordal::program {

namespace {

/// The best level of the executable that `limit` includes.
const chordal_linked_level* bestLevel(kernels::Isa limit) {
  const chordal_linked_level* best = nullptr;
  for (uint32_t i = 0; i < chordal_linked_level_count; ++i)
    if (kernels::isaIncludes(limit, kernels::Isa(chordal_linked_levels[i].level)))
      best = &chordal_linked_levels[i];
  return best;
}

std::string levelNames() {
  std::string names;
  for (uint32_t i = 0; i < chordal_linked_level_count; ++i)
    names += (i ? ", " : "") +
             std::string(kernels::isaName(kernels::Isa(chordal_linked_levels[i].level)));
  return names;
}

} // namespace

Result<std::unique_ptr<Loaded>> Loaded::open(const Options& options) {
  auto loaded = std::make_unique<Loaded>();
  kernels::Isa machine = kernels::hostIsa(), wanted = machine;
  if (!options.isa.empty()) {
    auto named = kernels::isaFromName(options.isa);
    if (!named)
      return Error{"unknown instruction-set level '" + options.isa + "'; this program has " +
                   levelNames()};
    if (!kernels::isaIncludes(machine, *named))
      return Error{"this machine has not the instruction-set level '" + options.isa +
                       "'; the highest it has is '" + std::string(kernels::isaName(machine)) + "'",
                   ErrorCode::Unsupported};
    wanted = *named;
  }
  loaded->linked = bestLevel(wanted);
  if (!loaded->linked)
    return Error{"this program was compiled for the instruction-set levels " + levelNames() +
                     ", but " + (options.isa.empty() ? "this machine has only " : "--isa allows ") +
                     std::string(kernels::isaName(wanted)),
                 ErrorCode::Unsupported};

  auto file = ProgramFile::openSelf();
  if (!file)
    return file.error();
  loaded->mapped = std::move(*file);
  const Container& container = loaded->mapped.program();
  if (container.identity().program != chordal_linked_identity)
    return Error{container.name() + ": the program behind the executable is another one's; "
                                    "the file has been changed, compile it again",
                 ErrorCode::Malformed};
  auto metadata = container.section(SectionKind::Metadata);
  if (!metadata)
    return metadata.error();
  auto view = gguf::View::parse(*metadata, container.name());
  if (!view)
    return view.error();
  loaded->view.emplace(std::move(*view));
  return loaded;
}

Result<Program> Loaded::tables() const {
  auto program = mapped.program().program(linked->level);
  if (program && (program->kernelNames.size() != linked->n_kernels ||
                  program->functionNames.size() != linked->n_functions))
    return Error{mapped.program().name() + ": the tables do not belong to this executable",
                 ErrorCode::Malformed};
  return program;
}

Result<std::unique_ptr<Session>> Loaded::createSession(const Options& options,
                                                       unsigned threads) const {
  auto program = tables();
  if (!program)
    return program.error();
  auto weights = mapped.weights().weights(*program);
  if (!weights)
    return weights.error();
  if (options.context > program->model.context_length)
    return Error{"-c: this program was compiled for a context of " +
                 std::to_string(program->model.context_length) + " positions at most"};
  ProgramCode code;
  code.kernels.assign(linked->kernels, linked->kernels + linked->n_kernels);
  code.functions.assign(linked->functions, linked->functions + linked->n_functions);
  ExecutorOptions execution;
  execution.threads = threads;
  SessionOptions session;
  session.contextLength = options.context;
  session.microBatch = options.microBatch;
  return Session::create(std::move(*program), std::move(*weights),
                         createTbbExecutor(std::move(code), execution), session, systemMemory());
}

Result<text::Tokenizer> Loaded::createTokenizer() const {
  auto vocabulary = text::readVocabulary(*view);
  if (!vocabulary)
    return std::move(vocabulary).error();
  text::Tokenizer tokenizer;
  if (Result<void> made = tokenizer.init(*std::move(vocabulary)); !made)
    return made.error();
  return tokenizer;
}

} // namespace chordal::program
