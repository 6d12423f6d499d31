//===- SmolLm3.cpp - SmolLM 3 -----------------------------------------------------------------===//
//
// Llama's blocks, of which every fourth does not rotate queries and keys. (Hugging Face 2025,
// "SmolLM3"; Yang et al. 2025, arXiv:2501.18795)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildSmolLm3(ModelBuilder& b) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    const AttentionForm attention{.ropeStyle = RopeStyle::Interleaved,
                                  .rotate = layer.index % 4 != 3};
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
