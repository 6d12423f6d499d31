//===- Glm4.cpp - GLM 4, dense ----------------------------------------------------------------===//
//
// Llama's blocks with norms before and after both parts, of each head a part rotated, and a fused
// feed-forward. (GLM Team 2024, arXiv:2406.12793; the norms as in GLM-4-0414)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildGlm4(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::Interleaved};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.attentionBlock(layer, b.rmsNorm(x, layer("attn_norm")), attention);
    x = b.add(x, b.rmsNorm(h, layer("post_attention_norm")));
    h = b.fusedGluFeedForward(layer, b.rmsNorm(x, layer("ffn_norm")), Activation::Silu);
    x = b.add(x, b.rmsNorm(h, layer("post_ffw_norm")));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
