//===- VerifyGraph.cpp - the end of the phase graph -------------------------------------------===//
//
// Checks that it is settled what is computed together.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Level.h"
#include "passes/Passes.h"
#include "passes/VerifyPhase.h"
#include "passes/Weights.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYGRAPHPASS
#include "passes/Passes.h.inc"

namespace {

LogicalResult verifyMatmul(ir::MatmulOp matmul) {
  for (Value operand : matmul->getOperands())
    if (operand.getDefiningOp<ir::DequantizeOp>())
      return matmul.emitOpError("reads a dequantised value after the phase 'graph'");
  if (matmul.getWeights().size() > kernels::maxMatmulWeights)
    return matmul.emitOpError() << "has " << matmul.getWeights().size()
                                << " weights; kernels take at most " << kernels::maxMatmulWeights;
  kernels::Activations activations = activationsOf(matmul.getX().getType());
  if (activations != kernels::Activations::F32)
    for (auto [index, weight] : llvm::enumerate(matmul.getWeights()))
      if (ir::QuantizedType type = storedType(weight);
          !type || !kernels::reads(type.getFormatInfo()->format, activations))
        return matmul.emitOpError()
               << "reads " << describe(activations) << ", but weight " << index << " of type "
               << weight.getType() << " is not multiplied with that";
  return success();
}

/// How many ops of the block are of one of these kinds.
template <typename... Ops> int64_t count(Block& block) {
  return llvm::count_if(block.without_terminator(), [](Operation& op) { return isa<Ops...>(op); });
}

LogicalResult verifyFused(ir::FusedOp fused) {
  Block& block = fused.getBlock();
  int64_t ops = llvm::range_size(block.without_terminator());
  bool valid;
  if (fused.getKind() == "norm_quantize")
    valid = ops == 2 && count<ir::RmsNormOp, ir::LayerNormOp>(block) == 1 &&
            count<ir::QuantizeOp>(block) == 1;
  else if (fused.getKind() == "combine_quantize")
    valid =
        ops == 2 && count<ir::AttentionCombineOp>(block) == 1 && count<ir::QuantizeOp>(block) == 1;
  else if (fused.getKind() == "matmul_epilogue")
    valid = ops > 1 && isa<ir::MatmulOp>(block.front()) && count<ir::MatmulOp>(block) == 1;
  else if (fused.getKind() == "expert_glu")
    valid = ops == 2 && isa<ir::MoeMatmulOp>(block.front()) && count<ir::GluOp>(block) == 1;
  else if (fused.getKind() == "rope_append") {
    int64_t ropes = count<ir::RopeOp>(block);
    int64_t norms = count<ir::RmsNormOp, ir::LayerNormOp>(block);
    valid = count<ir::KvAppendOp>(block) == 1 && (ropes == 0 || ropes == 2) &&
            (norms == 0 || norms == 2) && ropes + norms > 0 && ops == 1 + ropes + norms;
  } else
    return fused.emitOpError()
           << "is of kind '" << fused.getKind()
           << "'; known are norm_quantize, combine_quantize, matmul_epilogue, rope_append and "
              "expert_glu";
  if (!valid)
    return fused.emitOpError() << "is of kind '" << fused.getKind()
                               << "', but its ops are not those of this kind";
  return success();
}

struct VerifyGraphPass : impl::VerifyGraphPassBase<VerifyGraphPass> {
  void runOnOperation() override {
    llvm::DenseMap<std::pair<Value, Type>, Operation*> quantized;
    auto verifyOp = [&](Operation* op) -> LogicalResult {
      if (isScheduleOp(op))
        return op->emitOpError("belongs to a later phase than 'graph'");
      if (auto matmul = dyn_cast<ir::MatmulOp>(op))
        return verifyMatmul(matmul);
      if (auto fused = dyn_cast<ir::FusedOp>(op))
        return verifyFused(fused);
      if (auto quantize = dyn_cast<ir::QuantizeOp>(op)) {
        auto [other, isFirst] = quantized.try_emplace({quantize.getX(), quantize.getType()}, op);
        if (!isFirst)
          return quantize.emitOpError("quantises a value that is quantised already")
                     .attachNote(other->second->getLoc())
                 << "here";
      }
      return success();
    };
    if (failed(verifyOps(getOperation(), verifyOp)))
      signalPassFailure();
  }
};

} // namespace
} // namespace chordal
