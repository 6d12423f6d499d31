//===- FuseNormQuantize.cpp - norms write int8 at once ----------------------------------------===//
//
// Fuses rms_norm or layer_norm with the quantisation of its result.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Fusion.h"
#include "passes/Norm.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSENORMQUANTIZEPASS
#include "passes/Passes.h.inc"

namespace {

struct FuseNormQuantizePass : impl::FuseNormQuantizePassBase<FuseNormQuantizePass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody()) {
      SmallVector<Norm> norms;
      for (Operation& op : block)
        if (std::optional<Norm> norm = asNorm(&op))
          norms.push_back(*norm);
      for (const Norm& norm : norms)
        fuseNorm(norm);
    }
  }

  void fuseNorm(const Norm& norm) {
    ir::QuantizeOp quantize;
    bool readElsewhere = false;
    for (Operation* user : norm.result().getUsers()) {
      auto candidate = dyn_cast<ir::QuantizeOp>(user);
      if (!quantize && candidate && candidate->getBlock() == norm.op->getBlock())
        quantize = candidate;
      else
        readElsewhere = true;
    }
    if (!quantize)
      return;
    if (norm.group) {
      reportMissed(norm.op, getArgumentName(), "norm-per-group",
                   "not fused with quantize, because it normalises groups of {0} features",
                   *norm.group);
      return;
    }
    SmallVector<Value> outputs;
    if (readElsewhere)
      outputs.push_back(norm.result());
    outputs.push_back(quantize.getResult());
    // At the norm, so that the quantised value is there for all its readers.
    OpBuilder builder(norm.op);
    StringRef name = norm.op->getName().stripDialect();
    auto fused = fuse(builder, "norm_quantize", {norm.op, quantize}, outputs);
    ++numFused;
    numBoth += readElsewhere;
    reportPassed(fused, getArgumentName(), "fused", "fused {0} and quantize{1}", name,
                 readElsewhere ? "; the float32 value has other readers and is yielded too" : "");
  }
};

} // namespace
} // namespace chordal
