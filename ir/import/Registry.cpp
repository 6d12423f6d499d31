//===- Registry.cpp - the architectures that can be imported ----------------------------------===//
//
// The table of architectures.
//
//===----------------------------------------------------------------------------------------===//
#include "ir/import/Registry.h"

namespace chordal::ir {

mlir::Value buildLlama(ModelBuilder&); // Llama.cpp
mlir::Value buildQwen3(ModelBuilder&); // Qwen3.cpp

std::span<const Architecture> architectures() {
  static constexpr Architecture table[] = {
      {"llama", buildLlama},
      {"qwen3", buildQwen3},
  };
  return table;
}

const Architecture* findArchitecture(std::string_view name) {
  for (const Architecture& architecture : architectures())
    if (architecture.name == name)
      return &architecture;
  return nullptr;
}

} // namespace chordal::ir
