//===- Mixture.cpp - feed-forward networks of experts -----------------------------------------===//
//
// A router chooses some experts for each token; their results are added up by its weights, and with
// those of the experts that all tokens share, if there are any.
// (Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024, arXiv:2401.04088; Dai et al. 2024,
// arXiv:2401.06066)
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include <fmt/format.h>

using namespace mlir;

namespace chordal::ir {

Value ModelBuilder::expertLinear(Value x, Value routes, StringRef name, uint64_t features,
                                 uint64_t columns) {
  uint64_t experts = hyper.expertCount;
  std::string biasName = (name + ".bias").str();
  Value stored = load((name + ".weight").str(), {experts, features, columns}, WeightKind::Matrix);
  Value bias =
      hasTensor(biasName) ? load(biasName, {experts, features}, WeightKind::Matrix) : Value();
  if (failed())
    return {};
  Location where = location(name);
  Value matrices = DequantizeOp::create(builder, where, stored);
  return MoeMatmulOp::create(builder, where, x, routes, matrices,
                             bias ? ValueRange(bias) : ValueRange())
      .getResult(0);
}

Value ModelBuilder::sharedExpert(const Layer& layer, Value x, uint64_t size) {
  Value gate = linear(x, layer("ffn_gate_shexp"), size);
  Value up = linear(x, layer("ffn_up_shexp"), size);
  if (failed())
    return {};
  Value h = GluOp::create(builder, location(layer("ffn_act_shexp")), gate, up, Activation::Silu);
  Value y = linear(h, layer("ffn_down_shexp"), hyper.embeddingLength);
  std::string gateName = layer("ffn_gate_inp_shexp.weight");
  if (failed() || !hasTensor(gateName))
    return y;
  // A gate of one number per token: a mixture of one expert, weighted by the sigmoid of its logit.
  Value stored = load(gateName, {uint64_t(1), hyper.embeddingLength}, WeightKind::Matrix);
  if (failed())
    return {};
  Location where = location(layer("ffn_gate_inp_shexp"));
  Value weights = DequantizeOp::create(builder, where, stored);
  Value logit = MatmulOp::create(builder, where, x, weights).getResult(0);
  auto router = RouterOp::create(builder, where, logit, Value(), builder.getI64IntegerAttr(1),
                                 GatingAttr::get(builder.getContext(), Gating::Sigmoid), UnitAttr(),
                                 builder.getF32FloatAttr(1), builder.getI64IntegerAttr(1),
                                 builder.getI64IntegerAttr(1));
  return MoeCombineOp::create(builder, where, y, router.getWeights());
}

Value ModelBuilder::mixture(const Layer& layer, Value x, const MixtureForm& form) {
  const MixtureParameters& m = hyper.mixture;
  if (hyper.expertCount == 0)
    fail(hyper.key("expert_count") + " is missing", ErrorCode::Missing);
  Value logits = linear(x, layer("ffn_gate_inp"), hyper.expertCount);
  std::string biasName = layer("exp_probs_b.bias");
  Value bias = hasTensor(biasName) ? vector(biasName, hyper.expertCount) : Value();
  if (failed())
    return {};
  Gating gating = form.gating;
  if (m.gating)
    gating = *m.gating == ExpertGating::Softmax   ? Gating::Softmax
             : *m.gating == ExpertGating::Sigmoid ? Gating::Sigmoid
                                                  : Gating::SoftmaxChosen;
  Location where = location(layer("ffn_router"));
  auto router = RouterOp::create(
      builder, where, logits, bias, builder.getI64IntegerAttr(m.usedCount),
      GatingAttr::get(builder.getContext(), gating),
      m.normalise.value_or(form.normalise) ? builder.getUnitAttr() : UnitAttr(),
      builder.getF32FloatAttr(m.weightsScale.value_or(1)), builder.getI64IntegerAttr(m.groupCount),
      builder.getI64IntegerAttr(m.groupUsedCount));
  Value routes =
      GroupRoutesOp::create(builder, where, router.getExperts(), uint64_t(hyper.expertCount));

  uint64_t size = m.feedForwardLength != 0 ? m.feedForwardLength : layer.feedForwardLength;
  Value gate = expertLinear(x, routes, layer("ffn_gate_exps"), size, hyper.embeddingLength);
  Value up = expertLinear(x, routes, layer("ffn_up_exps"), size, hyper.embeddingLength);
  if (failed())
    return {};
  Value h = GluOp::create(builder, location(layer("ffn_act_exps")), gate, up, form.activation);
  Value down = expertLinear(h, routes, layer("ffn_down_exps"), hyper.embeddingLength, size);
  if (failed())
    return {};
  Value y = MoeCombineOp::create(builder, where, down, router.getWeights());
  uint64_t shared =
      m.sharedFeedForwardLength != 0 ? m.sharedFeedForwardLength : size * m.sharedCount;
  return shared == 0 ? y : add(y, sharedExpert(layer, x, shared));
}

} // namespace chordal::ir
