//===- Phi2.cpp - Phi 1.5 and Phi 2 -----------------------------------------------------------===//
//
// Attention and feed-forward read one layer norm and are added together; part of each head is
// rotated; biases everywhere. (Li et al. 2023, arXiv:2309.05463)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildPhi2(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.layerNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    x = b.add(x, b.feedForward(layer, h, Activation::GeluTanh));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.layerNorm(x, "output_norm"));
}

} // namespace chordal::ir
