//===- ChordalTypes.cpp - types of the dialect ------------------------------------------------===//
//
// Text, verification and queries of the types.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalTypes.h"

#include "ir/dialect/ChordalDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace chordal::ir;

#define GET_TYPEDEF_CLASSES
#include "ir/dialect/ChordalTypes.cpp.inc"

void ChordalDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/dialect/ChordalTypes.cpp.inc"
      >();
}

//===--- quantized ----------------------------------------------------------------------------===//

Type QuantizedType::parse(AsmParser& parser) {
  SmallVector<int64_t> shape;
  std::string format, layout = fileLayout.str();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/true, /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseString(&format))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseString(&layout))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<QuantizedType>(parser.getContext(), shape, format, layout);
}

void QuantizedType::print(AsmPrinter& printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << ", \"" << getFormat() << "\"";
  if (getLayout() != fileLayout)
    printer << ", \"" << getLayout() << "\"";
  printer << ">";
}

LogicalResult QuantizedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                    ArrayRef<int64_t> shape, StringRef format, StringRef layout) {
  if (shape.size() != 2 && shape.size() != 3)
    return emitError() << "a quantized matrix has 2 dimensions, or 3 with experts, but this has "
                       << shape.size();
  if (layout.empty())
    return emitError() << "the layout of a quantized matrix must have a name";
  int64_t columns = shape.back();
  if (isActivationFormat(format)) {
    if (shape.size() != 2)
      return emitError() << "activations (" << format << ") have 2 dimensions, but this has "
                         << shape.size();
    if (ShapedType::isDynamic(columns) || columns <= 0 || columns % 32 != 0)
      return emitError() << "a row of " << format << " is a positive multiple of 32 features";
    if (!ShapedType::isDynamic(shape[0]) && shape[0] <= 0)
      return emitError() << "dimensions must be positive";
    return success();
  }
  std::optional<Format> known = formatFromName(format);
  if (!known || formatInfo(*known).kind == FormatKind::Integer)
    return emitError() << "'" << format << "' is not a format of weight matrices";
  const FormatInfo& info = formatInfo(*known);
  if (format != StringRef(info.name))
    return emitError() << "format '" << format << "' must be written '" << StringRef(info.name)
                       << "'";
  for (int64_t size : shape)
    if (ShapedType::isDynamic(size) || size <= 0)
      return emitError() << "dimensions of weights must be static and positive";
  if (columns % info.weightsPerBlock != 0)
    return emitError() << "a row of " << columns << " weights is not a whole number of " << format
                       << " blocks (" << info.weightsPerBlock << " weights)";
  return success();
}

const chordal::FormatInfo* QuantizedType::getFormatInfo() const {
  if (isActivation())
    return nullptr;
  return &formatInfo(*formatFromName(getFormat()));
}

int64_t QuantizedType::getByteSize() const {
  const FormatInfo* info = getFormatInfo();
  assert(info && "activations have no size in a file");
  int64_t weights = 1;
  for (int64_t size : getShape())
    weights *= size;
  return weights / info->weightsPerBlock * info->bytesPerBlock;
}

//===--- kv -----------------------------------------------------------------------------------===//

Type KvType::parse(AsmParser& parser) {
  int64_t heads = 0, keyDim = 0, valueDim = 0;
  Type keyType, valueType;
  if (parser.parseLess() || parser.parseInteger(heads) || parser.parseKeyword("x") ||
      parser.parseInteger(keyDim))
    return {};
  valueDim = keyDim;
  if (succeeded(parser.parseOptionalSlash()) && parser.parseInteger(valueDim))
    return {};
  if (parser.parseComma() || parser.parseKeyword("k") || parser.parseEqual() ||
      parser.parseType(keyType) || parser.parseComma() || parser.parseKeyword("v") ||
      parser.parseEqual() || parser.parseType(valueType) || parser.parseGreater())
    return {};
  return parser.getChecked<KvType>(parser.getContext(), heads, keyDim, valueDim, keyType,
                                   valueType);
}

void KvType::print(AsmPrinter& printer) const {
  printer << "<" << getHeads() << " x " << getKeyDim();
  if (getValueDim() != getKeyDim())
    printer << " / " << getValueDim();
  printer << ", k = " << getKeyType() << ", v = " << getValueType() << ">";
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t heads,
                             int64_t keyDim, int64_t valueDim, Type keyType, Type valueType) {
  if (heads <= 0 || keyDim <= 0 || valueDim <= 0)
    return emitError() << "heads and head dimensions must be positive";
  for (Type type : {keyType, valueType})
    if (!type.isF16() && !type.isF32())
      return emitError() << "keys and values are f16 or f32, not " << type;
  return success();
}

//===--- predicates ---------------------------------------------------------------------------===//

static bool isTensor(Type type, size_t rank, bool (*element)(Type)) {
  auto tensor = dyn_cast_or_null<RankedTensorType>(type);
  return tensor && tensor.getShape().size() == rank && !tensor.getEncoding() &&
         element(tensor.getElementType());
}
static bool isFloat32(Type type) {
  return type.isF32();
}
static bool isInt32(Type type) {
  return type.isSignlessInteger(32);
}

bool chordal::ir::isRows(Type type) {
  return isTensor(type, 2, isFloat32) && !cast<RankedTensorType>(type).isDynamicDim(1);
}
bool chordal::ir::isVector(Type type) {
  return isTensor(type, 1, isFloat32) && !cast<RankedTensorType>(type).isDynamicDim(0);
}
bool chordal::ir::isIds(Type type) {
  return isTensor(type, 1, isInt32);
}
bool chordal::ir::isIdRows(Type type) {
  return isTensor(type, 2, isInt32) && !cast<RankedTensorType>(type).isDynamicDim(1);
}
bool chordal::ir::isGatherable(Type type) {
  return isRows(type) || isIds(type);
}
bool chordal::ir::isDense(Type type) {
  return isTensor(type, 2, isFloat32) || isTensor(type, 3, isFloat32);
}
bool chordal::ir::isActivations(Type type) {
  auto quantized = dyn_cast_or_null<QuantizedType>(type);
  return quantized && quantized.isActivation();
}
bool chordal::ir::isWeights(Type type) {
  auto quantized = dyn_cast_or_null<QuantizedType>(type);
  return quantized && !quantized.isActivation();
}

RankedTensorType chordal::ir::rowsType(MLIRContext* context, int64_t rows, int64_t columns) {
  return RankedTensorType::get({rows, columns}, Float32Type::get(context));
}

Type chordal::ir::idsOfRows(Type rows) {
  return RankedTensorType::get({rowCount(rows)}, IntegerType::get(rows.getContext(), 32));
}

int64_t chordal::ir::rowCount(Type type) {
  if (auto tensor = dyn_cast_or_null<RankedTensorType>(type); tensor && tensor.getRank() > 0)
    return tensor.getDimSize(0);
  if (isActivations(type))
    return cast<QuantizedType>(type).getRows();
  return ShapedType::kDynamic;
}

int64_t chordal::ir::columnCount(Type type) {
  if (isRows(type))
    return cast<RankedTensorType>(type).getDimSize(1);
  if (auto quantized = dyn_cast_or_null<QuantizedType>(type))
    return quantized.getColumns();
  return -1;
}
