//===- Registry.cpp - the architectures that can be imported ----------------------------------===//
//
// The table of architectures.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Registry.h"

namespace chordal::ir {

mlir::Value buildCohere2(ModelBuilder&);    // Cohere.cpp
mlir::Value buildCommandR(ModelBuilder&);   // Cohere.cpp
mlir::Value buildDeepseek2(ModelBuilder&);  // Deepseek2.cpp
mlir::Value buildExaone4(ModelBuilder&);    // Exaone4.cpp
mlir::Value buildGemma(ModelBuilder&);      // Gemma.cpp
mlir::Value buildGemma2(ModelBuilder&);     // Gemma.cpp
mlir::Value buildGemma3(ModelBuilder&);     // Gemma.cpp
mlir::Value buildGlm4(ModelBuilder&);       // Glm4.cpp
mlir::Value buildGpt2(ModelBuilder&);       // Gpt2.cpp
mlir::Value buildGptNeoX(ModelBuilder&);    // GptNeoX.cpp
mlir::Value buildGptOss(ModelBuilder&);     // GptOss.cpp
mlir::Value buildGranite(ModelBuilder&);    // Granite.cpp
mlir::Value buildLlama(ModelBuilder&);      // Llama.cpp
mlir::Value buildOlmo2(ModelBuilder&);      // Olmo2.cpp
mlir::Value buildPhi2(ModelBuilder&);       // Phi2.cpp
mlir::Value buildPhi3(ModelBuilder&);       // Phi3.cpp
mlir::Value buildQwen2(ModelBuilder&);      // Qwen.cpp
mlir::Value buildQwen2Moe(ModelBuilder&);   // Qwen.cpp
mlir::Value buildQwen3(ModelBuilder&);      // Qwen.cpp
mlir::Value buildQwen3Moe(ModelBuilder&);   // Qwen.cpp
mlir::Value buildSmolLm3(ModelBuilder&);    // SmolLm3.cpp
mlir::Value buildStableLm(ModelBuilder&);   // StableLm.cpp
mlir::Value buildStarcoder2(ModelBuilder&); // Starcoder2.cpp

std::span<const Architecture> architectures() {
  // clang-format off
  static constexpr Architecture table[] = {
      {"cohere2", buildCohere2},
      {"command-r", buildCommandR},
      {"deepseek2", buildDeepseek2},
      {"exaone", buildQwen2},
      {"exaone4", buildExaone4},
      {"gemma", buildGemma},
      {"gemma2", buildGemma2},
      {"gemma3", buildGemma3},
      {"glm4", buildGlm4},
      {"gpt-oss", buildGptOss},
      {"gpt2", buildGpt2},
      {"gptneox", buildGptNeoX},
      {"granite", buildGranite},
      {"internlm2", buildLlama},
      {"llama", buildLlama},
      {"olmo2", buildOlmo2},
      {"phi2", buildPhi2},
      {"phi3", buildPhi3},
      {"qwen2", buildQwen2},
      {"qwen2moe", buildQwen2Moe},
      {"qwen3", buildQwen3},
      {"qwen3moe", buildQwen3Moe},
      {"smollm3", buildSmolLm3},
      {"stablelm", buildStableLm},
      {"starcoder2", buildStarcoder2},
  };
  // clang-format on
  return table;
}

const Architecture* findArchitecture(std::string_view name) {
  for (const Architecture& architecture : architectures())
    if (architecture.name == name)
      return &architecture;
  return nullptr;
}

} // namespace chordal::ir
