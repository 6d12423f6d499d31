//===- Granite.cpp - Granite, dense -----------------------------------------------------------===//
//
// Llama's blocks, with scales on the embedding, on what is added to the residual stream, on the
// scores, and on the logits, which are divided by theirs. (IBM Research 2024, "Granite 3.0 Language
// Models")
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildGranite(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::Interleaved,
                                .rotate = b.parameters().ropeFinetuned};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.residual(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.residual(x, b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"),
                  {.factor = 1 / b.parameters().logitScale.value_or(1)});
}

} // namespace chordal::ir
