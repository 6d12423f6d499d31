//===- Qwen3.cpp - Qwen 3, dense --------------------------------------------------------------===//
//
// Like Llama, but rotary embeddings rotate halves of a head, and the queries and keys of each head
// are normalised before the rotation. (Yang et al. 2025, arXiv:2505.09388)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildQwen3(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit,
                                .norm = QueryKeyNorm::RmsPerHead};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
