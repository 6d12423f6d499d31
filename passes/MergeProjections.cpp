//===- MergeProjections.cpp - matmuls of one input become one ---------------------------------===//
//
// Collects the matmuls of a block by what they read, and merges those that may be merged in one
// walk over each group. See Passes.td for what that means.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/Kernels.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Weights.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_MERGEPROJECTIONSPASS
#include "passes/Passes.h.inc"

namespace {

/// The glu that gates a result of `matmul` with another one of the same input, be it a result of
/// another matmul or (after merging) of the same one; null if there is none.
Operation* gatedWith(ir::MatmulOp matmul) {
  for (Value result : matmul.getResults()) {
    auto glu = result.hasOneUse() ? dyn_cast<ir::GluOp>(*result.user_begin()) : ir::GluOp();
    if (!glu)
      continue;
    auto gate = glu.getGate().getDefiningOp<ir::MatmulOp>();
    auto up = glu.getUp().getDefiningOp<ir::MatmulOp>();
    if (gate && up && gate.getX() == up.getX())
      return glu;
  }
  return nullptr;
}

/// Matmuls that may become one: of one input, gated with each other or not gated (null), with or
/// without quantised activations.
using Key = std::tuple<void*, Operation*, unsigned>;

struct MergeProjectionsPass : impl::MergeProjectionsPassBase<MergeProjectionsPass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody())
      runOnBlock(block);
  }

  void runOnBlock(Block& block) {
    llvm::MapVector<Key, SmallVector<ir::MatmulOp>> groups;
    llvm::DenseMap<Value, bool> firstWants;
    for (auto matmul : block.getOps<ir::MatmulOp>()) {
      // A matmul of several weights (this pass ran before) goes by its first one.
      if (matmul.getWeights().empty())
        continue;
      bool quantized = wantsQuantizedActivations(matmul.getWeights().front());
      Value x = matmul.getX();
      auto [known, isFirst] = firstWants.try_emplace(x, quantized);
      if (!isFirst && known->second != quantized) {
        reportMissed(matmul, getArgumentName(), "weights-disagree",
                     "not merged, because its weight {0} quantised activations and that of "
                     "another matmul of the same input {1}",
                     quantized ? "wants" : "does not want", quantized ? "does not" : "does");
        ++numLeft;
      }
      groups[{x.getAsOpaquePointer(), gatedWith(matmul), quantized}].push_back(matmul);
    }
    for (auto& [key, members] : groups)
      mergeGroup(members);
  }

  /// Merges matmuls into the first of them until it is full, then into the next that was left.
  void mergeGroup(ArrayRef<ir::MatmulOp> members) {
    while (members.size() > 1) {
      ir::MatmulOp first = members.front();
      size_t weights = first.getWeights().size();
      size_t taken = 1;
      SmallVector<ir::MatmulOp> merged = {first};
      for (ir::MatmulOp next : members.drop_front()) {
        if (weights + next.getWeights().size() > kernels::maxMatmulWeights) {
          reportMissed(next, getArgumentName(), "too-many-weights",
                       "not merged with the matmuls before it, because one matmul takes at most "
                       "{0} weights",
                       kernels::maxMatmulWeights);
          ++numLeft;
          break;
        }
        ++taken;
        if (!llvm::all_of(next.getWeights(),
                          [&](Value weight) { return canBeReadyBefore(weight, first); })) {
          reportMissed(next, getArgumentName(), "weight-comes-later",
                       "not merged, because a weight of it is computed after the first matmul of "
                       "the same input");
          ++numLeft;
          continue;
        }
        weights += next.getWeights().size();
        merged.push_back(next);
      }
      if (merged.size() > 1)
        merge(merged);
      members = members.drop_front(taken);
    }
  }

  void merge(ArrayRef<ir::MatmulOp> members) {
    ir::MatmulOp first = members.front();
    SmallVector<Value> weights;
    SmallVector<Location> locations;
    for (ir::MatmulOp member : members) {
      for (Value weight : member.getWeights()) {
        makeReadyBefore(weight, first);
        weights.push_back(weight);
      }
      locations.push_back(member.getLoc());
    }
    OpBuilder builder(first);
    auto merged =
        ir::MatmulOp::create(builder, builder.getFusedLoc(locations), first.getX(), weights);
    reportPassed(first, getArgumentName(), "merged", "merged {0} matmuls of one input",
                 members.size());
    size_t result = 0;
    for (ir::MatmulOp member : members) {
      for (Value old : member.getResults())
        old.replaceAllUsesWith(merged.getResult(result++));
      member.erase();
    }
    numMerged += members.size() - 1;
  }
};

} // namespace
} // namespace chordal
