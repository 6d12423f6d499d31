//===- ChordalGraphOps.cpp - the ops of a model's graph ---------------------------------------===//
//
// Result types and verification of the graph ops.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

using namespace mlir;
using namespace chordal::ir;

//===--- result types -------------------------------------------------------------------------===//
// These run on what a parser has read, before any verification of the operands.

LogicalResult EmbedOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                        Adaptor adaptor, SmallVectorImpl<Type>& types) {
  auto table = dyn_cast<QuantizedType>(adaptor.getTable().getType());
  if (!table || table.getRank() != 2)
    return emitOptionalError(location, "the table must be a quantised matrix of rank 2");
  types.push_back(rowsType(context, rowCount(adaptor.getToken().getType()), table.getColumns()));
  return success();
}

LogicalResult DequantizeOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                             Adaptor adaptor, SmallVectorImpl<Type>& types) {
  auto type = dyn_cast<QuantizedType>(adaptor.getX().getType());
  if (!type)
    return emitOptionalError(location, "only quantised matrices can be dequantised");
  types.push_back(RankedTensorType::get(type.getShape(), Float32Type::get(context)));
  return success();
}

LogicalResult QuantizeOp::verify() {
  QuantizedType result = getResult().getType();
  int64_t columns = columnCount(getX().getType());
  if (columns % 32 != 0)
    return emitOpError() << "cannot quantise rows of " << columns
                         << " features: not a multiple of 32";
  if (result.getColumns() != columns || result.getRows() != rowCount(getX().getType()))
    return emitOpError() << "has a result of type " << result << ", which has not the shape of "
                         << getX().getType();
  return success();
}

LogicalResult MatmulOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                         Adaptor adaptor, SmallVectorImpl<Type>& types) {
  int64_t rows = rowCount(adaptor.getX().getType());
  for (Value weight : adaptor.getWeights()) {
    Type type = weight.getType();
    if (auto quantized = dyn_cast<QuantizedType>(type); quantized && quantized.getRank() == 2)
      types.push_back(rowsType(context, rows, quantized.getRows()));
    else if (isRows(type) && !cast<RankedTensorType>(type).isDynamicDim(0))
      types.push_back(rowsType(context, rows, rowCount(type)));
    else
      return emitOptionalError(location,
                               "a matrix to multiply with must be of rank 2 and static, "
                               "but one is ",
                               type);
  }
  return success();
}

LogicalResult RopeTableOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                            Adaptor adaptor, SmallVectorImpl<Type>& types) {
  Type frequencies = adaptor.getFrequencies().getType();
  if (!isVector(frequencies))
    return emitOptionalError(location, "the frequencies must be a vector of float32");
  types.push_back(rowsType(context, rowCount(adaptor.getPosition().getType()),
                           2 * cast<RankedTensorType>(frequencies).getDimSize(0)));
  return success();
}

/// What partial results of attention have beside the sum of values: a maximum and a sum.
static constexpr int64_t partialExtra = 2;

LogicalResult AttentionOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                            Adaptor adaptor, SmallVectorImpl<Type>& types) {
  Type query = adaptor.getQuery().getType();
  auto state = dyn_cast<KvType>(adaptor.getState().getType());
  if (!isRows(query) || !state)
    return emitOptionalError(location, "attention takes rows of features and a kv state");
  if (columnCount(query) % state.getKeyDim() != 0)
    return emitOptionalError(location, "the query has ", columnCount(query),
                             " features, which is not a whole number of heads of ",
                             state.getKeyDim());
  const int64_t heads = columnCount(query) / state.getKeyDim();
  types.push_back(rowsType(context, rowCount(query),
                           adaptor.getSplits() ? int64_t(*adaptor.getSplits()) * heads *
                                                     (state.getValueDim() + partialExtra)
                                               : heads * state.getValueDim()));
  return success();
}

LogicalResult AttentionCombineOp::inferReturnTypes(MLIRContext* context,
                                                   std::optional<Location> location,
                                                   Adaptor adaptor, SmallVectorImpl<Type>& types) {
  Type partial = adaptor.getPartial().getType();
  auto splits = int64_t(adaptor.getSplits()), dimension = int64_t(adaptor.getHeadDim());
  if (!isRows(partial) || splits < 1 || dimension < 1)
    return emitOptionalError(location, "attention_combine takes rows of partial results of at "
                                       "least one split, of heads of at least one feature");
  if (columnCount(partial) % splits != 0 ||
      columnCount(partial) / splits % (dimension + partialExtra) != 0)
    return emitOptionalError(location, "the partial results have ", columnCount(partial),
                             " features, which is not a whole number of heads of ", dimension,
                             " + ", partialExtra, " in ", splits, " splits");
  types.push_back(rowsType(context, rowCount(partial),
                           columnCount(partial) / splits / (dimension + partialExtra) * dimension));
  return success();
}

LogicalResult GatherRowsOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                             Adaptor adaptor, SmallVectorImpl<Type>& types) {
  auto type = dyn_cast<RankedTensorType>(adaptor.getX().getType());
  if (!type || type.getRank() == 0)
    return emitOptionalError(location, "only rows can be gathered");
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = rowCount(adaptor.getIndex().getType());
  types.push_back(RankedTensorType::get(shape, type.getElementType()));
  return success();
}

//===--- verification -------------------------------------------------------------------------===//

LogicalResult MatmulOp::verify() {
  if (getWeights().empty())
    return emitOpError("must have at least one matrix");
  int64_t columns = columnCount(getX().getType());
  for (auto [index, weight] : llvm::enumerate(getWeights()))
    if (columnCount(weight.getType()) != columns)
      return emitOpError() << "multiplies rows of " << columns << " features with matrix " << index
                           << ", whose rows have " << columnCount(weight.getType());
  return success();
}

/// What norms have in common: the group divides the row, and vectors have one element for each
/// feature of a group, or of the row.
static LogicalResult verifyNorm(Operation* op, Value x,
                                ArrayRef<std::pair<StringRef, Value>> vectors, FloatAttr epsilon,
                                std::optional<int64_t> group) {
  if (!(epsilon.getValueAsDouble() >= 0))
    return op->emitOpError("must have an epsilon that is not negative");
  int64_t columns = columnCount(x.getType());
  if (group && (*group <= 0 || columns % *group != 0))
    return op->emitOpError() << "has groups of " << *group
                             << " features, which do not divide a row of " << columns;
  for (auto [name, vector] : vectors) {
    if (!vector)
      continue;
    int64_t size = cast<RankedTensorType>(vector.getType()).getDimSize(0);
    if (size != group.value_or(columns) && size != columns)
      return op->emitOpError() << "normalises " << group.value_or(columns)
                               << " features together, but its " << name << " has " << size
                               << " elements";
  }
  return success();
}

LogicalResult RmsNormOp::verify() {
  return verifyNorm(*this, getX(), {{"weight", getWeight()}}, getEpsilonAttr(), getGroup());
}

LogicalResult LayerNormOp::verify() {
  return verifyNorm(*this, getX(), {{"weight", getWeight()}, {"bias", getBias()}}, getEpsilonAttr(),
                    getGroup());
}

LogicalResult RopeOp::verify() {
  int64_t features = columnCount(getX().getType());
  int64_t headDim = getHeadDim();
  if (headDim <= 0 || features % headDim != 0)
    return emitOpError() << "has heads of " << headDim << " features, which do not divide a row of "
                         << features;
  int64_t rotated = columnCount(getTable().getType());
  if (rotated % 2 != 0 || rotated > headDim)
    return emitOpError() << "rotates " << rotated
                         << " features of each head, which must be even and at most " << headDim;
  if (rowCount(getX().getType()) != rowCount(getTable().getType()))
    return emitOpError("must have a table with as many rows as x");
  return success();
}

LogicalResult KvAppendOp::verify() {
  KvType state = getState().getType();
  if (rowCount(getKey().getType()) != rowCount(getValue().getType()))
    return emitOpError("must have as many keys as values");
  int64_t keys = state.getHeads() * state.getKeyDim();
  int64_t values = state.getHeads() * state.getValueDim();
  if (columnCount(getKey().getType()) != keys)
    return emitOpError() << "has keys of " << columnCount(getKey().getType())
                         << " features, but the state stores " << keys;
  if (columnCount(getValue().getType()) != values)
    return emitOpError() << "has values of " << columnCount(getValue().getType())
                         << " features, but the state stores " << values;
  return success();
}

LogicalResult AttentionOp::verify() {
  KvType state = getState().getType();
  int64_t heads = columnCount(getQuery().getType()) / state.getKeyDim();
  if (heads % state.getHeads() != 0)
    return emitOpError() << "has " << heads
                         << " query heads, which is not a multiple of the state's "
                         << state.getHeads();
  if (getSoftcapAttr() && !(getSoftcapAttr().getValueAsDouble() > 0))
    return emitOpError("must have a positive softcap");
  if (getWindow() && *getWindow() <= 0)
    return emitOpError("must have a positive window");
  if (getSplits() && *getSplits() <= 0)
    return emitOpError("must have a positive number of splits");
  if (getSinks() && cast<RankedTensorType>(getSinks().getType()).getDimSize(0) != heads)
    return emitOpError() << "has " << heads << " query heads, but "
                         << cast<RankedTensorType>(getSinks().getType()).getDimSize(0) << " sinks";
  return success();
}

LogicalResult ActivateOp::verify() {
  if (getActivation() == Activation::ClampedSwiglu)
    return emitOpError("must have an activation of one value, but clamped_swiglu has two");
  return success();
}

LogicalResult SoftcapOp::verify() {
  if (!(getCapAttr().getValueAsDouble() > 0))
    return emitOpError("must have a positive cap");
  return success();
}

LogicalResult BroadcastOp::verify() {
  int64_t size = cast<RankedTensorType>(getVector().getType()).getDimSize(0);
  if (size != columnCount(getLike().getType()))
    return emitOpError() << "repeats a vector of " << size << " elements for rows of "
                         << columnCount(getLike().getType());
  return success();
}
