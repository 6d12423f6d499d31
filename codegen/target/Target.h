//===- Target.h - processor architectures that programs are made for --------------------------===//
//
// What emitting and linking need to know of an architecture beyond its instruction-set levels.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/catalogue/Catalogue.h"

#include <string>
#include <string_view>
#include <vector>

namespace chordal::codegen {

struct Target {
  std::string_view name;            ///< as --target and the folder of the bundle name it
  std::string_view triple;          ///< as LLVM names it
  uint32_t machine;                 ///< ELF's number, which containers bear
  std::string_view loader;          ///< file of the C library's dynamic loader
  std::vector<kernels::Isa> levels; ///< those that programs are made for by default, ascending
};

/// All architectures.
const std::vector<Target>& targets();

/// The architecture of a level; scalar counts as that of the machine this runs on.
const Target& targetOf(kernels::Isa level);

/// The architecture with ELF's number `machine`; null if it is none of these.
const Target* findTarget(uint32_t machine);

/// The architecture of the machine this runs on.
const Target& hostTarget();

} // namespace chordal::codegen
