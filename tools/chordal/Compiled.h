//===- Compiled.h - what the driver reads of compiled programs, and writes into them ----------===//
#pragma once

#include "ir/gguf/View.h"
#include "kernels/catalogue/Catalogue.h"
#include "runtime/tbb/ProgramFile.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chordal {

/// A model's metadata with its vocabulary, be it a GGUF file or a compiled program.
struct ModelFile {
  std::optional<ProgramFile> program; ///< which the view then points into
  gguf::View view;

  /// Errors name the file and what is wrong with it.
  static Result<ModelFile> open(const std::string& path);
};

/// The level of the program that a machine of level `machine` runs. Errors: none, which names
/// those that there are.
Result<uint32_t> bestLevel(const Container& container, kernels::Isa machine);

/// The planned IR of a level as text.
Result<std::string> readPlannedIr(const Container& container, uint32_t level);

/// Text, compressed as readPlannedIr reads it: the same bytes for the same text.
Result<std::vector<std::byte>> compressIr(std::string_view text);

} // namespace chordal
