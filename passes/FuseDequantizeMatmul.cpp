//===- FuseDequantizeMatmul.cpp - matmuls read weights as they are stored ---------------------===//
//
// The dequantisation of a weight moves into the matmul that reads it.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Weights.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSEDEQUANTIZEMATMULPASS
#include "passes/Passes.h.inc"

namespace {

struct FuseDequantizeMatmulPass : impl::FuseDequantizeMatmulPassBase<FuseDequantizeMatmulPass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody())
      for (auto dequantize : llvm::make_early_inc_range(block.getOps<ir::DequantizeOp>()))
        fuse(dequantize);
  }

  void fuse(ir::DequantizeOp dequantize) {
    // Activations have the same type but are not what a matmul multiplies with.
    if (dequantize.getX().getType().isActivation())
      return;
    unsigned fused = 0;
    for (OpOperand& use : llvm::make_early_inc_range(dequantize.getResult().getUses())) {
      Operation* matmul = use.getOwner();
      if (!isMatmul(matmul) || use.getOperandNumber() == 0) // operand 0 is the input
        continue;
      use.set(dequantize.getX());
      ++fused;
      OperandRange weights = matmulWeights(matmul);
      reportPassed(matmul, getArgumentName(), "fused", "reads weight {0} as {1}",
                   use.getOperandNumber() - weights.getBeginOperandIndex(),
                   dequantize.getX().getType().getFormat());
    }
    numFused += fused;
    if (dequantize.use_empty()) {
      dequantize.erase();
    } else if (fused != 0) {
      ++numKept;
      reportMissed(dequantize, getArgumentName(), "dequantize-has-other-readers",
                   "kept, because not only matmuls read the dequantised weight");
    }
  }
};

} // namespace
} // namespace chordal
