//===- Qwen.cpp - Qwen 2 and 3, dense and mixtures of experts, and models like them -----------===//
//
// Llama's blocks with rotary embeddings that rotate halves of a head. Qwen 2 and 2.5 have biases on
// queries, keys and values (Yang et al. 2024, arXiv:2407.10671); EXAONE 3 has none (LG AI Research
// 2024, arXiv:2412.04862). Qwen 3 normalises the queries and keys of each head before the rotation
// (Yang et al. 2025, arXiv:2505.09388). Qwen 2's experts stand beside a shared one with a gate of
// its own; Qwen 3 has none and normalises the weights of the chosen ones.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

/// `experts`: none in a dense model.
static mlir::Value buildQwen(ModelBuilder& b, const AttentionForm& attention,
                             const std::optional<MixtureForm>& experts) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, experts ? b.mixture(layer, h, *experts)
                         : b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

static constexpr AttentionForm qwen2{.ropeStyle = RopeStyle::HalfSplit};
static constexpr AttentionForm qwen3{.ropeStyle = RopeStyle::HalfSplit,
                                     .norm = QueryKeyNorm::RmsPerHead};

mlir::Value buildQwen2(ModelBuilder& b) {
  return buildQwen(b, qwen2, {});
}
mlir::Value buildQwen2Moe(ModelBuilder& b) {
  return buildQwen(b, qwen2, MixtureForm{});
}
mlir::Value buildQwen3(ModelBuilder& b) {
  return buildQwen(b, qwen3, {});
}
mlir::Value buildQwen3Moe(ModelBuilder& b) {
  return buildQwen(b, qwen3, MixtureForm{.normalise = true});
}

} // namespace chordal::ir
