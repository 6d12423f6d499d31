//===- BuildersTest.cpp - ops made by builders ------------------------------------------------===//
//
// Builders infer result types and fill in what their callers leave out; what they make verifies.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/Chordal.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace chordal;

namespace {

constexpr int64_t dynamic = ShapedType::kDynamic;

std::string text(Type type) {
  std::string out;
  llvm::raw_string_ostream stream(out);
  type.print(stream);
  return out;
}

TEST(Builders, MakeAStep) {
  MLIRContext context;
  context.loadDialect<ir::ChordalDialect>();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());

  auto matrix = ir::QuantizedType::get(&context, {256, 256}, Format::Q4_K);
  auto weight = ir::WeightOp::create(builder, loc, "w", matrix,
                                     ir::SpanAttr::get(&context, 0, 0, matrix.getByteSize()));
  auto frequencies = ir::ConstantOp::create(
      builder, loc, "frequencies",
      DenseElementsAttr::get(RankedTensorType::get({16}, builder.getF32Type()), 0.5f));
  auto stateType = ir::KvType::get(&context, 4, 64, 32, builder.getF16Type(), builder.getF32Type());
  ir::StateOp::create(builder, loc, "kv.0", stateType);

  auto ids = RankedTensorType::get({dynamic}, builder.getI32Type());
  Type inputs[] = {ids, ids, stateType};
  auto function =
      func::FuncOp::create(builder, loc, "f", builder.getFunctionType(inputs, {stateType}));
  Block* block = function.addEntryBlock();
  builder.setInsertionPointToStart(block);
  Value token = block->getArgument(0), position = block->getArgument(1);

  Value w = ir::LoadWeightOp::create(builder, loc, weight);
  Value f = ir::LoadConstantOp::create(builder, loc, frequencies);
  Value x = ir::EmbedOp::create(builder, loc, token, w);
  EXPECT_EQ(text(x.getType()), "tensor<?x256xf32>");
  auto norm = ir::RmsNormOp::create(builder, loc, x, Value(), 1e-5f, 64);
  EXPECT_EQ(norm.getEpsilon().convertToFloat(), 1e-5f);
  EXPECT_EQ(norm.getGroup(), 64);
  EXPECT_FALSE(ir::RmsNormOp::create(builder, loc, x, Value(), 1e-5f).getGroup());
  Value q = ir::QuantizeOp::create(
      builder, loc, ir::QuantizedType::get(&context, {ShapedType::kDynamic, 256}, "Q8"), norm);
  EXPECT_EQ(text(q.getType()), "!chordal.quantized<?x256, \"Q8\">");
  Value d = ir::DequantizeOp::create(builder, loc, w);
  EXPECT_EQ(text(d.getType()), "tensor<256x256xf32>");
  auto products = ir::MatmulOp::create(builder, loc, q, ValueRange{w, d});
  EXPECT_EQ(text(products.getResult(1).getType()), "tensor<?x256xf32>");
  auto table = ir::RopeTableOp::create(builder, loc, position, f);
  EXPECT_EQ(text(table.getType()), "tensor<?x32xf32>");
  EXPECT_EQ(table.getMagnitude().convertToFloat(), 1.0f);
  Value k =
      ir::RopeOp::create(builder, loc, products.getResult(0), table, 64, ir::RopeStyle::HalfSplit);
  OpBuilder top = OpBuilder::atBlockBegin(module->getBody());
  auto half =
      ir::WeightOp::create(top, loc, "half", ir::QuantizedType::get(&context, {128, 256}, "F16"),
                           ir::SpanAttr::get(&context, 0, 0, 65536));
  Value v = ir::MatmulOp::create(builder, loc, q,
                                 ValueRange{ir::LoadWeightOp::create(builder, loc, half)})
                .getResult(0);
  Value kv = ir::KvAppendOp::create(builder, loc, block->getArgument(2), k, v, position, position);
  auto attention = ir::AttentionOp::create(builder, loc, k, kv, position, position, 0.125f);
  EXPECT_EQ(text(attention.getType()), "tensor<?x128xf32>");
  EXPECT_FALSE(attention.getWindow());
  EXPECT_FALSE(attention.getSoftcap());
  auto windowed =
      ir::AttentionOp::create(builder, loc, k, kv, position, position, 0.125f, 50.0f, 7);
  EXPECT_EQ(windowed.getWindow(), 7u);
  Value g = ir::GluOp::create(builder, loc, attention, windowed, ir::Activation::GeluTanh);
  Value rows = ir::GatherRowsOp::create(builder, loc, g, position);
  auto fused = ir::FusedOp::create(builder, loc, TypeRange{rows.getType()}, "k", ValueRange{rows});
  {
    OpBuilder inside = OpBuilder::atBlockEnd(&fused.getBlock());
    Value scaled = ir::ScaleOp::create(inside, loc, fused.getBlock().getArgument(0), 2.0f);
    ir::YieldOp::create(inside, loc, scaled);
  }
  auto dispatch = ir::DispatchOp::create(builder, loc, TypeRange{rows.getType()}, 3, "cpu",
                                         ir::RowKind::Outputs, fused.getResults());
  {
    OpBuilder inside = OpBuilder::atBlockEnd(&dispatch.getBlock());
    Value capped = ir::SoftcapOp::create(inside, loc, dispatch.getBlock().getArgument(0), 2.0f);
    ir::YieldOp::create(inside, loc, capped);
  }
  Value arena = ir::ArenaOp::create(builder, loc, 128);
  Value slice = ir::SliceOp::create(builder, loc, arena, 64, 64);
  dispatch.getSlicesMutable().assign(slice);
  slice.getDefiningOp()->moveBefore(dispatch);
  arena.getDefiningOp()->moveBefore(slice.getDefiningOp());
  func::ReturnOp::create(builder, loc, kv);
  EXPECT_TRUE(succeeded(verify(*module)));
  EXPECT_EQ(dispatch.getInputs().size(), 1u);
  EXPECT_EQ(dispatch.getYield().getValues().size(), 1u);
}

} // namespace
