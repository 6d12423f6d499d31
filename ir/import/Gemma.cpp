//===- Gemma.cpp - Gemma, Gemma 2 and Gemma 3 -------------------------------------------------===//
//
// Embeddings times the root of their length, feed-forwards gated by GELU. (Gemma Team 2024,
// arXiv:2403.08295.) From the second on, norms after attention and feed-forward too, and layers
// with a window of attention: every other one in Gemma 2, which also caps scores and logits (2024,
// arXiv:2408.00118); five of six in Gemma 3, which rotates them by a base frequency of their own
// and normalises queries and keys instead of capping (2025, arXiv:2503.19786). The norms' weights
// in the file are what multiplies: converters have added the one.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include <cmath>

namespace chordal::ir {

namespace {

mlir::Value embedScaled(ModelBuilder& b) {
  return b.embedTokens(std::sqrt(static_cast<float>(b.parameters().embeddingLength)));
}

/// A block of Gemma 2 or 3: norms before and after both parts.
mlir::Value sandwichBlock(ModelBuilder& b, const Layer& layer, mlir::Value x,
                          const AttentionForm& attention) {
  mlir::Value h = b.attentionBlock(layer, b.rmsNorm(x, layer("attn_norm")), attention);
  x = b.add(x, b.rmsNorm(h, layer("post_attention_norm")));
  h = b.gluFeedForward(layer, b.rmsNorm(x, layer("ffn_norm")), Activation::GeluTanh);
  return b.add(x, b.rmsNorm(h, layer("post_ffw_norm")));
}

/// The largest models of Gemma 2 and 3 scale scores by the embedding's share of a head, not by the
/// head's length; no key says so, the number of blocks tells.
std::optional<float> attentionScale(const HyperParameters& p, uint32_t largestBlockCount) {
  if (p.attentionScale || p.blockCount != largestBlockCount)
    return std::nullopt;
  return 1 / std::sqrt(static_cast<float>(p.embeddingLength) / static_cast<float>(p.headCount[0]));
}

} // namespace

mlir::Value buildGemma(ModelBuilder& b) {
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit};
  mlir::Value x = embedScaled(b);
  for (Layer layer : b.layers()) {
    mlir::Value h = b.rmsNorm(x, layer("attn_norm"));
    x = b.add(x, b.attentionBlock(layer, h, attention));
    h = b.rmsNorm(x, layer("ffn_norm"));
    x = b.add(x, b.gluFeedForward(layer, h, Activation::GeluTanh));
  }
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

mlir::Value buildGemma2(ModelBuilder& b) {
  const HyperParameters& p = b.parameters();
  // The caps of all published models, for files without the keys.
  const AttentionForm attention{.ropeStyle = RopeStyle::HalfSplit,
                                .scale = attentionScale(p, 46),
                                .softcap = p.attentionSoftcap.value_or(50)};
  mlir::Value x = embedScaled(b);
  for (Layer layer : b.layers(2))
    x = sandwichBlock(b, layer, x, attention);
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"), {.softcap = p.finalSoftcap.value_or(30)});
}

mlir::Value buildGemma3(ModelBuilder& b) {
  const HyperParameters& p = b.parameters();
  const AttentionForm global{.ropeStyle = RopeStyle::HalfSplit,
                             .norm = QueryKeyNorm::RmsPerHead,
                             .scale = attentionScale(p, 62)};
  AttentionForm local = global;
  local.rope = RopeParameters{.dimensionCount = p.rope.dimensionCount,
                              .frequencyBase = p.windowFrequencyBase.value_or(10000)};
  mlir::Value x = embedScaled(b);
  for (Layer layer : b.layers(6))
    x = sandwichBlock(b, layer, x, layer.window ? local : global);
  x = b.gatherOutputs(x);
  return b.logits(b.rmsNorm(x, "output_norm"));
}

} // namespace chordal::ir
