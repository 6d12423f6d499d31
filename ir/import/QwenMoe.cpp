//===- QwenMoe.cpp - Qwen 2 and 3, mixtures of experts ----------------------------------------===//
//
// The attention of the dense models. Qwen 2's experts stand beside a shared one with a gate of its
// own; Qwen 3 has none and normalises the weights of the chosen ones. (Yang et al. 2024,
// arXiv:2407.10671; Yang et al. 2025, arXiv:2505.09388)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

static mlir::Value build(ModelBuilder& b, const AttentionForm& attention,
                         const MixtureForm& experts) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, b.mixture(layer, h, experts));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

mlir::Value buildQwen2Moe(ModelBuilder& b) {
  return build(b, {.ropeStyle = RopeStyle::HalfSplit}, {});
}

mlir::Value buildQwen3Moe(ModelBuilder& b) {
  return build(b, {.ropeStyle = RopeStyle::HalfSplit, .norm = QueryKeyNorm::RmsPerHead},
               {.normalise = true});
}

} // namespace chordal::ir
