//===- Compiled.cpp - what the driver reads of compiled programs, and writes into them --------===//
#include "tools/chordal/Compiled.h"

#include <zstd.h>

namespace chordal {

namespace {

constexpr int compressionLevel = 9;
/// No module's text comes near this; a damaged size must not take all memory.
constexpr uint64_t maxIrBytes = uint64_t(1) << 30;

} // namespace

Result<ModelFile> ModelFile::open(const std::string& path) {
  if (!ProgramFile::isProgram(path)) {
    auto view = gguf::View::open(path);
    if (!view)
      return view.error();
    return ModelFile{{}, *std::move(view)};
  }
  auto program = ProgramFile::open(path);
  if (!program)
    return program.error();
  auto metadata = program->program().section(SectionKind::Metadata);
  if (!metadata)
    return metadata.error();
  auto view = gguf::View::parse(*metadata, path);
  if (!view)
    return view.error();
  return ModelFile{*std::move(program), *std::move(view)};
}

Result<uint32_t> bestLevel(const Container& container, kernels::Isa machine) {
  std::string names;
  const std::vector<uint32_t> levels = container.levels();
  for (size_t i = levels.size(); i-- > 0;) {
    if (levels[i] > uint32_t(kernels::Isa::NeonI8mm))
      return Error{container.name() + ": instruction-set level " + std::to_string(levels[i]) +
                       " is unknown",
                   ErrorCode::Malformed};
    if (kernels::isaIncludes(machine, kernels::Isa(levels[i])))
      return levels[i];
    names = std::string(kernels::isaName(kernels::Isa(levels[i]))) + (names.empty() ? "" : ", ") +
            names;
  }
  return Error{container.name() + ": compiled for the instruction-set levels " + names +
                   ", which '" + std::string(kernels::isaName(machine)) + "' does not include",
               ErrorCode::Unsupported};
}

Result<std::string> readPlannedIr(const Container& container, uint32_t level) {
  auto stored = container.section(SectionKind::PlannedIr, level);
  if (!stored)
    return stored.error();
  uint64_t size = container.find(SectionKind::PlannedIr, level)->rawBytes;
  if (size > maxIrBytes)
    return Error{container.name() + ": its IR claims " + std::to_string(size) + " bytes",
                 ErrorCode::Malformed};
  std::string text(size, '\0');
  size_t got = ZSTD_decompress(text.data(), text.size(), stored->data(), stored->size());
  if (ZSTD_isError(got) || got != size)
    return Error{container.name() + ": its IR cannot be decompressed", ErrorCode::Malformed};
  return text;
}

Result<std::vector<std::byte>> compressIr(std::string_view text) {
  std::vector<std::byte> out(ZSTD_compressBound(text.size()));
  size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), compressionLevel);
  if (ZSTD_isError(size))
    return Error{std::string("the IR cannot be compressed: ") + ZSTD_getErrorName(size)};
  out.resize(size);
  return out;
}

} // namespace chordal
