//===- Link.h - from generated objects to an executable ---------------------------------------===//
//
// Links the runtime, the kernels that a program needs and its generated functions into a static
// executable or a shared library, with the linker's library in this process. What is linked comes
// from the bundle of the levels' architecture, a folder of archives that the build prepares, so no
// compiler is needed where this runs.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/Program.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chordal::codegen {

/// What one instruction-set level of a program links.
struct LinkLevel {
  uint32_t level = 0;                 ///< kernels::Isa
  std::vector<std::string> kernels;   ///< by the program's table: "norm.scalar"
  std::vector<std::string> functions; ///< by the program's table: symbols of `object`
  std::span<const char> object;       ///< may be empty
};

/// The names of a program's tables, as a level to link.
LinkLevel linkLevel(uint32_t level, const Program& program, std::span<const char> object);

/// The bytes of a stripped static executable. `identity` is the number of the container that it
/// runs (see ContainerIdentity). Errors: no bundle in the folder, a kernel that it lacks, what the
/// linker reports.
Result<std::string> linkExecutable(std::span<const LinkLevel> levels, uint64_t identity,
                                   const std::string& bundle);

/// The bytes of a stripped shared library with the C API (runtime/core/chordal.h) and nothing else
/// for others to see; it needs the C library only. `name`: its file's name. Errors as above.
Result<std::string> linkLibrary(std::span<const LinkLevel> levels, uint64_t identity,
                                const std::string& bundle, const std::string& name);

/// All the generated functions and the table of kernels as one relocatable object.
Result<std::string> linkObject(std::span<const LinkLevel> levels, uint64_t identity);

} // namespace chordal::codegen
