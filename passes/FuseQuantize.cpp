//===- FuseQuantize.cpp - what computes a row writes it quantised at once ---------------------===//
//
// Fuses rms_norm, layer_norm and attention_combine with the quantisation of their result.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Fusion.h"
#include "passes/Norm.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSEQUANTIZEPASS
#include "passes/Passes.h.inc"

namespace {

struct FuseQuantizePass : impl::FuseQuantizePassBase<FuseQuantizePass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody()) {
      SmallVector<Operation*> producers;
      for (Operation& op : block)
        if (asNorm(&op) || isa<ir::AttentionCombineOp>(op))
          producers.push_back(&op);
      for (Operation* producer : producers)
        fuseProducer(producer);
    }
  }

  void fuseProducer(Operation* producer) {
    ir::QuantizeOp quantize;
    bool readElsewhere = false;
    for (Operation* user : producer->getResult(0).getUsers()) {
      auto candidate = dyn_cast<ir::QuantizeOp>(user);
      if (!quantize && candidate && candidate->getBlock() == producer->getBlock())
        quantize = candidate;
      else
        readElsewhere = true;
    }
    if (!quantize)
      return;
    std::optional<Norm> norm = asNorm(producer);
    if (norm && norm->group) {
      reportMissed(producer, getArgumentName(), "norm-per-group",
                   "not fused with quantize, because it normalises groups of {0} features",
                   *norm->group);
      return;
    }
    SmallVector<Value> outputs;
    if (readElsewhere)
      outputs.push_back(producer->getResult(0));
    outputs.push_back(quantize.getResult());
    // At the producer, so that the quantised value is there for all its readers.
    OpBuilder builder(producer);
    StringRef name = producer->getName().stripDialect();
    auto fused =
        fuse(builder, norm ? "norm_quantize" : "combine_quantize", {producer, quantize}, outputs);
    ++numFused;
    numBoth += readElsewhere;
    reportPassed(fused, getArgumentName(), "fused", "fused {0} and quantize{1}", name,
                 readElsewhere ? "; the float32 value has other readers and is yielded too" : "");
  }
};

} // namespace
} // namespace chordal
