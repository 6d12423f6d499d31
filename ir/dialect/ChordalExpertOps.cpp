//===- ChordalExpertOps.cpp - mixtures of experts, and matrices per head ----------------------===//
//
// Result types and verification of the ops of ChordalExpertOps.td.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

using namespace mlir;
using namespace chordal::ir;

/// Whether rows of routes have this many integers for some K.
static bool isRoutes(Type type) {
  auto tensor = dyn_cast_or_null<RankedTensorType>(type);
  return isIdRows(tensor) && tensor.getDimSize(1) >= 5 && (tensor.getDimSize(1) - 2) % 3 == 0;
}
static int64_t usedOf(Type routes) {
  return (cast<RankedTensorType>(routes).getDimSize(1) - 2) / 3;
}

/// [E, R, C] of a matrix per expert; empty if the type is something else.
static ArrayRef<int64_t> shapeOf(Type type) {
  ArrayRef<int64_t> shape;
  if (auto quantized = dyn_cast_or_null<QuantizedType>(type); quantized && isWeights(type))
    shape = quantized.getShape();
  else if (isDense(type))
    shape = cast<RankedTensorType>(type).getShape();
  if (shape.size() != 3 || llvm::any_of(shape, ShapedType::isDynamic))
    return {};
  return shape;
}

static Type idRowsType(MLIRContext* context, int64_t rows, int64_t columns) {
  return RankedTensorType::get({rows, columns}, IntegerType::get(context, 32));
}

//===--- result types -------------------------------------------------------------------------===//

LogicalResult RouterOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                         Adaptor adaptor, SmallVectorImpl<Type>& types) {
  int64_t rows = rowCount(adaptor.getLogits().getType());
  int64_t used = int64_t(adaptor.getUsed());
  if (used <= 0)
    return emitOptionalError(location, "a token must use at least one expert");
  types.push_back(idRowsType(context, rows, used));
  types.push_back(rowsType(context, rows, used));
  return success();
}

LogicalResult GroupRoutesOp::inferReturnTypes(MLIRContext* context,
                                              std::optional<Location> location, Adaptor adaptor,
                                              SmallVectorImpl<Type>& types) {
  Type experts = adaptor.getExperts().getType();
  if (!isIdRows(experts))
    return emitOptionalError(location, "only rows of experts can be grouped");
  types.push_back(idRowsType(context, rowCount(experts),
                             3 * cast<RankedTensorType>(experts).getDimSize(1) + 2));
  return success();
}

LogicalResult MoeMatmulOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                            Adaptor adaptor, SmallVectorImpl<Type>& types) {
  Type routes = adaptor.getRoutes().getType();
  if (!isRoutes(routes))
    return emitOptionalError(location, "routes must be those of group_routes, but they are ",
                             routes);
  for (Value weight : adaptor.getWeights()) {
    ArrayRef<int64_t> shape = shapeOf(weight.getType());
    if (shape.empty())
      return emitOptionalError(location,
                               "the matrices of experts must be static and of rank 3, "
                               "but one is ",
                               weight.getType());
    types.push_back(
        rowsType(context, rowCount(adaptor.getX().getType()), usedOf(routes) * shape[1]));
  }
  return success();
}

LogicalResult MoeCombineOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                             Adaptor adaptor, SmallVectorImpl<Type>& types) {
  int64_t columns = columnCount(adaptor.getX().getType());
  int64_t used = columnCount(adaptor.getWeights().getType());
  if (used <= 0 || columns % used != 0)
    return emitOptionalError(location, "rows of ", columns, " features cannot be parted among ",
                             used, " experts");
  types.push_back(rowsType(context, rowCount(adaptor.getX().getType()), columns / used));
  return success();
}

LogicalResult HeadMatmulOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                             Adaptor adaptor, SmallVectorImpl<Type>& types) {
  ArrayRef<int64_t> shape = shapeOf(adaptor.getWeight().getType());
  if (shape.empty())
    return emitOptionalError(location,
                             "the matrices of heads must be static and of rank 3, but "
                             "they are ",
                             adaptor.getWeight().getType());
  types.push_back(rowsType(context, rowCount(adaptor.getX().getType()), shape[0] * shape[1]));
  return success();
}

LogicalResult HeadSliceOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                            Adaptor adaptor, SmallVectorImpl<Type>& types) {
  int64_t columns = columnCount(adaptor.getX().getType());
  int64_t headDim = int64_t(adaptor.getHeadDim()), begin = int64_t(adaptor.getBegin()),
          size = int64_t(adaptor.getSize());
  if (headDim <= 0 || columns % headDim != 0)
    return emitOptionalError(location, "rows of ", columns,
                             " features are not a whole number of heads of ", headDim);
  if (begin < 0 || size <= 0 || size > headDim || begin > headDim - size)
    return emitOptionalError(location, "the features ", begin, " to ", begin + size,
                             " are not all of a head of ", headDim);
  types.push_back(rowsType(context, rowCount(adaptor.getX().getType()), columns / headDim * size));
  return success();
}

LogicalResult HeadJoinOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                           Adaptor adaptor, SmallVectorImpl<Type>& types) {
  int64_t first = columnCount(adaptor.getFirst().getType()),
          second = columnCount(adaptor.getSecond().getType()), heads = int64_t(adaptor.getHeads());
  if (heads <= 0 || first % heads != 0 || second % heads != 0)
    return emitOptionalError(location, "rows of ", first, " and ", second,
                             " features are not both of ", heads, " heads");
  types.push_back(rowsType(context, rowCount(adaptor.getFirst().getType()), first + second));
  return success();
}

//===--- verification -------------------------------------------------------------------------===//

LogicalResult RouterOp::verify() {
  int64_t experts = columnCount(getLogits().getType());
  int64_t groups = int64_t(getGroups()), groupsUsed = int64_t(getGroupsUsed());
  if (getBias() && cast<RankedTensorType>(getBias().getType()).getDimSize(0) != experts)
    return emitOpError() << "has logits of " << experts << " experts, but a bias of "
                         << cast<RankedTensorType>(getBias().getType()).getDimSize(0);
  if (groups <= 0 || experts % groups != 0)
    return emitOpError() << "has " << experts << " experts, which cannot be cut into " << groups
                         << " groups";
  if (groupsUsed <= 0 || groupsUsed > groups)
    return emitOpError() << "uses " << groupsUsed << " of " << groups << " groups of experts";
  if (int64_t(getUsed()) > experts / groups * groupsUsed)
    return emitOpError() << "uses " << getUsed() << " of " << experts / groups * groupsUsed
                         << " experts";
  return success();
}

LogicalResult GroupRoutesOp::verify() {
  if (int64_t(getCount()) <= 0)
    return emitOpError("must have at least one expert");
  return success();
}

int64_t MoeMatmulOp::getUsed() {
  return usedOf(getRoutes().getType());
}

bool MoeMatmulOp::hasSharedInput() {
  return columnCount(getX().getType()) == shapeOf(getWeights()[0].getType())[2];
}

LogicalResult MoeMatmulOp::verify() {
  if (getWeights().empty())
    return emitOpError("must have at least one matrix per expert");
  if (!getBiases().empty() && getBiases().size() != getWeights().size())
    return emitOpError() << "has " << getWeights().size() << " weights, but " << getBiases().size()
                         << " biases";
  int64_t columns = columnCount(getX().getType());
  ArrayRef<int64_t> first = shapeOf(getWeights()[0].getType());
  for (auto [index, weight] : llvm::enumerate(getWeights())) {
    ArrayRef<int64_t> shape = shapeOf(weight.getType());
    if (shape[0] != first[0] || shape[2] != first[2])
      return emitOpError() << "has weights of different numbers of experts or columns (0 and "
                           << index << ")";
    if (columns != shape[2] && columns != getUsed() * shape[2])
      return emitOpError() << "multiplies rows of " << columns << " features for " << getUsed()
                           << " experts with matrices whose rows have " << shape[2];
  }
  for (auto [index, bias] : llvm::enumerate(getBiases())) {
    auto type = cast<QuantizedType>(bias.getType());
    ArrayRef<int64_t> shape = shapeOf(getWeights()[index].getType());
    if (type.getShape() != shape.take_front(2) || type.getFormat() != "F32")
      return emitOpError() << "must have biases of type !chordal.quantized<" << shape[0] << "x"
                           << shape[1] << ", \"F32\">, but bias " << index << " is " << type;
  }
  return success();
}

LogicalResult HeadMatmulOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getWeight().getType());
  if (columnCount(getX().getType()) != shape[0] * shape[2])
    return emitOpError() << "multiplies rows of " << columnCount(getX().getType())
                         << " features with the matrices of " << shape[0] << " heads of "
                         << shape[2];
  return success();
}
