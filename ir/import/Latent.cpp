//===- Latent.cpp - attention over compressed keys and values ---------------------------------===//
//
// Multi-head latent attention: the cache holds, for all heads together, one latent vector and one
// rotated key. What would expand the latent to the keys of a head is applied to the head's query
// instead, and what would expand it to values to the head's result. (DeepSeek-AI 2024,
// arXiv:2405.04434)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include <fmt/format.h>

#include <cmath>

using namespace mlir;

namespace chordal::ir {

Value ModelBuilder::headLinear(Value x, StringRef name, uint64_t heads, uint64_t features) {
  if (failed())
    return {};
  uint64_t columns = uint64_t(columnCount(x.getType())) / heads;
  Value stored = load((name + ".weight").str(), {heads, features, columns}, WeightKind::Matrix);
  if (failed())
    return {};
  Value matrices = DequantizeOp::create(builder, location(name), stored);
  return HeadMatmulOp::create(builder, location(name), x, matrices);
}

Value ModelBuilder::headSlice(Value x, uint64_t headDim, uint64_t begin, uint64_t size) {
  if (failed())
    return {};
  return HeadSliceOp::create(builder, x.getLoc(), x, headDim, begin, size);
}

Value ModelBuilder::headJoin(Value first, Value second, uint64_t heads) {
  if (failed())
    return {};
  return HeadJoinOp::create(builder, second.getLoc(), first, second, heads);
}

Value ModelBuilder::latentAttention(const Layer& layer, Value x, RopeStyle style) {
  const LatentParameters& latent = hyper.latent;
  uint64_t rank = latent.keyValueRank, rotated = hyper.rope.dimensionCount;
  if (rank == 0)
    fail(hyper.key("attention.kv_lora_rank") + " is missing", ErrorCode::Missing);
  else if (latent.keyLength == 0 || latent.valueLength == 0)
    fail(fmt::format("{} or {} is missing: the file is of an older form, with keys and values that "
                     "are not compressed; convert the model anew",
                     hyper.key("attention.key_length_mla"),
                     hyper.key("attention.value_length_mla")),
         ErrorCode::Missing);
  else if (latent.keyLength <= rotated || hyper.keyLength != rank + rotated ||
           hyper.valueLength != rank || layer.headCountKv != 1)
    fail(fmt::format("{}, {}, {}, {} and {} do not agree with one head of keys and values",
                     hyper.key("attention.key_length"), hyper.key("attention.value_length"),
                     hyper.key("attention.kv_lora_rank"), hyper.key("rope.dimension_count"),
                     hyper.key("attention.head_count_kv")),
         ErrorCode::OutOfRange);
  if (failed())
    return {};
  uint64_t heads = layer.headCount, plain = latent.keyLength - rotated;

  // The scores are scaled for a longer context, not the rotation.
  RopeParameters rotation = hyper.rope;
  double scale = 1;
  if (rotation.scaling.type == RopeScalingType::Yarn) {
    double stretch = std::log(rotation.scaling.factor);
    rotation.scaling.attentionFactor /= 1 + 0.1 * stretch;
    scale = 1 + latent.yarnLogMultiplier * stretch;
  }
  AttentionForm form;
  form.scale = static_cast<float>(scale * scale / std::sqrt(double(latent.keyLength)));

  Value query = x;
  if (latent.queryRank != 0) {
    query = rmsNorm(linear(x, layer("attn_q_a"), latent.queryRank), layer("attn_q_a_norm"));
    query = linear(query, layer("attn_q_b"), heads * latent.keyLength);
  } else {
    query = linear(x, layer("attn_q"), heads * latent.keyLength);
  }
  Value absorbed =
      headLinear(headSlice(query, latent.keyLength, 0, plain), layer("attn_k_b"), heads, rank);
  query = headJoin(headSlice(query, latent.keyLength, plain, rotated), absorbed, heads);

  Value compressed = linear(x, layer("attn_kv_a_mqa"), rank + rotated);
  Value value = rmsNorm(headSlice(compressed, rank + rotated, 0, rank), layer("attn_kv_a_norm"));
  Value key = headJoin(headSlice(compressed, rank + rotated, rank, rotated), value, 1);

  query = rope(query, style, rotation);
  key = rope(key, style, rotation);
  Value mixed = attend(layer, query, key, value, form);
  mixed = headLinear(mixed, layer("attn_v_b"), heads, latent.valueLength);
  return linear(mixed, layer("attn_output"), hyper.embeddingLength);
}

} // namespace chordal::ir
