//===- Evaluator.cpp - runs ops ---------------------------------------------------------------===//
//
// One case for each op of the dialect. The IR has been verified: what it promises about types is
// not checked again; what depends on inputs is.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Evaluator.h"

#include "ir/reference/Experts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace chordal::reference {

using Data = std::vector<Datum>;

static Datum shared(Floats values) {
  return std::make_shared<const Floats>(std::move(values));
}
static Datum shared(Ints values) {
  return std::make_shared<const Ints>(std::move(values));
}
static Data one(Datum datum) {
  return {std::move(datum)};
}

static float toFloat(FloatAttr attribute) {
  return attribute.getValue().convertToFloat();
}

static Function toFunction(ir::Activation activation) {
  switch (activation) {
  case ir::Activation::Silu:
    return Function::Silu;
  case ir::Activation::Gelu:
    return Function::Gelu;
  case ir::Activation::GeluTanh:
    return Function::GeluTanh;
  case ir::Activation::Relu:
    return Function::Relu;
  case ir::Activation::ClampedSwiglu:
    break; // a function of two values, which glu computes itself
  }
  llvm_unreachable("all activations are listed");
}

/// Applies a function of doubles to each element.
template <typename F> static Floats map(const Floats& x, F function) {
  Floats y = Floats::from_shape(x.shape());
  for (size_t i = 0; i < x.size(); ++i)
    y.data()[i] = float(function(double(x.data()[i])));
  return y;
}

/// Rows `index` of x, one row being all dimensions but the first.
template <typename Array> static Result<Array> gather(const Array& x, const Ints& index) {
  auto shape = x.shape();
  size_t rows = shape[0], width = rows == 0 ? 0 : x.size() / rows;
  shape[0] = index.size();
  Array y = Array::from_shape(shape);
  for (size_t i = 0; i < index.size(); ++i) {
    int64_t row = index.data()[i];
    if (row < 0 || size_t(row) >= rows)
      return Error{"there is no row " + std::to_string(row) + " among " + std::to_string(rows),
                   ErrorCode::OutOfRange};
    std::copy_n(x.data() + size_t(row) * width, width, y.data() + i * width);
  }
  return y;
}

static Result<Floats> fromAttribute(ElementsAttr attribute) {
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense || !dense.getElementType().isF32())
    return Error{"a constant must hold dense float32 elements", ErrorCode::Unsupported};
  auto type = dense.getType();
  Floats values =
      Floats::from_shape(std::vector<size_t>(type.getShape().begin(), type.getShape().end()));
  std::copy(dense.value_begin<float>(), dense.value_end<float>(), values.data());
  return values;
}

Result<SharedFloats> Evaluator::matrix(mlir::Value value) {
  if (auto* name = std::get_if<WeightName>(&get(value)))
    return weights.decoded(name->name);
  return std::get<SharedFloats>(get(value));
}

Result<Data> Evaluator::runRegion(Region& region, OperandRange inputs) {
  Data arguments;
  for (mlir::Value input : inputs)
    arguments.push_back(get(input));
  return run(region.front(), arguments);
}

Result<Data> Evaluator::run(Block& block, const Data& arguments) {
  for (auto [argument, datum] : llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = datum;
  for (Operation& op : block.without_terminator()) {
    Result<Data> results = evaluate(&op);
    if (!results)
      return Error{op.getName().getStringRef().str() + ": " + results.error().message,
                   results.error().code};
    for (auto [value, datum] : llvm::zip_equal(op.getResults(), *results))
      values[value] = datum;
    if (observer)
      observer(&op, *results);
  }
  Data results;
  for (mlir::Value value : block.getTerminator()->getOperands())
    results.push_back(get(value));
  return results;
}

Result<Data> Evaluator::evaluate(Operation* op) {
  return llvm::TypeSwitch<Operation*, Result<Data>>(op)
      //===--- symbols ------------------------------------------------------------------------===//
      .Case([&](ir::LoadWeightOp load) -> Result<Data> {
        if (isa<ir::QuantizedType>(load.getType()))
          return one(WeightName{load.getName().str()});
        auto vector = weights.decoded(load.getName());
        if (!vector)
          return vector.error();
        return one(*vector);
      })
      .Case([&](ir::LoadConstantOp load) -> Result<Data> {
        auto constant =
            SymbolTable::lookupNearestSymbolFrom<ir::ConstantOp>(load, load.getNameAttr());
        auto elements = fromAttribute(constant.getValue());
        if (!elements)
          return elements.error();
        return one(shared(*std::move(elements)));
      })
      .Case([&](arith::ConstantOp constant) -> Result<Data> {
        auto attribute = dyn_cast<ElementsAttr>(constant.getValue());
        if (!attribute)
          return Error{"only constants that are tensors are known", ErrorCode::Unsupported};
        auto elements = fromAttribute(attribute);
        if (!elements)
          return elements.error();
        return one(shared(*std::move(elements)));
      })
      //===--- matrices -----------------------------------------------------------------------===//
      .Case([&](ir::EmbedOp embed) -> Result<Data> {
        auto rows = weights.decodedRows(std::get<WeightName>(get(embed.getTable())).name,
                                        ints(embed.getToken()));
        if (!rows)
          return rows.error();
        return one(shared(*std::move(rows)));
      })
      .Case([&](ir::DequantizeOp dequantize) -> Result<Data> {
        auto decoded = matrix(dequantize.getX());
        if (!decoded)
          return decoded.error();
        return one(*decoded);
      })
      .Case([&](ir::QuantizeOp quantize) -> Result<Data> {
        StringRef format = quantize.getResult().getType().getFormat();
        const Floats& x = floats(quantize.getX());
        if (format == ir::QuantizedType::q8Format)
          return one(shared(roundToQ8(x)));
        Floats high = roundToBfloat(x);
        if (format == ir::QuantizedType::bfloatFormat)
          return one(shared(std::move(high)));
        Floats rest = x - high;
        return one(shared(Floats(high + roundToBfloat(rest))));
      })
      .Case([&](ir::MatmulOp multiply) -> Result<Data> {
        Data results;
        for (mlir::Value weight : multiply.getWeights()) {
          auto decoded = matrix(weight);
          if (!decoded)
            return decoded.error();
          results.push_back(shared(matmul(floats(multiply.getX()), **decoded)));
        }
        return results;
      })
      //===--- norms --------------------------------------------------------------------------===//
      .Case([&](ir::RmsNormOp norm) -> Result<Data> {
        const Floats& x = floats(norm.getX());
        const Floats* weight = norm.getWeight() ? &floats(norm.getWeight()) : nullptr;
        return one(shared(rmsNorm(x, weight, toFloat(norm.getEpsilonAttr()),
                                  norm.getGroup().value_or(x.shape(1)))));
      })
      .Case([&](ir::LayerNormOp norm) -> Result<Data> {
        const Floats& x = floats(norm.getX());
        const Floats* bias = norm.getBias() ? &floats(norm.getBias()) : nullptr;
        return one(
            shared(layerNorm(x, floats(norm.getWeight()), bias, toFloat(norm.getEpsilonAttr()),
                             norm.getGroup().value_or(x.shape(1)))));
      })
      //===--- rotary position embedding, attention -------------------------------------------===//
      .Case([&](ir::RopeTableOp table) -> Result<Data> {
        return one(shared(ropeTable(ints(table.getPosition()), floats(table.getFrequencies()),
                                    toFloat(table.getMagnitudeAttr()))));
      })
      .Case([&](ir::RopeOp rotate) -> Result<Data> {
        return one(
            shared(rope(floats(rotate.getX()), floats(rotate.getTable()), rotate.getHeadDim(),
                        rotate.getStyle() == ir::RopeStyle::HalfSplit)));
      })
      .Case([&](ir::KvAppendOp store) -> Result<Data> {
        const Ints& position = ints(store.getPosition());
        for (int32_t p : position)
          if (p < 0)
            return Error{"position " + std::to_string(p) + " is negative", ErrorCode::OutOfRange};
        auto* state = std::get<KvStore*>(get(store.getState()));
        append(*state, floats(store.getKey()), floats(store.getValue()), position,
               ints(store.getSequence()));
        return one(state);
      })
      .Case([&](ir::AttentionOp attend) -> Result<Data> {
        const KvStore& store = *std::get<KvStore*>(get(attend.getState()));
        const Ints& position = ints(attend.getPosition());
        const Ints& sequence = ints(attend.getSequence());
        AttentionSettings settings;
        settings.scale = toFloat(attend.getScaleAttr());
        if (attend.getSoftcapAttr())
          settings.softcap = toFloat(attend.getSoftcapAttr());
        if (attend.getWindow())
          settings.window = *attend.getWindow();
        if (attend.getSinks())
          settings.sinks = &floats(attend.getSinks());
        settings.splits = size_t(attend.getSplits().value_or(0));
        std::string missing = missingPosition(store, position, sequence, settings.window);
        if (!missing.empty())
          return Error{missing, ErrorCode::OutOfRange};
        return one(
            shared(attention(floats(attend.getQuery()), store, position, sequence, settings)));
      })
      .Case([&](ir::AttentionCombineOp combine) -> Result<Data> {
        return one(
            shared(attentionCombine(floats(combine.getPartial()), size_t(combine.getSplits()),
                                    size_t(combine.getHeadDim()))));
      })
      //===--- experts and heads --------------------------------------------------------------===//
      .Case([&](ir::RouterOp router) -> Result<Data> {
        const Floats* bias = router.getBias() ? &floats(router.getBias()) : nullptr;
        RouterSettings settings;
        settings.used = router.getUsed();
        settings.gating = RouterSettings::Gating(router.getGating());
        settings.normalise = router.getNormalise();
        settings.scale = toFloat(router.getScaleAttr());
        settings.groups = router.getGroups();
        settings.groupsUsed = router.getGroupsUsed();
        auto [experts, weights] = route(floats(router.getLogits()), bias, settings);
        return Data{shared(std::move(experts)), shared(std::move(weights))};
      })
      .Case([&](ir::GroupRoutesOp group) -> Result<Data> {
        const Ints& experts = ints(group.getExperts());
        for (int32_t expert : experts)
          if (expert < 0 || uint64_t(expert) >= group.getCount())
            return Error{"there is no expert " + std::to_string(expert), ErrorCode::OutOfRange};
        return one(shared(groupRoutes(experts, group.getCount())));
      })
      .Case([&](ir::MoeMatmulOp multiply) -> Result<Data> {
        Data results;
        for (auto [index, weight] : llvm::enumerate(multiply.getWeights())) {
          auto decoded = matrix(weight);
          if (!decoded)
            return decoded.error();
          SharedFloats bias;
          if (!multiply.getBiases().empty()) {
            auto added = matrix(multiply.getBiases()[index]);
            if (!added)
              return added.error();
            bias = *added;
          }
          results.push_back(shared(expertMatmul(floats(multiply.getX()), ints(multiply.getRoutes()),
                                                **decoded, bias.get())));
        }
        return results;
      })
      .Case([&](ir::MoeCombineOp sum) -> Result<Data> {
        return one(shared(combine(floats(sum.getX()), floats(sum.getWeights()))));
      })
      .Case([&](ir::HeadMatmulOp multiply) -> Result<Data> {
        auto decoded = matrix(multiply.getWeight());
        if (!decoded)
          return decoded.error();
        return one(shared(headMatmul(floats(multiply.getX()), **decoded)));
      })
      .Case([&](ir::HeadSliceOp slice) -> Result<Data> {
        return one(shared(headSlice(floats(slice.getX()), slice.getHeadDim(), slice.getBegin(),
                                    slice.getSize())));
      })
      .Case([&](ir::HeadJoinOp join) -> Result<Data> {
        return one(
            shared(headJoin(floats(join.getFirst()), floats(join.getSecond()), join.getHeads())));
      })
      //===--- element-wise and rows ----------------------------------------------------------===//
      .Case([&](ir::GluOp glu) -> Result<Data> {
        const Floats& up = floats(glu.getUp());
        if (glu.getActivation() == ir::Activation::ClampedSwiglu) {
          size_t at = 0;
          return one(shared(map(floats(glu.getGate()), [&](double gate) {
            return clampedSwiglu(gate, double(up.data()[at++]));
          })));
        }
        Function function = toFunction(glu.getActivation());
        size_t i = 0;
        return one(shared(map(floats(glu.getGate()), [&](double gate) {
          return activation(function, gate) * double(up.data()[i++]);
        })));
      })
      .Case([&](ir::ActivateOp activate) -> Result<Data> {
        Function function = toFunction(activate.getActivation());
        return one(shared(
            map(floats(activate.getX()), [&](double x) { return activation(function, x); })));
      })
      .Case([&](ir::ScaleOp scale) -> Result<Data> {
        return one(shared(Floats(floats(scale.getX()) * toFloat(scale.getFactorAttr()))));
      })
      .Case([&](ir::SoftcapOp softcap) -> Result<Data> {
        double cap = toFloat(softcap.getCapAttr());
        return one(shared(
            map(floats(softcap.getX()), [&](double x) { return cap * std::tanh(x / cap); })));
      })
      .Case([&](ir::BroadcastOp broadcast) -> Result<Data> {
        const Floats& vector = floats(broadcast.getVector());
        return one(shared(Floats(xt::broadcast(vector, floats(broadcast.getLike()).shape()))));
      })
      .Case([&](ir::GatherRowsOp gathering) -> Result<Data> {
        const Ints& index = ints(gathering.getIndex());
        if (std::holds_alternative<SharedInts>(get(gathering.getX()))) {
          auto rows = gather(ints(gathering.getX()), index);
          if (!rows)
            return rows.error();
          return one(shared(*std::move(rows)));
        }
        auto rows = gather(floats(gathering.getX()), index);
        if (!rows)
          return rows.error();
        return one(shared(*std::move(rows)));
      })
      //===--- regions and schedule -----------------------------------------------------------===//
      .Case([&](ir::FusedOp fused) -> Result<Data> {
        return runRegion(fused.getBody(), fused.getInputs());
      })
      .Case([&](ir::DispatchOp dispatch) -> Result<Data> {
        return runRegion(dispatch.getBody(), dispatch.getInputs());
      })
      .Case<ir::ArenaOp, ir::SliceOp, ir::PrefetchOp>(
          [&](auto) -> Result<Data> { return one(Handle()); })
      .Case<ir::AwaitOp, ir::ReleaseOp>([&](auto) -> Result<Data> { return Data(); })
      //===--- other dialects -----------------------------------------------------------------===//
      .Default([&](Operation* other) -> Result<Data> {
        std::vector<SharedFloats> operands;
        for (mlir::Value operand : other->getOperands()) {
          auto* value = std::get_if<SharedFloats>(&get(operand));
          if (!value)
            return Error{"the interpreter does not know this op", ErrorCode::Unsupported};
          operands.push_back(*value);
        }
        auto result = evaluateElementwise(other, operands);
        if (!result)
          return result.error();
        return one(*result);
      });
}

} // namespace chordal::reference
