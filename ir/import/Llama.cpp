//===- Llama.cpp - Llama and its kin ----------------------------------------------------------===//
//
// Llama 1 to 3, Mistral, TinyLlama and all the models that are published as "llama": pre-norm
// blocks of grouped-query attention with interleaved rotary embeddings and a SwiGLU feed-forward.
// (Touvron et al. 2023, arXiv:2302.13971; Grattafiori et al. 2024, arXiv:2407.21783)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildLlama(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::Interleaved};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    // Mixtral is published as "llama" too.
    bool mixture = b.parameters().expertCount != 0;
    x = b.add(x, mixture ? b.mixture(layer, h, {.normalise = true})
                         : b.gluFeedForward(layer, h, Activation::Silu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
