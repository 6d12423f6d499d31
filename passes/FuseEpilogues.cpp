//===- FuseEpilogues.cpp - what follows a matmul is computed with it --------------------------===//
//
// Follows each result of a matmul to its only reader, as long as readers are element-wise, and
// fuses the chain into the matmul. (Rotation and KV append: FuseRopeAppend.cpp.)
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FuseRopeAppend.h"
#include "passes/Fusion.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Weights.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_FUSEEPILOGUESPASS
#include "passes/Passes.h.inc"

namespace {

/// Ops that compute each element of their result from the same element of their operands.
bool isElementwise(Operation* op) {
  return op->getNumResults() == 1 &&
         (isa<ir::GluOp, ir::ActivateOp, ir::ScaleOp, ir::SoftcapOp>(op) ||
          OpTrait::hasElementwiseMappableTraits(op));
}

/// The broadcast that defines `value`, or null.
ir::BroadcastOp broadcastOf(Value value) {
  return value.getDefiningOp<ir::BroadcastOp>();
}

/// Whether `user` is a broadcast to the shape of `value`, and `reader` alone reads it.
bool onlyShapes(Operation* user, Value value, Operation* reader) {
  auto broadcast = dyn_cast<ir::BroadcastOp>(user);
  return broadcast && broadcast.getLike() == value &&
         llvm::all_of(broadcast->getUsers(), [&](Operation* op) { return op == reader; });
}

/// The one op that reads `value`, not counting broadcasts that it reads too; null if there is none
/// or several. `elementwise`: set if any reader is element-wise.
Operation* onlyReader(Value value, bool& elementwise) {
  Operation* reader = nullptr;
  for (Operation* user : value.getUsers()) {
    elementwise |= isElementwise(user);
    if (!isa<ir::BroadcastOp>(user) && !reader)
      reader = user;
  }
  for (Operation* user : value.getUsers())
    if (user != reader && !(reader && onlyShapes(user, value, reader)))
      return nullptr;
  return reader;
}

/// "Q4_K 5632x2048": a weight in a remark.
std::string describe(Value weight) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto type = dyn_cast<ir::QuantizedType>(weight.getType()))
    stream << type.getFormat() << ' ' << type.getRows() << 'x' << type.getColumns();
  else
    stream << weight.getType();
  return text;
}

/// A matmul and the chains of ops that grow from its results.
class Epilogue {
public:
  explicit Epilogue(ir::MatmulOp matmul)
      : matmul(matmul), ends(matmul.getResults().begin(), matmul.getResults().end()) {}

  /// Takes in all that can be taken in.
  void grow() {
    // A chain that waits for another one (to be combined with it) is tried again.
    for (bool grown = true; grown;) {
      grown = false;
      for (size_t i = 0; i < ends.size(); ++i)
        while (i < ends.size() && extend(ends[i]))
          grown = true;
    }
    for (const auto& [op, why] : misses)
      if (!llvm::is_contained(ops, op))
        reportMissed(matmul, "fuse-epilogues", why.first, "{0}", why.second);
  }

  size_t size() const { return ops.size(); }

  ir::FusedOp fuse() {
    SmallVector<Operation*> all = {matmul};
    llvm::append_range(all, ops);
    SmallVector<Value> inputs(matmul->getOperands());
    OpBuilder builder(matmul);
    return chordal::fuse(builder, "matmul_epilogue", all, ends, inputs);
  }

private:
  /// Takes in the reader of `end`, if that is possible, and makes its result the end of the chain.
  bool extend(Value end) {
    bool elementwise = false;
    Operation* reader = onlyReader(end, elementwise);
    if (!reader) {
      if (elementwise && end.getDefiningOp() == matmul)
        missed(matmul, "result-has-other-readers",
               "not fused with what follows, because the result has other readers");
      return false;
    }
    if (!isElementwise(reader) || reader->getBlock() != matmul->getBlock() ||
        reader->getResult(0).getType() != end.getType())
      return false;
    SmallVector<ir::BroadcastOp> broadcasts;
    Value other; // the end of the chain that this one meets
    for (Value operand : reader->getOperands()) {
      if (operand == end)
        continue;
      ir::BroadcastOp broadcast = broadcastOf(operand);
      if (llvm::is_contained(ends, operand))
        other = operand;
      else if (broadcast && canBeReadyBefore(broadcast.getVector(), matmul))
        broadcasts.push_back(broadcast);
      else if (isInside(operand) || !canBeReadyBefore(operand, matmul))
        // Of two matmuls that are added, the later one takes the addition in.
        return missed(reader, "operand-comes-later",
                      "not fused with {0}, because that also reads what is "
                      "computed after the matmul",
                      reader->getName().getStringRef());
    }
    if (other && !canCombine(reader, other))
      return false;

    OpBuilder builder(reader);
    for (ir::BroadcastOp broadcast : broadcasts)
      takeIn(broadcast, reader, end, builder);
    for (Value operand : reader->getOperands())
      if (operand != end && operand != other && !isInside(operand))
        makeReadyBefore(operand, matmul);
    ops.push_back(reader);
    if (other)
      llvm::erase(ends, other);
    *llvm::find(ends, end) = reader->getResult(0);
    return true;
  }

  /// Whether one op may read two chains: a worker has the same tile of both.
  bool canCombine(Operation* reader, Value other) {
    auto weights = matmul.getWeights();
    bool elementwise = false;
    if (onlyReader(other, elementwise) != reader)
      return missed(reader, "result-has-other-readers",
                    "not fused with {0}, because another result that it reads has other readers",
                    reader->getName().getStringRef());
    if (weights.size() != 2)
      return missed(reader, "weights-differ",
                    "not fused with {0}, because only results of matmuls of two weights are "
                    "combined, and this has {1}",
                    reader->getName().getStringRef(), weights.size());
    if (weights[0].getType() != weights[1].getType())
      return missed(reader, "weights-differ",
                    "not fused with {0}, because the weights differ ({1}, {2})",
                    reader->getName().getStringRef(), describe(weights[0]), describe(weights[1]));
    return true;
  }

  /// Takes in a broadcast, to the shape of `end`; a copy if it has other readers.
  void takeIn(ir::BroadcastOp broadcast, Operation* reader, Value end, OpBuilder& builder) {
    makeReadyBefore(broadcast.getVector(), matmul);
    auto copy = ir::BroadcastOp::create(builder, broadcast.getLoc(), broadcast.getVector(), end);
    reader->replaceUsesOfWith(broadcast, copy);
    if (broadcast->use_empty())
      broadcast->erase();
    ops.push_back(copy);
  }

  bool isInside(Value value) const { return llvm::is_contained(ops, value.getDefiningOp()); }

  /// Remembers why `op` was not taken in; a later attempt, from another chain, may succeed.
  template <typename... Values>
  bool missed(Operation* op, StringRef name, const char* format, const Values&... values) {
    if (op->getContext()->getRemarkEngine()) [[unlikely]]
      misses[op] = {name, llvm::formatv(format, values...).str()};
    return false;
  }

  ir::MatmulOp matmul;
  SmallVector<Value> ends;
  SmallVector<Operation*> ops;
  llvm::MapVector<Operation*, std::pair<StringRef, std::string>> misses;
};

struct FuseEpiloguesPass : impl::FuseEpiloguesPassBase<FuseEpiloguesPass> {
  void runOnOperation() override {
    for (Block& block : getOperation().getBody()) {
      SmallVector<ir::MatmulOp> matmuls(block.getOps<ir::MatmulOp>());
      for (ir::MatmulOp matmul : matmuls)
        fuseMatmul(matmul);
      SmallVector<ir::AttentionOp> attentions(block.getOps<ir::AttentionOp>());
      for (ir::AttentionOp attention : attentions)
        numRopeAppends += fuseRopeAppend(attention);
    }
  }

  void fuseMatmul(ir::MatmulOp matmul) {
    Epilogue epilogue(matmul);
    epilogue.grow();
    if (epilogue.size() == 0)
      return;
    ir::FusedOp fused = epilogue.fuse();
    ++numEpilogues;
    numElementwise += epilogue.size();
    reportPassed(fused, getArgumentName(), "fused", "fused {0} element-wise ops into a matmul",
                 epilogue.size());
  }
};

} // namespace
} // namespace chordal
