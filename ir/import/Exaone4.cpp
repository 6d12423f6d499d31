//===- Exaone4.cpp - EXAONE 4 -----------------------------------------------------------------===//
//
// Norms stand after attention and feed-forward, and each head of queries and keys is normalised.
// Models with a window have it in three layers of four; the fourth attends to all positions and
// does not rotate. (LG AI Research 2025, arXiv:2507.11407)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildExaone4(ModelBuilder& b) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers(4)) {
    const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit,
                                  .norm = QueryKeyNorm::RmsPerHead,
                                  .rotate = layer.window != 0 || !b.parameters().slidingWindow};
    mlir::Value h = b.attentionBlock(layer, x, attention);
    x = b.add(x, b.rmsNorm(h, layer("post_attention_norm")));
    h = b.gluFeedForward(layer, x, Activation::Silu);
    x = b.add(x, b.rmsNorm(h, layer("post_ffw_norm")));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
