//===- LowerElementwise.cpp - element-wise code becomes LLVM loops ----------------------------===//
//
// The epilogues of matmuls and the dispatches that no kernel computes become generated functions,
// in the LLVM dialect: a loop over rows, a loop over vectors of 16 columns, and the rest of the
// columns under a mask. LLVM splits the vectors where a machine has shorter ones. Functions that
// compute the same are one function. The signature is `chordal_function` of the program's ABI.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/DispatchPattern.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

#include <limits>

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_LOWERELEMENTWISEPASS
#include "passes/Passes.h.inc"

namespace {

constexpr int64_t viewBytes = 16; // sizeof(chordal_view)
static_assert(sizeof(chordal_view) == viewBytes);

/// Writes one function.
class Emitter {
public:
  Emitter(OpBuilder& builder, Location location, const ElementwiseFunction& function)
      : builder(builder), location(location), math(builder, location), source(function) {}

  LLVM::LLVMFuncOp emit(ModuleOp module, StringRef name) {
    MLIRContext* context = builder.getContext();
    auto pointer = LLVM::LLVMPointerType::get(context);
    Type i64 = builder.getI64Type();
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(module.getBody());
    auto function =
        LLVM::LLVMFuncOp::create(builder, location, name,
                                 LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                                             {pointer, i64, i64, i64, i64}));
    Block* entry = function.addEntryBlock(builder);
    Region& body = function.getBody();
    auto block = [&](ArrayRef<Type> arguments) {
      Block* added = &body.emplaceBlock();
      for (Type type : arguments)
        added->addArgument(type, location);
      return added;
    };
    Block* rows = block({i64});
    Block* row = block({});
    Block* columns = block({i64});
    Block* vector = block({});
    Block* rest = block({});
    Block* masked = block({});
    Block* next = block({});
    Block* end = block({});

    builder.setInsertionPointToStart(entry);
    Value views = entry->getArgument(0), rowBegin = entry->getArgument(1),
          rowEnd = entry->getArgument(2), columnBegin = entry->getArgument(3),
          columnEnd = entry->getArgument(4);
    size_t count = source.tiles.size() + source.views.size();
    SmallVector<Value> data, strides;
    for (size_t i = 0; i < count; ++i) {
      data.push_back(LLVM::LoadOp::create(builder, location, pointer,
                                          advance(views, constant(i * viewBytes))));
      strides.push_back(LLVM::LoadOp::create(builder, location, i64,
                                             advance(views, constant(i * viewBytes + 8))));
    }
    LLVM::BrOp::create(builder, location, ValueRange{rowBegin}, rows);

    builder.setInsertionPointToStart(rows);
    Value r = rows->getArgument(0);
    branch(less(r, rowEnd), row, {}, end, {});

    builder.setInsertionPointToStart(row);
    SmallVector<Value> pointers;
    for (size_t i = 0; i < count; ++i)
      pointers.push_back(advance(data[i], LLVM::MulOp::create(builder, location, r, strides[i])));
    LLVM::BrOp::create(builder, location, ValueRange{columnBegin}, columns);

    builder.setInsertionPointToStart(columns);
    Value c = columns->getArgument(0);
    Value after = LLVM::AddOp::create(builder, location, c, constant(VectorMath::width));
    branch(LLVM::ICmpOp::create(builder, location, LLVM::ICmpPredicate::ule, after, columnEnd),
           vector, {}, rest, {});

    builder.setInsertionPointToStart(vector);
    emitBody(pointers, c, Value());
    LLVM::BrOp::create(builder, location, ValueRange{after}, columns);

    builder.setInsertionPointToStart(rest);
    branch(less(c, columnEnd), masked, {}, next, {});

    builder.setInsertionPointToStart(masked);
    emitBody(pointers, c, math.firstLanes(LLVM::SubOp::create(builder, location, columnEnd, c)));
    LLVM::BrOp::create(builder, location, ValueRange{}, next);

    builder.setInsertionPointToStart(next);
    Value following = LLVM::AddOp::create(builder, location, r, constant(1));
    LLVM::BrOp::create(builder, location, ValueRange{following}, rows);

    builder.setInsertionPointToStart(end);
    LLVM::ReturnOp::create(builder, location, ValueRange{});
    return function;
  }

private:
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(builder, location, builder.getI64Type(),
                                    builder.getI64IntegerAttr(value));
  }

  Value advance(Value pointer, Value bytes) {
    return LLVM::GEPOp::create(builder, location, pointer.getType(), builder.getI8Type(), pointer,
                               ValueRange{bytes});
  }

  Value less(Value a, Value b) {
    return LLVM::ICmpOp::create(builder, location, LLVM::ICmpPredicate::ult, a, b);
  }

  void branch(Value condition, Block* yes, ValueRange yesOperands, Block* no,
              ValueRange noOperands) {
    LLVM::CondBrOp::create(builder, location, condition, yes, yesOperands, no, noOperands);
  }

  /// One vector of columns from `column` on; `mask` is null where all lanes are columns.
  void emitBody(ArrayRef<Value> pointers, Value column, Value mask) {
    llvm::DenseMap<Value, Value> vectors;
    Value bytes = LLVM::MulOp::create(builder, location, column, constant(4));
    size_t view = 0;
    auto load = [&](Value value) {
      vectors[value] = math.load(advance(pointers[view++], bytes), mask);
    };
    for (Value tile : source.tiles)
      load(tile);
    for (Value read : source.reads)
      load(read);
    for (Operation* op : source.ops)
      vectors[op->getResult(0)] = emitOp(op, vectors);
    for (Value write : source.writes)
      math.store(vectors.lookup(write), advance(pointers[view++], bytes), mask);
  }

  Value activate(ir::Activation activation, Value x) {
    switch (activation) {
    case ir::Activation::Silu:
      return math.silu(x);
    case ir::Activation::Gelu:
      return math.gelu(x);
    case ir::Activation::GeluTanh:
      return math.geluTanh(x);
    case ir::Activation::Relu:
      return math.relu(x);
    case ir::Activation::ClampedSwiglu:
      break; // a function of two values
    }
    llvm_unreachable("all activations of one value are handled");
  }

  Value glu(ir::Activation activation, Value gate, Value up) {
    if (activation != ir::Activation::ClampedSwiglu)
      return math.mul(activate(activation, gate), up);
    constexpr float limit = 7, slope = 1.702f;
    Value g = math.clamp(gate, -std::numeric_limits<float>::infinity(), limit);
    Value u = math.clamp(up, -limit, limit);
    // g / (1 + e^(-s g)) = silu(s g) / s
    Value swish = math.mul(math.silu(math.mul(g, math.splat(slope))), math.splat(1 / slope));
    return math.mul(swish, math.add(u, math.splat(1)));
  }

  Value emitOp(Operation* op, const llvm::DenseMap<Value, Value>& vectors) {
    auto operand = [&](unsigned i) { return vectors.lookup(op->getOperand(i)); };
    return TypeSwitch<Operation*, Value>(op)
        .Case([&](arith::AddFOp) { return math.add(operand(0), operand(1)); })
        .Case([&](arith::SubFOp) { return math.sub(operand(0), operand(1)); })
        .Case([&](arith::MulFOp) { return math.mul(operand(0), operand(1)); })
        .Case([&](arith::DivFOp) { return math.div(operand(0), operand(1)); })
        .Case([&](arith::NegFOp) { return math.negate(operand(0)); })
        .Case([&](ir::GluOp op) { return glu(op.getActivation(), operand(0), operand(1)); })
        .Case([&](ir::ActivateOp op) { return activate(op.getActivation(), operand(0)); })
        .Case([&](ir::ScaleOp op) {
          return math.mul(operand(0), math.splat(op.getFactor().convertToFloat()));
        })
        .Case([&](ir::SoftcapOp op) {
          float cap = op.getCap().convertToFloat();
          return math.mul(math.splat(cap), math.tanh(math.div(operand(0), math.splat(cap))));
        })
        // A vector's view repeats its one row.
        .Case([&](ir::BroadcastOp) { return operand(0); })
        .Default(
            [](Operation*) -> Value { llvm_unreachable("isElementwise lists the ops above"); });
  }

  OpBuilder& builder;
  Location location;
  VectorMath math;
  const ElementwiseFunction& source;
};

/// A text that is equal for functions that compute the same.
std::string keyOf(const ElementwiseFunction& function) {
  llvm::DenseMap<Value, unsigned> numbers;
  std::string key;
  llvm::raw_string_ostream stream(key);
  auto number = [&](Value value) {
    return numbers.try_emplace(value, numbers.size()).first->second;
  };
  for (Value tile : function.tiles)
    stream << 't' << number(tile);
  for (Value read : function.reads)
    stream << 'r' << number(read);
  for (Operation* op : function.ops) {
    stream << ';' << op->getName();
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      // The value that only gives a broadcast its shape has no number.
      stream << ' ' << (isa<ir::BroadcastOp>(op) && index == 1 ? 0 : number(operand));
    stream << op->getAttrDictionary() << op->getPropertiesAsAttribute();
    stream << '=' << number(op->getResult(0));
  }
  for (Value write : function.writes)
    stream << 'w' << number(write);
  return key;
}

/// "glu", "add", "scale_add": what the function does, for its name.
std::string describe(const ElementwiseFunction& function) {
  std::string name = "elementwise";
  for (Operation* op : function.ops)
    if (!isa<ir::BroadcastOp>(op))
      name += "_" + op->getName().stripDialect().str();
  return name;
}

struct LowerElementwise : impl::LowerElementwisePassBase<LowerElementwise> {
  using LowerElementwisePassBase::LowerElementwisePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder(&getContext());
    llvm::StringMap<std::string> names; // key -> function
    llvm::StringMap<unsigned> described;
    for (auto function : module.getOps<func::FuncOp>())
      for (auto dispatch : function.getOps<ir::DispatchOp>()) {
        FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
        if (failed(pattern))
          return signalPassFailure();
        SmallVector<Attribute> functions;
        for (const ElementwiseFunction& source : pattern->functions) {
          auto [entry, isNew] = names.try_emplace(keyOf(source));
          if (isNew) {
            std::string name = describe(source);
            if (unsigned count = described[name]++)
              name += "." + std::to_string(count);
            entry->second = name;
            Emitter(builder, dispatch.getLoc(), source).emit(module, name);
            ++numFunctions;
          }
          functions.push_back(FlatSymbolRefAttr::get(&getContext(), entry->second));
          ++numLowered;
        }
        if (!functions.empty())
          dispatch.setFunctionsAttr(ArrayAttr::get(&getContext(), functions));
      }
  }
};

} // namespace
} // namespace chordal
