//===- SplitAttention.cpp - attention of few tokens, divided by positions ---------------------===//
//
// Attention has a shard for each head of the KV cache, and few tokens no more: too few for many
// workers, and too long ones for few of them to end together.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Level.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <limits>

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_SPLITATTENTIONPASS
#include "passes/Passes.h.inc"

namespace {

/// Steps of more tokens have tiles of them, or many rows to a shard.
constexpr uint32_t mostTokens = 16;
/// How many shards an attention should have. More are no faster with 16 workers (measured), and
/// each costs two workers some time: its first block is not always fetched ahead.
constexpr int64_t wantedShards = 16;
/// Attention that never sees as many positions is short beside the rest of a step, and combining
/// what is divided would cost more than it saves.
constexpr int64_t leastPositions = 2048;

struct SplitAttentionPass : impl::SplitAttentionPassBase<SplitAttentionPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (maxRowsOf(function) > mostTokens)
      return;
    int64_t context = std::numeric_limits<int64_t>::max();
    if (auto module = function->getParentOfType<ModuleOp>())
      if (auto model = module->getAttrOfType<DictionaryAttr>("chordal.model"))
        if (auto length = model.getAs<IntegerAttr>("context_length"))
          context = length.getInt();
    for (Block& block : function.getBody())
      for (auto attention : llvm::make_early_inc_range(block.getOps<ir::AttentionOp>()))
        split(attention, context);
  }

  /// `context`: the most positions of a sequence.
  void split(ir::AttentionOp attention, int64_t context) {
    TypedValue<ir::KvType> state = attention.getState();
    ir::KvType type = state.getType();
    const int64_t splits = wantedShards / type.getHeads();
    const int64_t window = attention.getWindow() ? int64_t(*attention.getWindow()) : context;
    const int64_t positions = std::min(context, window);
    if (attention.getSplits() || splits < 2 || positions < leastPositions)
      return;
    OpBuilder builder(attention);
    auto parts = ir::AttentionOp::create(
        builder, attention.getLoc(), attention.getQuery(), state, attention.getPosition(),
        attention.getSequence(), attention.getSinks(), attention.getScaleAttr(),
        attention.getSoftcapAttr(), attention.getWindowAttr(), builder.getI64IntegerAttr(splits));
    auto combined = ir::AttentionCombineOp::create(builder, attention.getLoc(), parts.getResult(),
                                                   splits, type.getValueDim());
    attention.replaceAllUsesWith(combined.getResult());
    attention.erase();
    ++numSplit;
    reportPassed(parts, getArgumentName(), "split",
                 "divided positions into {0} parts for each of {1} heads of the cache", splits,
                 type.getHeads());
  }
};

} // namespace
} // namespace chordal
