//===- FormDispatches.cpp - who computes what: one dispatch for each kernel call --------------===//
//
// Every op and every fusion of the graph becomes a dispatch; chains of element-wise ops that were
// not fused into a matmul become one dispatch together.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/DispatchPattern.h"
#include "passes/Level.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FORMDISPATCHESPASS
#include "passes/Passes.h.inc"

namespace {

/// Ops that are computed together, in block order.
using Group = SmallVector<Operation*>;

/// Whether an op stays at function level: it names something or ends the function.
bool isReference(Operation* op) {
  return isa<ir::LoadWeightOp, ir::LoadConstantOp>(op) || op->hasTrait<OpTrait::IsTerminator>();
}

/// The groups of a step function, each at the place of its last op.
SmallVector<Group> formGroups(func::FuncOp function) {
  SmallVector<Group> groups;
  llvm::DenseMap<Operation*, size_t> elementwiseGroup;
  for (Operation& op : function.front()) {
    if (isReference(&op) || isa<ir::DispatchOp>(op))
      continue;
    Group group;
    if (isElementwise(&op)) {
      // Takes in the groups whose only reader it is.
      for (Value operand : op.getOperands()) {
        Operation* producer = operand.getDefiningOp();
        auto found = producer ? elementwiseGroup.find(producer) : elementwiseGroup.end();
        if (found == elementwiseGroup.end() ||
            !llvm::all_of(operand.getUsers(), [&](Operation* user) { return user == &op; }))
          continue;
        Group& other = groups[found->second];
        if (other.empty() || llvm::is_contained(group, producer))
          continue;
        llvm::append_range(group, other);
        other.clear();
      }
      llvm::sort(group, [](Operation* a, Operation* b) { return a->isBeforeInBlock(b); });
      group.erase(llvm::unique(group), group.end());
      group.push_back(&op);
      for (Operation* member : group)
        elementwiseGroup[member] = groups.size();
    } else {
      group.push_back(&op);
    }
    groups.push_back(std::move(group));
  }
  llvm::erase_if(groups, [](const Group& group) { return group.empty(); });
  llvm::sort(groups,
             [](const Group& a, const Group& b) { return a.back()->isBeforeInBlock(b.back()); });
  return groups;
}

struct FormDispatches : impl::FormDispatchesPassBase<FormDispatches> {
  using FormDispatchesPassBase::FormDispatchesPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    llvm::DenseSet<Value> outputs; // values whose rows are outputs, not tokens
    int64_t id = 0;
    for (const Group& group : formGroups(function)) {
      form(group, id++, outputs);
      ++numDispatches;
    }
  }

  void form(const Group& group, int64_t id, llvm::DenseSet<Value>& outputs) {
    Operation* last = group.back();
    OpBuilder builder(last);
    llvm::SmallSetVector<Value, 8> inputs;
    for (Operation* op : group)
      for (Value operand : op->getOperands())
        if (!llvm::is_contained(group, operand.getDefiningOp()))
          inputs.insert(operand);
    const ir::RowKind rows = rowKindOf(last, inputs.getArrayRef(), outputs);
    auto dispatch = ir::DispatchOp::create(builder, last->getLoc(), last->getResultTypes(), id,
                                           "cpu", rows, inputs.getArrayRef());
    Block& block = dispatch.getBlock();
    IRMapping mapping;
    for (auto [input, argument] : llvm::zip(inputs, block.getArguments()))
      mapping.map(input, argument);
    OpBuilder inside = OpBuilder::atBlockEnd(&block);
    if (auto fused = dyn_cast<ir::FusedOp>(last)) {
      // The fusion's arguments are its operands, of which the dispatch has each once.
      for (auto [operand, argument] : llvm::zip(fused.getInputs(), fused.getBlock().getArguments()))
        mapping.map(argument, mapping.lookup(operand));
      for (Operation& op : fused.getBlock())
        inside.clone(op, mapping);
    } else {
      for (Operation* op : group)
        inside.clone(*op, mapping);
      SmallVector<Value> results;
      for (Value result : last->getResults())
        results.push_back(mapping.lookup(result));
      ir::YieldOp::create(inside, last->getLoc(), results);
    }
    last->replaceAllUsesWith(dispatch.getResults());
    if (rows == ir::RowKind::Outputs)
      outputs.insert(dispatch.getResults().begin(), dispatch.getResults().end());
    for (Operation* op : llvm::reverse(group))
      op->erase();
  }
};

} // namespace
} // namespace chordal
