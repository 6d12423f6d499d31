//===- Olmo2.cpp - OLMo 2 and OLMo 3 ----------------------------------------------------------===//
//
// Norms stand after attention and feed-forward, not before; queries and keys are normalised over
// all heads together. (OLMo et al. 2024, arXiv:2501.00656.) In OLMo 3 three layers of four have a
// window, and their rotation is not stretched.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildOlmo2(ModelBuilder& b) {
  const HyperParameters& p = b.parameters();
  const AttentionForm global{.ropeStyle = RopeStyle::HalfSplit, .norm = QueryKeyNorm::RmsTogether};
  AttentionForm local = global;
  local.rope =
      RopeParameters{.dimensionCount = p.rope.dimensionCount,
                     .frequencyBase = p.windowFrequencyBase.value_or(p.rope.frequencyBase)};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers(4)) {
    mlir::Value h = b.attentionBlock(layer, x, layer.window ? local : global);
    x = b.add(x, b.rmsNorm(h, layer("post_attention_norm")));
    h = b.gluFeedForward(layer, x, Activation::Silu);
    x = b.add(x, b.rmsNorm(h, layer("post_ffw_norm")));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
