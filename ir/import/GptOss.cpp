//===- GptOss.cpp - gpt-oss -------------------------------------------------------------------===//
//
// Attention with sinks, with a window in every other layer, and experts of clamped SwiGLU that are
// chosen by their logits; biases everywhere. (OpenAI 2025, arXiv:2508.10925)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildGptOss(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  const MixtureForm experts{.gating = Gating::SoftmaxChosen,
                            .activation = Activation::ClampedSwiglu};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers(/*globalPeriod=*/2)) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("post_attention_norm"));
    x = b.add(x, b.mixture(layer, h, experts));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
