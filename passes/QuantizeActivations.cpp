//===- QuantizeActivations.cpp - inputs of matmuls in the format of the kernels ---------------===//
//
// Gives matmuls an input in the format that their kernels read, one for all readers.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Level.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Weights.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Passes.h.inc"

namespace {

using kernels::Activations;

struct QuantizeActivationsPass : impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    FailureOr<kernels::Isa> named = levelFor(getOperation(), isa);
    if (failed(named))
      return signalPassFailure();
    level = *named;
    maxRows = maxRowsOf(getOperation());
    for (Block& block : getOperation().getBody())
      runOnBlock(block);
  }

  void runOnBlock(Block& block) {
    llvm::DenseMap<std::pair<Value, Type>, Value> quantized;
    // What the module quantises already serves too.
    for (auto quantize : block.getOps<ir::QuantizeOp>())
      quantized.try_emplace({quantize.getX(), quantize.getType()}, quantize.getResult());
    llvm::DenseSet<Value> outputs; // values whose rows are outputs, not tokens
    for (Operation& op : block) {
      const ir::RowKind kind = rowKindOf(&op, op.getOperands(), outputs);
      if (kind == ir::RowKind::Outputs)
        outputs.insert(op.result_begin(), op.result_end());
      Operation* matmul = &op;
      if (!isMatmul(matmul))
        continue;
      Activations activations = wantedInput(matmul, typicalRows(kind, maxRows));
      if (activations == Activations::F32)
        continue;
      Value x = matmul->getOperand(0);
      auto rows = cast<RankedTensorType>(x.getType());
      auto type = ir::QuantizedType::get(&getContext(), rows.getShape(),
                                         StringRef(kernels::activationsName(activations)));
      Value& q = quantized[{x, type}];
      if (!q ||
          (q.getDefiningOp()->getBlock() == &block && matmul->isBeforeInBlock(q.getDefiningOp()))) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfterValue(x);
        q = ir::QuantizeOp::create(builder, x.getLoc(), type, x);
        ++numQuantized;
        reportPassed(q.getDefiningOp(), getArgumentName(), "quantized",
                     "quantised {0} features to {1} for all matmuls that read them",
                     rows.getDimSize(1), type.getFormat());
      }
      matmul->setOperand(0, q);
      ++numMatmuls;
    }
  }

  /// The activations that the kernels of all the matmul's weights read.
  Activations wantedInput(Operation* matmul, uint32_t count) {
    auto rows = dyn_cast<RankedTensorType>(matmul->getOperand(0).getType());
    if (!rows)
      return Activations::F32; // quantised already
    kernels::Family family =
        llvm::isa<ir::MatmulOp>(matmul) ? kernels::Family::Matmul : kernels::Family::ExpertMatmul;
    SmallVector<Activations> wanted;
    for (Value weight : matmulWeights(matmul)) {
      auto type = dyn_cast<ir::QuantizedType>(weight.getType());
      Activations best =
          type ? kernels::bestActivations(family, level, type.getFormatInfo()->format, count)
               : Activations::F32;
      // Whole groups of 32 only; float weights have rows of any length.
      wanted.push_back(rows.getDimSize(1) % 32 == 0 ? best : Activations::F32);
    }
    if (llvm::all_equal(wanted))
      return wanted.front();
    reportMissed(matmul, getArgumentName(), "weights-disagree",
                 "input left as float32, because its weights are of formats that are multiplied "
                 "with different activations");
    return Activations::F32;
  }

  kernels::Isa level = kernels::Isa::Scalar;
  uint32_t maxRows = 1;
};

} // namespace
} // namespace chordal
