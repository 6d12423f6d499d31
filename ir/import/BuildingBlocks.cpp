//===- BuildingBlocks.cpp - the parts that models are made of ---------------------------------===//
//
// Linear maps, norms, attention and feed-forward networks, as most architectures have them.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <fmt/format.h>

#include <cmath>

using namespace mlir;

namespace chordal::ir {

std::string Layer::operator()(StringRef part) const {
  return fmt::format("blk.{}.{}", index, std::string_view(part));
}

std::vector<Layer> ModelBuilder::layers(uint32_t globalPeriod) const {
  std::vector<Layer> result;
  if (failed())
    return result;
  for (uint32_t i = 0; i < hyper.blockCount; ++i) {
    bool windowed = hyper.slidingWindowPattern.empty()
                        ? globalPeriod == 0 || i % globalPeriod < globalPeriod - 1
                        : hyper.slidingWindowPattern[i];
    result.push_back({i, hyper.headCount[i], hyper.headCountKv[i], hyper.feedForwardLength[i],
                      windowed ? hyper.slidingWindow : 0});
  }
  return result;
}

//===--- embeddings and linear maps -----------------------------------------------------------===//

Value ModelBuilder::embedTokens(std::optional<float> factor) {
  Value table = matrix("token_embd.weight", hyper.vocabularySize, hyper.embeddingLength);
  if (failed())
    return {};
  Value x = EmbedOp::create(builder, location("token_embd"), token, table);
  factor = factor ? factor : hyper.embeddingScale;
  return factor ? scale(x, *factor) : x;
}

Value ModelBuilder::embedPositions() {
  if (positions > hyper.contextLength)
    fail(fmt::format("a context of {} positions was asked for, but the model has embeddings for "
                     "{} positions",
                     positions, hyper.contextLength),
         ErrorCode::OutOfRange);
  Value table = matrix("position_embd.weight", hyper.contextLength, hyper.embeddingLength);
  if (failed())
    return {};
  return EmbedOp::create(builder, location("position_embd"), position, table);
}

Value ModelBuilder::linear(Value x, StringRef name, uint64_t features) {
  return linear(x, name, features, {(name + ".weight").str(), (name + ".bias").str(), 0, features});
}

Value ModelBuilder::linear(Value x, StringRef name, uint64_t features, const LinearSource& source) {
  if (failed())
    return {};
  // A model that shares a tensor shares its symbol.
  bool whole = source.rows == features;
  Value stored = load(whole ? source.weight : (name + ".weight").str(),
                      {features, static_cast<uint64_t>(columnCount(x.getType()))},
                      WeightKind::Matrix, source.weight, source.first, source.rows);
  Value bias;
  if (hasTensor(source.bias))
    bias = load(whole ? source.bias : (name + ".bias").str(), {features}, WeightKind::Vector,
                source.bias, source.first, source.rows);
  std::optional<float> factor = matrixFactor(source.weight);
  if (failed())
    return {};
  Location where = location(name);
  Value weights = DequantizeOp::create(builder, where, stored);
  Value y = MatmulOp::create(builder, where, x, weights).getResult(0);
  if (factor)
    y = scale(y, *factor);
  if (!bias)
    return y;
  Value rows = BroadcastOp::create(builder, where, bias, y);
  return arith::AddFOp::create(builder, where, y, rows);
}

//===--- norms and arithmetic -----------------------------------------------------------------===//

float ModelBuilder::epsilonOf(const std::optional<float>& epsilon, StringRef suffix) {
  if (!epsilon)
    fail(hyper.key(std::string_view(suffix)) + " is missing", ErrorCode::Missing);
  return epsilon.value_or(0);
}

Value ModelBuilder::rmsNorm(Value x, StringRef name, uint32_t group) {
  if (failed())
    return {};
  float epsilon = epsilonOf(hyper.rmsNormEpsilon, "attention.layer_norm_rms_epsilon");
  Value weights = vector((name + ".weight").str(), group ? group : columnCount(x.getType()));
  if (failed())
    return {};
  return RmsNormOp::create(builder, location(name), x, weights, epsilon, group);
}

Value ModelBuilder::layerNorm(Value x, StringRef name) {
  if (failed())
    return {};
  float epsilon = epsilonOf(hyper.layerNormEpsilon, "attention.layer_norm_epsilon");
  uint64_t features = columnCount(x.getType());
  Value weights = vector((name + ".weight").str(), features);
  std::string biasName = (name + ".bias").str();
  Value bias = hasTensor(biasName) ? vector(biasName, features) : Value();
  if (failed())
    return {};
  return LayerNormOp::create(builder, location(name), x, weights, bias, epsilon);
}

Value ModelBuilder::normHeads(Value x, StringRef name, QueryKeyNorm norm) {
  if (failed() || norm == QueryKeyNorm::None)
    return x;
  if (norm != QueryKeyNorm::LayerPerHead)
    return rmsNorm(x, name, norm == QueryKeyNorm::RmsPerHead ? hyper.keyLength : 0);
  float epsilon = epsilonOf(hyper.layerNormEpsilon, "attention.layer_norm_epsilon");
  uint64_t heads = columnCount(x.getType()) / hyper.keyLength;
  Value weights = load((name + ".weight").str(), {heads, hyper.keyLength}, WeightKind::Vector);
  if (failed())
    return {};
  return LayerNormOp::create(builder, location(name), x, weights, Value(), epsilon,
                             hyper.keyLength);
}

Value ModelBuilder::add(Value a, Value b) {
  if (failed())
    return {};
  return arith::AddFOp::create(builder, b.getLoc(), a, b);
}

Value ModelBuilder::scale(Value x, float factor) {
  if (failed())
    return {};
  return ScaleOp::create(builder, x.getLoc(), x, factor);
}

Value ModelBuilder::residual(Value x, Value y) {
  residualIsScaled = true;
  return add(x, hyper.residualScale ? scale(y, *hyper.residualScale) : y);
}

//===--- attention ----------------------------------------------------------------------------===//

Value ModelBuilder::rope(Value x, RopeStyle style, const RopeParameters& parameters) {
  Rotation* by = rotation(parameters);
  if (failed())
    return {};
  return RopeOp::create(builder, x.getLoc(), x, by->table, hyper.keyLength, style);
}

Value ModelBuilder::attend(const Layer& layer, Value query, Value key, Value value,
                           const AttentionForm& form) {
  std::string sinkName = layer("attn_sinks.weight");
  Value sinks = hasTensor(sinkName) ? vector(sinkName, layer.headCount) : Value();
  if (failed())
    return {};
  Location where = location(layer("attn"));
  Value& state = kv[layer.index];
  state = KvAppendOp::create(builder, where, state, key, value, position, sequence);
  float scale = form.scale ? *form.scale
                           : hyper.attentionScale.value_or(static_cast<float>(
                                 1 / std::sqrt(static_cast<double>(hyper.keyLength))));
  // A window that no position can be outside of is none.
  std::optional<int64_t> window;
  if (layer.window != 0 && layer.window < positions)
    window = layer.window;
  return AttentionOp::create(builder, where, query, state, position, sequence, scale,
                             form.softcap ? form.softcap : hyper.attentionSoftcap, window, sinks);
}

Value ModelBuilder::attentionBlock(const Layer& layer, Value x, const AttentionForm& form) {
  uint64_t features[] = {uint64_t(layer.headCount) * hyper.keyLength,
                         uint64_t(layer.headCountKv) * hyper.keyLength,
                         uint64_t(layer.headCountKv) * hyper.valueLength};
  std::string fused = layer("attn_qkv");
  bool isFused = hasTensor(fused + ".weight");
  uint64_t first = 0, rows = features[0] + features[1] + features[2];
  auto project = [&](StringRef part, uint64_t size) {
    if (!isFused)
      return linear(x, layer(part), size);
    Value y = linear(x, layer(part), size, {fused + ".weight", fused + ".bias", first, rows});
    first += size;
    return y;
  };
  Value query = project("attn_q", features[0]);
  Value key = project("attn_k", features[1]);
  Value value = project("attn_v", features[2]);
  query = normHeads(query, layer("attn_q_norm"), form.norm);
  key = normHeads(key, layer("attn_k_norm"), form.norm);
  if (form.rotate) {
    const RopeParameters& parameters = form.rope ? *form.rope : hyper.rope;
    query = rope(query, form.ropeStyle, parameters);
    key = rope(key, form.ropeStyle, parameters);
  }
  Value mixed = attend(layer, query, key, value, form);
  return linear(mixed, layer("attn_output"), hyper.embeddingLength);
}

//===--- feed-forward -------------------------------------------------------------------------===//

Value ModelBuilder::feedForward(const Layer& layer, Value x, Activation activation) {
  Value up = linear(x, layer("ffn_up"), layer.feedForwardLength);
  if (failed())
    return {};
  Value h = ActivateOp::create(builder, location(layer("ffn_act")), up, activation);
  return linear(h, layer("ffn_down"), hyper.embeddingLength);
}

Value ModelBuilder::gluFeedForward(const Layer& layer, Value x, Activation activation) {
  Value gate = linear(x, layer("ffn_gate"), layer.feedForwardLength);
  Value up = linear(x, layer("ffn_up"), layer.feedForwardLength);
  if (failed())
    return {};
  Value h = GluOp::create(builder, location(layer("ffn_act")), gate, up, activation);
  return linear(h, layer("ffn_down"), hyper.embeddingLength);
}

Value ModelBuilder::fusedGluFeedForward(const Layer& layer, Value x, Activation activation) {
  uint64_t size = layer.feedForwardLength;
  std::string fused = layer("ffn_up");
  LinearSource source{fused + ".weight", fused + ".bias", 0, 2 * size};
  Value gate = linear(x, layer("ffn_up.gate"), size, source);
  source.first = size;
  Value up = linear(x, layer("ffn_up.up"), size, source);
  if (failed())
    return {};
  Value h = GluOp::create(builder, location(layer("ffn_act")), gate, up, activation);
  return linear(h, layer("ffn_down"), hyper.embeddingLength);
}

//===--- the end of a model -------------------------------------------------------------------===//

Value ModelBuilder::gatherOutputs(Value x) {
  if (failed())
    return {};
  return GatherRowsOp::create(builder, location("output"), x, outputRow);
}

Value ModelBuilder::logits(Value x, const LogitsForm& form) {
  if (hyper.logitScale && !form.factor)
    fail(fmt::format("{} is {}, which is not supported for this architecture",
                     hyper.key("logit_scale"), *hyper.logitScale),
         ErrorCode::Unsupported);
  std::string name = hasTensor("output.weight") ? "output.weight" : "token_embd.weight";
  Value y =
      linear(x, "output", hyper.vocabularySize, {name, "output.bias", 0, hyper.vocabularySize});
  if (form.factor)
    y = scale(y, *form.factor);
  std::optional<float> softcap = form.softcap ? form.softcap : hyper.finalSoftcap;
  if (failed() || !softcap)
    return y;
  return SoftcapOp::create(builder, y.getLoc(), y, *softcap);
}

} // namespace chordal::ir
