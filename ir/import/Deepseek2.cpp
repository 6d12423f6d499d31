//===- Deepseek2.cpp - DeepSeek V2, V3 and R1 -------------------------------------------------===//
//
// Latent attention, and after some dense blocks fine-grained experts beside shared ones. V3 chooses
// experts by a sigmoid and a bias that balances their load. (DeepSeek-AI 2024, arXiv:2405.04434,
// arXiv:2412.19437)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildDeepseek2(ModelBuilder& b) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.latentAttention(layer, h, RopeStyle::Interleaved));
    h = b.rmsNorm(x, layer("ffn_norm"));
    bool dense = layer.index < b.parameters().mixture.leadingDenseBlocks;
    x = b.add(x, dense ? b.gluFeedForward(layer, h, Activation::Silu) : b.mixture(layer, h, {}));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
