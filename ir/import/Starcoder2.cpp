//===- Starcoder2.cpp - StarCoder 2 -----------------------------------------------------------===//
//
// Layer norms and biases as in GPT-2, rotary embeddings and grouped queries as in Llama. (Lozhkov
// et al. 2024, arXiv:2402.19173)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildStarcoder2(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.layerNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.layerNorm(x, layer("ffn_norm"));
    x = b.add(x, b.feedForward(layer, h, Activation::GeluTanh));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.layerNorm(x, "output_norm"));
}

} // namespace chordal::ir
