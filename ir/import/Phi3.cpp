//===- Phi3.cpp - Phi 3 and Phi 4 -------------------------------------------------------------===//
//
// Llama's blocks with fused projections and rotated halves; long contexts divide the rotary
// frequencies by factors of the file. (Abdin et al. 2024, arXiv:2404.14219.) The files' window of
// attention is not what the models were trained with in all cases, and is no shorter than the
// context of those where it is: all engines ignore it.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildPhi3(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    layer.window = 0;
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, b.fusedGluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
