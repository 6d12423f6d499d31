//===- GptNeoX.cpp - GPT-NeoX, Pythia, RedPajama ----------------------------------------------===//
//
// Layer norms and biases as in GPT-2, of each head a part rotated, and attention and feed-forward
// that read the same residual, each through a norm of its own, or follow each other; the file says
// which. The activation is the exact GELU. (Black et al. 2022, arXiv:2204.06745)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

mlir::Value buildGptNeoX(ModelBuilder& b) {
  if (!b.parameters().parallelResidual)
    b.fail(b.parameters().key("use_parallel_residual") + " is missing", ErrorCode::Missing);
  const bool isParallel = b.parameters().parallelResidual.value_or(true);
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    mlir::Value h = b.layerNorm(x, layer("attn_norm"));
    mlir::Value mixed = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.layerNorm(isParallel ? x : mixed, layer("ffn_norm"));
    x = b.add(mixed, b.feedForward(layer, h, Activation::Gelu));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.layerNorm(x, "output_norm"));
}

} // namespace chordal::ir
