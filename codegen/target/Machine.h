//===- Machine.h - LLVM's code generators -----------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string_view>

namespace chordal::codegen {

/// The code generator for a triple, of a processor and features that LLVM names so; empty ones are
/// the architecture's baseline. Errors: LLVM has none for the triple.
Result<std::unique_ptr<llvm::TargetMachine>>
createMachine(std::string_view triple, std::string_view cpu = {}, std::string_view features = {});

} // namespace chordal::codegen
