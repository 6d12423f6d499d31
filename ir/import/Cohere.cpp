//===- Cohere.cpp - Command R, Command R+, Command A, Aya -------------------------------------===//
//
// Attention and feed-forward read one layer norm without bias and are added together; logits are
// multiplied with a scale. Command R+ normalises each head of queries and keys. In the second
// generation (Cohere 2025, arXiv:2504.00698) three layers of four have a window and rotations; the
// fourth attends to all positions and has none.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

namespace chordal::ir {

namespace {

mlir::Value parallelBlock(ModelBuilder& b, const Layer& layer, mlir::Value x,
                          const AttentionForm& attention) {
  mlir::Value h = b.layerNorm(x, layer("attn_norm"));
  x = b.add(x, b.attentionBlock(layer, h, attention));
  return b.add(x, b.gluFeedForward(layer, h, Activation::Silu));
}

mlir::Value scaledLogits(ModelBuilder& b, mlir::Value x) {
  x = b.layerNorm(b.gatherOutputs(x), "output_norm");
  return b.logits(x, {.factor = b.parameters().logitScale});
}

} // namespace

mlir::Value buildCommandR(ModelBuilder& b) {
  AttentionForm attention{.ropeStyle = RopeStyle::Interleaved};
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers()) {
    if (b.hasTensor(layer("attn_q_norm.weight")))
      attention.norm = QueryKeyNorm::LayerPerHead;
    x = parallelBlock(b, layer, x, attention);
  }
  return scaledLogits(b, x);
}

mlir::Value buildCohere2(ModelBuilder& b) {
  mlir::Value x = b.embedTokens();
  for (Layer layer : b.layers(4))
    x = parallelBlock(b, layer, x,
                      {.ropeStyle = RopeStyle::Interleaved, .rotate = layer.window != 0});
  return scaledLogits(b, x);
}

} // namespace chordal::ir
