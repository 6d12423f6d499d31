//===- Qwen2.cpp - Qwen 2 and models like it --------------------------------------------------===//
//
// Llama's blocks with rotary embeddings that rotate halves of a head. Qwen 2 and 2.5 have biases on
// queries, keys and values (Yang et al. 2024, arXiv:2407.10671); EXAONE 3 has none (LG AI Research
// 2024, arXiv:2412.04862).
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildQwen2(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
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
