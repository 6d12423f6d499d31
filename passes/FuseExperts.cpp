//===- FuseExperts.cpp - the gated unit of each expert in one op ------------------------------===//
//
// Looks back from a glu to the two matmuls of experts that it gates.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Fusion.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSEEXPERTSPASS
#include "passes/Passes.h.inc"

namespace {

struct FuseExpertsPass : impl::FuseExpertsPassBase<FuseExpertsPass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody())
      for (auto glu : llvm::make_early_inc_range(block.getOps<ir::GluOp>()))
        fuseGlu(glu);
  }

  void fuseGlu(ir::GluOp glu) {
    auto gate = glu.getGate().getDefiningOp<ir::MoeMatmulOp>();
    auto up = glu.getUp().getDefiningOp<ir::MoeMatmulOp>();
    if (!gate || !up || gate == up || gate->getBlock() != glu->getBlock() ||
        up->getBlock() != glu->getBlock() || gate.getWeights().size() != 1 ||
        up.getWeights().size() != 1 || gate.getX() != up.getX() ||
        gate.getRoutes() != up.getRoutes())
      return;
    if (!gate->hasOneUse() || !up->hasOneUse())
      return reportMissed(glu, getArgumentName(), "result-has-other-readers",
                          "not fused with the matmuls of its operands, because these have other "
                          "readers");
    if (gate.getWeights()[0].getType() != up.getWeights()[0].getType() ||
        gate.getBiases().size() != up.getBiases().size())
      return reportMissed(glu, getArgumentName(), "weights-differ",
                          "not fused with the matmuls of its operands, because their weights "
                          "differ ({0}, {1})",
                          gate.getWeights()[0].getType(), up.getWeights()[0].getType());
    SmallVector<Value> weights = {gate.getWeights()[0], up.getWeights()[0]}, biases;
    llvm::append_range(biases, gate.getBiases());
    llvm::append_range(biases, up.getBiases());
    // At the glu, where all that both read is there.
    OpBuilder builder(glu);
    auto merged =
        ir::MoeMatmulOp::create(builder, builder.getFusedLoc({gate.getLoc(), up.getLoc()}),
                                gate.getX(), gate.getRoutes(), weights, biases);
    glu.getGateMutable().assign(merged.getResult(0));
    glu.getUpMutable().assign(merged.getResult(1));
    gate.erase();
    up.erase();
    auto fused = fuse(builder, "expert_glu", {merged, glu}, {glu.getResult()},
                      SmallVector<Value>(merged->getOperands()));
    ++numFused;
    reportPassed(fused, getArgumentName(), "fused", "fused the gated unit of each expert");
  }
};

} // namespace
} // namespace chordal
