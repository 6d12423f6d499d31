//===- StableLm.cpp - StableLM 3B and StableLM 2 ----------------------------------------------===//
//
// Llama's blocks with layer norms, of each head a part rotated. (Bellagente et al. 2024,
// arXiv:2402.17834.) StableLM 2 12B has no second norm, but attention and feed-forward that read
// the first, and it normalises each head of queries and keys.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildStableLm(ModelBuilder& b) {
  AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    if (b.hasTensor(layer("attn_q_norm.weight")))
      attention.norm = QueryKeyNorm::LayerPerHead;
    bool isParallel = !b.hasTensor(layer("ffn_norm.weight"));
    mlir::Value h = b.layerNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    if (!isParallel)
      h = b.layerNorm(x, layer("ffn_norm"));
    x = b.add(x, b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.layerNorm(x, "output_norm"));
}

} // namespace chordal::ir
