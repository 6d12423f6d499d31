//===- LinkedProgram.cpp - the program that is linked into this file --------------------------===//
#include "tools/program/LinkedProgram.h"

#include "kernels/catalogue/Catalogue.h"

namespace chordal::program {

namespace {

/// The best linked level that `limit` includes.
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

Result<LinkedProgram> LinkedProgram::open(ProgramFile file, const std::string& isa) {
  LinkedProgram program;
  kernels::Isa machine = kernels::hostIsa(), wanted = machine;
  if (!isa.empty()) {
    auto named = kernels::isaFromName(isa);
    if (!named)
      return Error{"unknown instruction-set level '" + isa + "'; this program has " + levelNames(),
                   ErrorCode::OutOfRange};
    if (!kernels::isaIncludes(machine, *named))
      return Error{"this machine has not the instruction-set level '" + isa +
                       "'; the highest it has is '" + std::string(kernels::isaName(machine)) + "'",
                   ErrorCode::Unsupported};
    wanted = *named;
  }
  program.linked = bestLevel(wanted);
  if (!program.linked)
    return Error{"this program was compiled for the instruction-set levels " + levelNames() +
                     ", but " + (isa.empty() ? "this machine has only " : "--isa allows ") +
                     std::string(kernels::isaName(wanted)),
                 ErrorCode::Unsupported};
  const Container& container = file.program();
  if (container.identity().program != chordal_linked_identity)
    return Error{container.name() + ": the program in this file is another one than the code that "
                                    "was linked for it; compile it again",
                 ErrorCode::Malformed};
  program.mapped = std::move(file);
  return program;
}

Result<Program> LinkedProgram::tables() const {
  auto program = mapped.program().program(linked->level);
  if (program && (program->kernelNames.size() != linked->n_kernels ||
                  program->functionNames.size() != linked->n_functions))
    return Error{mapped.program().name() + ": the tables do not belong to the code",
                 ErrorCode::Malformed};
  return program;
}

Result<gguf::View> LinkedProgram::metadata() const {
  auto bytes = mapped.program().section(SectionKind::Metadata);
  if (!bytes)
    return bytes.error();
  return gguf::View::parse(*bytes, mapped.program().name());
}

Result<LoadedModel> LinkedProgram::load(const std::string& kvType) const {
  auto view = metadata();
  if (!view)
    return view.error();
  auto program = tables();
  if (!program)
    return program.error();
  if (Result<void> good = requireKvType(*program, kvType); !good)
    return good.error();
  auto weights = mapped.weights().weights(*program);
  if (!weights)
    return weights.error();
  ProgramCode code;
  code.kernels.assign(linked->kernels, linked->kernels + linked->n_kernels);
  code.functions.assign(linked->functions, linked->functions + linked->n_functions);
  return LoadedModel{std::make_shared<ProgramFile>(mapped),
                     *std::move(view),
                     *std::move(program),
                     std::move(code),
                     *std::move(weights),
                     linked->level};
}

} // namespace chordal::program
