//===- Gpt2.cpp - GPT-2 -----------------------------------------------------------------------===//
//
// Learned embeddings of positions instead of rotations; layer norms; biases everywhere. (Radford et
// al. 2019, "Language Models are Unsupervised Multitask Learners")
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildGpt2(ModelBuilder& b) {
  const AttentionForm attention{.rotate = false};
  mlir::Value x = b.embedTokens();
  x = b.add(x, b.embedPositions());
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
