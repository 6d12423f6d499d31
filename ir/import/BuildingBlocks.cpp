//===- BuildingBlocks.cpp - the parts that models are made of ---------------------------------===//
//
// Linear maps, norms, attention and feed-forward networks, as most architectures have them.
//
//===----------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <fmt/format.h>

#include <cmath>

using namespace mlir;

namespace chordal::ir {

std::string Layer::operator()(StringRef part) const {
  return fmt::format("blk.{}.{}", index, std::string_view(part));
}

std::vector<Layer> ModelBuilder::layers() const {
  std::vector<Layer> result;
  if (failed())
    return result;
  for (uint32_t i = 0; i < hyper.blockCount; ++i)
    result.push_back({i, hyper.headCount[i], hyper.headCountKv[i], hyper.feedForwardLength[i]});
  return result;
}

Value ModelBuilder::embedTokens() {
  Value table = matrix("token_embd.weight", hyper.vocabularySize, hyper.embeddingLength);
  if (failed())
    return {};
  return EmbedOp::create(builder, location("token_embd"), token, table);
}

Value ModelBuilder::linear(Value x, StringRef name, uint64_t features) {
  if (failed())
    return {};
  return linear(x, name, (name + ".weight").str(), features);
}

Value ModelBuilder::linear(Value x, StringRef name, StringRef weightName, uint64_t features) {
  Value stored = matrix(weightName, features, columnCount(x.getType()));
  std::string biasName = (name + ".bias").str();
  Value bias = hasTensor(biasName) ? vector(biasName, features) : Value();
  if (failed())
    return {};
  Location where = location(name);
  Value weights = DequantizeOp::create(builder, where, stored);
  Value y = MatmulOp::create(builder, where, x, weights).getResult(0);
  if (!bias)
    return y;
  Value rows = BroadcastOp::create(builder, where, bias, y);
  return arith::AddFOp::create(builder, where, y, rows);
}

Value ModelBuilder::rmsNorm(Value x, StringRef name, uint32_t group) {
  if (failed())
    return {};
  if (!hyper.rmsNormEpsilon) {
    fail(hyper.key("attention.layer_norm_rms_epsilon") + " is missing", ErrorCode::Missing);
    return {};
  }
  Value weights = vector((name + ".weight").str(), group ? group : columnCount(x.getType()));
  if (failed())
    return {};
  return RmsNormOp::create(builder, location(name), x, weights, *hyper.rmsNormEpsilon, group);
}

Value ModelBuilder::add(Value a, Value b) {
  if (failed())
    return {};
  return arith::AddFOp::create(builder, b.getLoc(), a, b);
}

Value ModelBuilder::rope(Value x, RopeStyle style) {
  Value table = ropeTable();
  if (failed())
    return {};
  return RopeOp::create(builder, x.getLoc(), x, table, hyper.keyLength, style);
}

Value ModelBuilder::attend(const Layer& layer, Value query, Value key, Value value) {
  if (failed())
    return {};
  Location where = location(layer("attn"));
  Value& state = kv[layer.index];
  state = KvAppendOp::create(builder, where, state, key, value, position, sequence);
  float scale = hyper.attentionScale.value_or(
      static_cast<float>(1 / std::sqrt(static_cast<double>(hyper.keyLength))));
  // A window that no position can be outside of is none.
  std::optional<int64_t> window;
  if (hyper.slidingWindow != 0 && hyper.slidingWindow < positions)
    window = hyper.slidingWindow;
  return AttentionOp::create(builder, where, query, state, position, sequence, scale, std::nullopt,
                             window);
}

Value ModelBuilder::attentionBlock(const Layer& layer, Value x, const AttentionForm& form) {
  uint64_t keyFeatures = uint64_t(layer.headCountKv) * hyper.keyLength;
  uint64_t valueFeatures = uint64_t(layer.headCountKv) * hyper.valueLength;
  Value query = linear(x, layer("attn_q"), uint64_t(layer.headCount) * hyper.keyLength);
  Value key = linear(x, layer("attn_k"), keyFeatures);
  Value value = linear(x, layer("attn_v"), valueFeatures);
  if (form.normPerHead) {
    query = rmsNorm(query, layer("attn_q_norm"), hyper.keyLength);
    key = rmsNorm(key, layer("attn_k_norm"), hyper.keyLength);
  }
  query = rope(query, form.ropeStyle);
  key = rope(key, form.ropeStyle);
  Value mixed = attend(layer, query, key, value);
  return linear(mixed, layer("attn_output"), hyper.embeddingLength);
}

Value ModelBuilder::gluFeedForward(const Layer& layer, Value x, Activation activation) {
  Value gate = linear(x, layer("ffn_gate"), layer.feedForwardLength);
  Value up = linear(x, layer("ffn_up"), layer.feedForwardLength);
  if (failed())
    return {};
  Value h = GluOp::create(builder, location(layer("ffn_act")), gate, up, activation);
  return linear(h, layer("ffn_down"), hyper.embeddingLength);
}

Value ModelBuilder::gatherOutputs(Value x) {
  if (failed())
    return {};
  return GatherRowsOp::create(builder, location("output"), x, outputRow);
}

Value ModelBuilder::logits(Value x) {
  if (failed())
    return {};
  bool tied = !hasTensor("output.weight");
  return linear(x, "output", tied ? "token_embd.weight" : "output.weight", hyper.vocabularySize);
}

} // namespace chordal::ir
