//===- FuseNormQuantize.cpp - norms write int8 at once --------------------------------------===//
//
// Fuses rms_norm with the quantisation of its result.
//
//===----------------------------------------------------------------------------------------===//
#include "passes/Fusion.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSENORMQUANTIZEPASS
#include "passes/Passes.h.inc"

namespace {

struct FuseNormQuantizePass : impl::FuseNormQuantizePassBase<FuseNormQuantizePass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody())
      for (auto norm : llvm::make_early_inc_range(block.getOps<ir::RmsNormOp>()))
        fuseNorm(norm);
  }

  void fuseNorm(ir::RmsNormOp norm) {
    ir::QuantizeOp quantize;
    bool readElsewhere = false;
    for (Operation* user : norm.getResult().getUsers()) {
      auto candidate = dyn_cast<ir::QuantizeOp>(user);
      if (!quantize && candidate && candidate->getBlock() == norm->getBlock())
        quantize = candidate;
      else
        readElsewhere = true;
    }
    if (!quantize)
      return;
    if (norm.getGroup()) {
      reportMissed(norm, getArgumentName(), "norm-per-group",
                   "not fused with quantize, because it normalises groups of {0} features",
                   *norm.getGroup());
      return;
    }
    SmallVector<Value> outputs;
    if (readElsewhere)
      outputs.push_back(norm.getResult());
    outputs.push_back(quantize.getResult());
    // At the norm, so that the quantised value is there for all its readers.
    OpBuilder builder(norm);
    auto fused = fuse(builder, "norm_quantize", {norm, quantize}, outputs);
    ++numFused;
    numBoth += readElsewhere;
    reportPassed(fused, getArgumentName(), "fused", "fused rms_norm and quantize{0}",
                 readElsewhere ? "; the float32 value has other readers and is yielded too" : "");
  }
};

} // namespace
} // namespace chordal
