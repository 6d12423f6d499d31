//===- ChordalRegionOps.cpp - fused and dispatch ----------------------------------------------===//
//
// Text, builders and verification of the two ops that hold the ops they stand for.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace chordal::ir;

/// Gives the op its region with one argument for each input.
static void buildRegion(OpBuilder& builder, OperationState& state, ValueRange inputs) {
  Block& block = state.addRegion()->emplaceBlock();
  for (Value input : inputs)
    block.addArgument(input.getType(), input.getLoc());
}

/// `(%a = %x, ...) : (types) -> types [attributes {...}] {region}`.
static ParseResult parseRegionOp(OpAsmParser& parser, OperationState& state,
                                 SmallVectorImpl<Value>& inputs) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseAssignmentList(arguments, operands) || parser.parseColonType(type))
    return failure();
  if (type.getNumInputs() != arguments.size())
    return parser.emitError(at) << "there are " << arguments.size() << " inputs, but "
                                << type.getNumInputs() << " types";
  for (auto [argument, argumentType] : llvm::zip(arguments, type.getInputs()))
    argument.type = argumentType;
  state.addTypes(type.getResults());
  return failure(parser.resolveOperands(operands, type.getInputs(), at, inputs) ||
                 parser.parseOptionalAttrDictWithKeyword(state.attributes) ||
                 parser.parseRegion(*state.addRegion(), arguments));
}

static void printRegionOp(OpAsmPrinter& printer, Operation* op, ValueRange inputs,
                          ArrayRef<StringRef> elided) {
  Region& region = op->getRegion(0);
  printer << " (";
  llvm::interleaveComma(llvm::zip(region.getArguments(), inputs), printer, [&](auto pair) {
    printer << std::get<0>(pair) << " = " << std::get<1>(pair);
  });
  printer << ") : ";
  printer.printFunctionalType(inputs.getTypes(), op->getResultTypes());
  printer.printOptionalAttrDictWithKeyword(op->getAttrs(), elided);
  printer << " ";
  printer.printRegion(region, /*printEntryBlockArgs=*/false);
}

/// The region's arguments are the inputs, what it yields are the results.
template <typename RegionOp> static LogicalResult verifyRegion(RegionOp op) {
  Block& block = op.getBlock();
  if (block.getNumArguments() != op.getInputs().size())
    return op.emitOpError() << "has " << op.getInputs().size() << " inputs, but its region has "
                            << block.getNumArguments() << " arguments";
  for (auto [index, argument, input] : llvm::enumerate(block.getArguments(), op.getInputs()))
    if (argument.getType() != input.getType())
      return op.emitOpError() << "has input " << index << " of type " << input.getType()
                              << ", but the argument has type " << argument.getType();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op.emitOpError("must end in chordal.yield");
  if (yield.getValues().getTypes() != op.getResultTypes())
    return yield.emitOpError() << "yields other types than the results of '" << op->getName()
                               << "'";
  return success();
}

//===--- fused --------------------------------------------------------------------------------===//

void FusedOp::build(OpBuilder& builder, OperationState& state, TypeRange results, StringRef kind,
                    ValueRange inputs) {
  state.addTypes(results);
  state.addOperands(inputs);
  state.getOrAddProperties<Properties>().kind = builder.getStringAttr(kind);
  buildRegion(builder, state, inputs);
}

ParseResult FusedOp::parse(OpAsmParser& parser, OperationState& state) {
  StringAttr kind;
  SmallVector<Value> inputs;
  if (parser.parseAttribute(kind) || parseRegionOp(parser, state, inputs))
    return failure();
  state.addOperands(inputs);
  state.getOrAddProperties<Properties>().kind = kind;
  return success();
}

void FusedOp::print(OpAsmPrinter& printer) {
  printer << " " << getKindAttr();
  printRegionOp(printer, *this, getInputs(), {getKindAttrName()});
}

YieldOp FusedOp::getYield() {
  return cast<YieldOp>(getBlock().getTerminator());
}

LogicalResult FusedOp::verifyRegions() {
  return verifyRegion(*this);
}

//===--- dispatch -----------------------------------------------------------------------------===//

void DispatchOp::build(OpBuilder& builder, OperationState& state, TypeRange results, int64_t id,
                       StringRef device, RowKind rows, ValueRange inputs) {
  state.addTypes(results);
  state.addOperands(inputs);
  Properties& properties = state.getOrAddProperties<Properties>();
  properties.id = builder.getI64IntegerAttr(id);
  properties.kernels = builder.getArrayAttr({});
  properties.device = builder.getStringAttr(device);
  properties.rows = RowKindAttr::get(builder.getContext(), rows);
  properties.operandSegmentSizes = {static_cast<int32_t>(inputs.size()), 0};
  buildRegion(builder, state, inputs);
}

ParseResult DispatchOp::parse(OpAsmParser& parser, OperationState& state) {
  Builder& builder = parser.getBuilder();
  IntegerAttr id;
  ArrayAttr kernels;
  StringAttr device;
  if (parser.parseAttribute(id, builder.getI64Type()) || parser.parseKeyword("kernels") ||
      parser.parseLParen() || parser.parseAttribute(kernels) || parser.parseRParen() ||
      parser.parseKeyword("device") || parser.parseLParen() || parser.parseAttribute(device) ||
      parser.parseRParen() || parser.parseKeyword("rows") || parser.parseLParen())
    return failure();
  StringRef word;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  std::optional<RowKind> rows = symbolizeRowKind(word);
  if (!rows)
    return parser.emitError(at) << "rows are tokens or outputs, not '" << word << "'";
  if (parser.parseRParen())
    return failure();

  SmallVector<OpAsmParser::UnresolvedOperand> sliceNames;
  if (succeeded(parser.parseOptionalKeyword("into")) &&
      parser.parseOperandList(sliceNames, OpAsmParser::Delimiter::Paren))
    return failure();
  SmallVector<int64_t> after;
  if (succeeded(parser.parseOptionalKeyword("after"))) {
    auto parseId = [&] { return parser.parseInteger(after.emplace_back()); };
    if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseId))
      return failure();
  }

  SmallVector<Value> inputs, slices;
  if (parseRegionOp(parser, state, inputs) ||
      parser.resolveOperands(sliceNames, builder.getType<SliceType>(), slices))
    return failure();
  state.addOperands(inputs);
  state.addOperands(slices);

  Properties& properties = state.getOrAddProperties<Properties>();
  // Settings given as attributes stay there; they move into the properties when the op is made.
  properties.id = id;
  properties.kernels = kernels;
  properties.device = device;
  properties.rows = RowKindAttr::get(builder.getContext(), *rows);
  if (!after.empty())
    properties.after = builder.getDenseI64ArrayAttr(after);
  properties.operandSegmentSizes = {static_cast<int32_t>(inputs.size()),
                                    static_cast<int32_t>(slices.size())};
  return success();
}

void DispatchOp::print(OpAsmPrinter& printer) {
  printer << " " << getId() << " kernels(" << getKernelsAttr() << ") device(" << getDeviceAttr()
          << ") rows(" << stringifyEnum(getRows()) << ")";
  if (!getSlices().empty())
    printer << " into(" << getSlices() << ")";
  if (getAfter() && !getAfter()->empty()) {
    printer << " after(";
    llvm::interleaveComma(*getAfter(), printer);
    printer << ")";
  }
  printRegionOp(printer, *this, getInputs(),
                {getIdAttrName(), getKernelsAttrName(), getDeviceAttrName(), getRowsAttrName(),
                 getAfterAttrName(), getOperandSegmentSizesAttrName()});
}

LogicalResult DispatchOp::verify() {
  int64_t id = getId();
  if (id < 0)
    return emitOpError("must have an id that is not negative");
  if (getDevice().empty())
    return emitOpError("must name a device");
  int64_t previous = -1;
  for (int64_t other : getAfter().value_or(ArrayRef<int64_t>())) {
    if (other <= previous || other >= id)
      return emitOpError() << "must come after dispatches in ascending order that precede it, but "
                              "lists "
                           << other;
    previous = other;
  }
  if (!getSlices().empty()) {
    size_t stored = llvm::count_if(getResultTypes(), [](Type type) { return !isa<KvType>(type); });
    if (getSlices().size() != stored)
      return emitOpError() << "has " << getSlices().size() << " slices for " << stored
                           << " results that are stored";
  }
  return success();
}

YieldOp DispatchOp::getYield() {
  return cast<YieldOp>(getBlock().getTerminator());
}

LogicalResult DispatchOp::verifyRegions() {
  return verifyRegion(*this);
}
