//===- QuantizeActivations.cpp - inputs of matmuls become int8 ------------------------------===//
//
// Gives matmuls whose weights are multiplied with integers an input in Q8, one for all readers.
//
//===----------------------------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Weights.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Passes.h.inc"

namespace {

struct QuantizeActivationsPass : impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody())
      runOnBlock(block);
  }

  void runOnBlock(Block& block) {
    llvm::DenseMap<Value, Value> quantized;
    // What the module quantises already serves too.
    for (auto quantize : block.getOps<ir::QuantizeOp>())
      quantized.try_emplace(quantize.getX(), quantize.getResult());
    for (Operation& op : block) {
      Operation* matmul = &op;
      if (!isMatmul(matmul) || !wantsQuantizedInput(matmul))
        continue;
      Value x = matmul->getOperand(0);
      Value& q = quantized[x];
      if (!q ||
          (q.getDefiningOp()->getBlock() == &block && matmul->isBeforeInBlock(q.getDefiningOp()))) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfterValue(x);
        q = ir::QuantizeOp::create(builder, x.getLoc(), x);
        ++numQuantized;
        reportPassed(q.getDefiningOp(), getArgumentName(), "quantized",
                     "quantised {0} features to Q8 for all matmuls that read them",
                     cast<RankedTensorType>(x.getType()).getDimSize(1));
      }
      matmul->setOperand(0, q);
      ++numMatmuls;
    }
  }

  bool wantsQuantizedInput(Operation* matmul) {
    if (!isa<RankedTensorType>(matmul->getOperand(0).getType()))
      return false; // Q8 already
    // Rows of the formats that want this are whole blocks, of a multiple of 32 weights as in Q8.
    auto wants = [](Value weight) {
      return isa<ir::QuantizedType>(weight.getType()) && wantsQuantizedActivations(weight);
    };
    if (llvm::none_of(matmulWeights(matmul), wants))
      return false;
    if (!llvm::all_of(matmulWeights(matmul), wants)) {
      reportMissed(matmul, getArgumentName(), "weights-disagree",
                   "input left as float32, because only some of the weights are of formats that "
                   "want quantised activations");
      return false;
    }
    return true;
  }
};

} // namespace
} // namespace chordal
