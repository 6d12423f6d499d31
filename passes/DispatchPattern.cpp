//===- DispatchPattern.cpp - what a dispatch computes, as kernels see it ----------------------===//

#include "passes/DispatchPattern.h"

#include "passes/Norm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace chordal {
namespace {

using Kind = OperandRef::Kind;

/// Matches one dispatch.
class Matcher {
public:
  explicit Matcher(ir::DispatchOp op) : dispatch(op) {}

  FailureOr<DispatchPattern> match() {
    SmallVector<Operation*> roots;
    for (Operation& op : dispatch.getBlock().without_terminator())
      if (!isElementwise(&op))
        roots.push_back(&op);
    if (roots.empty()) {
      if (failed(matchElementwise()) || failed(checkResults()))
        return failure();
      return std::move(pattern);
    }
    LogicalResult matched =
        TypeSwitch<Operation*, LogicalResult>(roots.back())
            .Case([&](ir::MatmulOp op) { return matchMatmul(op, roots); })
            .Case([&](ir::EmbedOp op) { return simple(kernels::Family::Embed, op, roots); })
            .Case([&](ir::GatherRowsOp op) { return simple(kernels::Family::Gather, op, roots); })
            .Case([&](ir::RopeTableOp op) { return simple(kernels::Family::RopeTable, op, roots); })
            .Case([&](ir::AttentionOp op) { return matchAttention(op, roots); })
            .Case([&](ir::AttentionCombineOp op) { return matchCombine(op, nullptr, roots); })
            .Case([&](ir::RouterOp op) { return matchRouter(op, roots); })
            .Case([&](ir::GroupRoutesOp op) {
              return simple(kernels::Family::GroupRoutes, op, roots);
            })
            .Case<ir::MoeMatmulOp, ir::HeadMatmulOp>(
                [&](Operation* op) { return matchExpertMatmul(op, roots); })
            .Case([&](ir::MoeCombineOp op) { return simple(kernels::Family::Combine, op, roots); })
            .Case([&](ir::HeadSliceOp op) { return simple(kernels::Family::HeadSlice, op, roots); })
            .Case([&](ir::HeadJoinOp op) { return simple(kernels::Family::HeadJoin, op, roots); })
            .Case<ir::RmsNormOp, ir::LayerNormOp>(
                [&](Operation* op) { return matchNorm(*asNorm(op), nullptr, roots); })
            .Case([&](ir::QuantizeOp op) {
              if (std::optional<Norm> norm = asNorm(op.getX().getDefiningOp()))
                return matchNorm(*norm, op, roots);
              if (auto combine = op.getX().getDefiningOp<ir::AttentionCombineOp>())
                return matchCombine(combine, op, roots);
              return simple(kernels::Family::Quantize, op, roots);
            })
            .Case([&](ir::KvAppendOp op) { return matchRopeAppend(op, roots); })
            .Default([&](Operation* op) -> LogicalResult {
              // A rotation can be the last op of a rope_append region.
              for (Operation* other : roots)
                if (auto append = dyn_cast<ir::KvAppendOp>(other))
                  return matchRopeAppend(append, roots);
              return op->emitOpError(
                  "has no kernel of its own on this device; it must be fused with "
                  "its neighbours");
            });
    if (failed(matched) || failed(checkResults()))
      return failure();
    return std::move(pattern);
  }

private:
  /// Whether somebody writes each result. States are written in place.
  LogicalResult checkResults() {
    for (auto [index, value] : llvm::enumerate(dispatch.getYield().getValues())) {
      auto writes = [&, i = index](OperandRef ref) {
        return ref.kind == Kind::Result && ref.index == i;
      };
      bool written = llvm::any_of(pattern.operands, writes);
      for (const ElementwiseFunction& function : pattern.functions)
        written |= llvm::any_of(function.views, writes);
      if (isa<ir::KvType>(value.getType()))
        written = value.getDefiningOp<ir::KvAppendOp>() != nullptr;
      if (!written)
        return dispatch.emitOpError()
               << "yields value " << index << ", which its kernel does not compute";
    }
    return success();
  }

  OperandRef input(Value value, Kind kind = Kind::Input) {
    return {kind, cast<BlockArgument>(value).getArgNumber()};
  }

  /// Appends the dispatch's input that `value` is; fails if it is computed inside.
  LogicalResult addInput(Value value, Kind kind = Kind::Input) {
    if (!isa<BlockArgument>(value))
      return value.getDefiningOp()->emitOpError("is computed before the kernel of its dispatch: no "
                                                "kernel family covers that");
    pattern.operands.push_back(input(value, kind));
    return success();
  }

  /// The results of the dispatch that yield `value`.
  SmallVector<unsigned> resultsOf(Value value) {
    SmallVector<unsigned> indices;
    for (auto [index, yielded] : llvm::enumerate(dispatch.getYield().getValues()))
      if (yielded == value)
        indices.push_back(index);
    return indices;
  }

  LogicalResult addResult(Value value) {
    SmallVector<unsigned> indices = resultsOf(value);
    if (indices.size() != 1)
      return value.getDefiningOp()->emitOpError("must be yielded once by its dispatch");
    pattern.operands.push_back({Kind::Result, indices[0]});
    return success();
  }

  LogicalResult addInputs(ValueRange values) {
    return failure(!llvm::all_of(values, [&](Value value) { return succeeded(addInput(value)); }));
  }
  LogicalResult addResults(ValueRange values) {
    return failure(!llvm::all_of(values, [&](Value value) { return succeeded(addResult(value)); }));
  }

  /// What the dispatch does after `root`.
  SmallVector<Operation*> epilogueOf(Operation* root) {
    SmallVector<Operation*> ops;
    for (Operation& op : dispatch.getBlock().without_terminator())
      if (&op != root)
        ops.push_back(&op);
    return ops;
  }

  LogicalResult expectOps(ArrayRef<Operation*> roots, size_t count) {
    size_t all = llvm::range_size(dispatch.getBlock().without_terminator());
    if (roots.size() == count && all == count)
      return success();
    return dispatch.emitOpError("holds ops that no kernel computes together");
  }

  /// A family whose operands are the op's operands and then its result.
  LogicalResult simple(kernels::Family family, Operation* op, ArrayRef<Operation*> roots) {
    pattern.family = family;
    pattern.root = op;
    return failure(failed(expectOps(roots, 1)) || failed(addInputs(op->getOperands())) ||
                   failed(addResult(op->getResult(0))));
  }

  LogicalResult matchNorm(const Norm& norm, ir::QuantizeOp quantize, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::Norm;
    pattern.root = norm.op;
    if (failed(expectOps(roots, quantize ? 2 : 1)))
      return failure();
    if (norm.group)
      return norm.op->emitOpError(
          "per group of features has no kernel of its own; it must be fused into "
          "rope_append");
    if (!norm.weight)
      return norm.op->emitOpError("without a weight has no kernel");
    if (failed(addInput(norm.x)) || failed(addInput(norm.weight)) ||
        (norm.bias && failed(addInput(norm.bias))))
      return failure();
    return addResultAndQuantized(norm.result(), quantize);
  }

  /// A value, if it is yielded, and the same quantised, if it is.
  LogicalResult addResultAndQuantized(Value value, ir::QuantizeOp quantize) {
    if (!resultsOf(value).empty() && failed(addResult(value)))
      return failure();
    return quantize ? addResult(quantize.getResult()) : success();
  }

  LogicalResult matchCombine(ir::AttentionCombineOp op, ir::QuantizeOp quantize,
                             ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::AttentionCombine;
    pattern.root = op;
    return failure(failed(expectOps(roots, quantize ? 2 : 1)) ||
                   failed(addInput(op.getPartial())) ||
                   failed(addResultAndQuantized(op.getResult(), quantize)));
  }

  LogicalResult matchAttention(ir::AttentionOp op, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::Attention;
    pattern.root = op;
    if (failed(expectOps(roots, 1)) || failed(addInput(op.getQuery())) ||
        failed(addInput(op.getPosition())) || failed(addInput(op.getSequence())) ||
        failed(addInput(op.getState(), Kind::StateKeys)) ||
        failed(addInput(op.getState(), Kind::StateValues)))
      return failure();
    if (failed(addResult(op.getResult())))
      return failure();
    return op.getSinks() ? addInput(op.getSinks()) : success();
  }

  LogicalResult matchRouter(ir::RouterOp op, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::Router;
    pattern.root = op;
    return failure(failed(expectOps(roots, 1)) || failed(addInputs(op->getOperands())) ||
                   failed(addResults(op->getResults())));
  }

  /// A matmul of experts or heads, and of two results perhaps the glu that gates one with the
  /// other.
  LogicalResult matchExpertMatmul(Operation* op, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::ExpertMatmul;
    pattern.root = op;
    if (roots.size() != 1)
      return dispatch.emitOpError("holds ops that no kernel computes together");
    if (failed(addInputs(op->getOperands())))
      return failure();
    SmallVector<Operation*> epilogue = epilogueOf(op);
    if (epilogue.empty())
      return addResults(op->getResults());
    auto glu = dyn_cast<ir::GluOp>(epilogue[0]);
    if (epilogue.size() != 1 || !glu || op->getNumResults() != 2 ||
        glu.getGate() != op->getResult(0) || glu.getUp() != op->getResult(1))
      return op->emitOpError("of experts has a kernel alone or with the glu of its two results");
    ElementwiseFunction function;
    function.tiles.assign({glu.getGate(), glu.getUp()});
    function.ops.push_back(glu);
    if (failed(finishFunction(function)))
      return failure();
    if (function.views.size() != 1)
      return glu.emitOpError("must be yielded once by its dispatch, and what it reads not at all");
    pattern.paired = true;
    pattern.functions.push_back(std::move(function));
    return success();
  }

  /// How the queries or the keys of a rope_append come about.
  struct Heads {
    ir::RopeOp rope;          ///< null: not rotated
    std::optional<Norm> norm; ///< none: not normalised
    Value x;                  ///< before all that

    explicit Heads(Value value) : rope(value.getDefiningOp<ir::RopeOp>()) {
      norm = asNorm(rope ? rope.getX().getDefiningOp() : value.getDefiningOp());
      x = norm ? norm->x : rope ? rope.getX() : value;
    }
    unsigned ops() const { return (rope ? 1 : 0) + (norm ? 1 : 0); }
  };

  /// [norm of each head of q and k,] [rope of q and k,] kv_append. Without the first two nothing
  /// happens to q, and operands that the kernel then leaves alone are given any value.
  LogicalResult matchRopeAppend(ir::KvAppendOp append, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::RopeAppend;
    pattern.root = append;
    Value query;
    for (Value yielded : dispatch.getYield().getValues())
      if (yielded != append.getResult())
        query = yielded;
    Heads keys(append.getKey());
    Heads queries(query ? query : append.getKey());
    if (!query && keys.ops() != 0)
      return append.emitOpError(
          "has a kernel only together with the norms and rotations of queries and keys");
    if (failed(expectOps(roots, 1 + (query ? queries.ops() + keys.ops() : 0))))
      return failure();
    if (!queries.rope != !keys.rope || !queries.norm != !keys.norm ||
        (keys.rope && (queries.rope.getTable() != keys.rope.getTable() ||
                       queries.rope.getStyle() != keys.rope.getStyle())) ||
        (keys.norm && !queries.norm->isLike(*keys.norm)))
      return append.emitOpError("has a kernel only if queries and keys are treated alike");
    Value anything = append.getPosition();
    if (failed(addInput(query ? queries.x : anything)) || failed(addInput(keys.x)) ||
        failed(addInput(append.getValue())) ||
        failed(addInput(keys.rope ? keys.rope.getTable() : anything)) ||
        failed(addInput(append.getPosition())) || failed(addInput(append.getSequence())) ||
        failed(query ? addResult(query) : addInput(anything)) ||
        failed(addInput(append.getState(), Kind::StateKeys)) ||
        failed(addInput(append.getState(), Kind::StateValues)))
      return failure();
    if (!keys.norm)
      return success();
    if (!queries.norm->weight || !keys.norm->weight || queries.norm->bias || keys.norm->bias)
      return append.emitOpError("has a kernel only for norms with weights and without biases");
    return failure(failed(addInput(queries.norm->weight)) || failed(addInput(keys.norm->weight)));
  }

  /// Whether `operand` only gives the shape of the op's result.
  static bool isShapeOnly(Operation* op, Value operand) {
    auto broadcast = dyn_cast<ir::BroadcastOp>(op);
    return broadcast && operand == broadcast.getLike();
  }

  /// Reads and writes of the ops of one function.
  LogicalResult finishFunction(ElementwiseFunction& function) {
    llvm::SmallSetVector<Value, 8> reads;
    for (Operation* op : function.ops)
      for (Value operand : op->getOperands())
        if (isa<BlockArgument>(operand) && !isShapeOnly(op, operand))
          reads.insert(operand);
    for (Value value : reads) {
      function.reads.push_back(value);
      function.views.push_back(input(value));
    }
    for (auto [index, yielded] : llvm::enumerate(dispatch.getYield().getValues())) {
      Operation* producer = yielded.getDefiningOp();
      bool own = llvm::is_contained(function.tiles, yielded) ||
                 (producer && llvm::is_contained(function.ops, producer));
      if (!own)
        continue;
      function.writes.push_back(yielded);
      function.views.push_back({Kind::Result, unsigned(index)});
    }
    if (function.writes.empty())
      return dispatch.emitOpError("holds element-wise code whose results are not yielded");
    return success();
  }

  LogicalResult matchElementwise() {
    ElementwiseFunction function;
    for (Operation& op : dispatch.getBlock().without_terminator())
      function.ops.push_back(&op);
    if (failed(finishFunction(function)))
      return failure();
    pattern.functions.push_back(std::move(function));
    return success();
  }

  LogicalResult matchMatmul(ir::MatmulOp matmul, ArrayRef<Operation*> roots) {
    pattern.family = kernels::Family::Matmul;
    pattern.root = matmul;
    if (roots.size() != 1)
      return dispatch.emitOpError("holds ops that no kernel computes together");
    if (matmul.getWeights().size() > kernels::maxMatmulWeights)
      return matmul.emitOpError() << "has " << matmul.getWeights().size()
                                  << " weights; kernels take at most " << kernels::maxMatmulWeights;
    if (failed(addInput(matmul.getX())) || failed(addInputs(matmul.getWeights())))
      return failure();
    SmallVector<Operation*> epilogue = epilogueOf(matmul);
    if (epilogue.empty())
      return addResults(matmul.getResults());

    // Weights whose results meet in the epilogue are computed together.
    llvm::EquivalenceClasses<Value> meeting;
    for (Value result : matmul.getResults())
      meeting.insert(result);
    for (Operation* op : epilogue)
      for (Value operand : op->getOperands())
        if (!isa<BlockArgument>(operand) && !isShapeOnly(op, operand))
          meeting.unionSets(operand, op->getResult(0));
    unsigned groups = 0;
    SmallVector<Value> leaders;
    for (Value result : matmul.getResults()) {
      Value leader = meeting.getLeaderValue(result);
      if (!llvm::is_contained(leaders, leader))
        leaders.push_back(leader), ++groups;
    }
    size_t weights = matmul.getWeights().size();
    pattern.paired = weights > 1 && groups == 1;
    if (groups != weights && groups != 1)
      return matmul.emitOpError("has an epilogue that joins some of its results and not others");
    for (Value leader : leaders) {
      ElementwiseFunction function;
      for (Value result : matmul.getResults())
        if (meeting.getLeaderValue(result) == leader)
          function.tiles.push_back(result);
      for (Operation* op : epilogue)
        if (meeting.findLeader(op->getResult(0)) != meeting.member_end() &&
            meeting.getLeaderValue(op->getResult(0)) == leader)
          function.ops.push_back(op);
      if (failed(finishFunction(function)))
        return failure();
      pattern.functions.push_back(std::move(function));
    }
    return success();
  }

  ir::DispatchOp dispatch;
  DispatchPattern pattern;
};

} // namespace

bool isElementwise(Operation* op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, ir::GluOp,
             ir::ActivateOp, ir::ScaleOp, ir::SoftcapOp, ir::BroadcastOp>(op);
}

size_t parameterWords(std::optional<kernels::Family> family) {
  if (!family)
    return 1;
  switch (*family) {
  case kernels::Family::Embed:
    return sizeof(kernels::EmbedParameters) / 4;
  case kernels::Family::Norm:
    return sizeof(kernels::NormParameters) / 4;
  case kernels::Family::Quantize:
    return sizeof(kernels::QuantizeParameters) / 4;
  case kernels::Family::Gather:
    return sizeof(kernels::GatherParameters) / 4;
  case kernels::Family::Matmul:
    return sizeof(kernels::MatmulParameters) / 4;
  case kernels::Family::RopeTable:
    return sizeof(kernels::RopeTableParameters) / 4;
  case kernels::Family::RopeAppend:
    return sizeof(kernels::RopeAppendParameters) / 4;
  case kernels::Family::Attention:
    return sizeof(kernels::AttentionParameters) / 4;
  case kernels::Family::AttentionCombine:
    return sizeof(kernels::AttentionCombineParameters) / 4;
  case kernels::Family::Router:
    return sizeof(kernels::RouterParameters) / 4;
  case kernels::Family::GroupRoutes:
    return sizeof(kernels::GroupRoutesParameters) / 4;
  case kernels::Family::ExpertMatmul:
    return sizeof(kernels::ExpertMatmulParameters) / 4;
  case kernels::Family::Combine:
    return sizeof(kernels::CombineParameters) / 4;
  case kernels::Family::HeadSlice:
    return sizeof(kernels::HeadSliceParameters) / 4;
  case kernels::Family::HeadJoin:
    return sizeof(kernels::HeadJoinParameters) / 4;
  }
  llvm_unreachable("all families are handled");
}

FailureOr<DispatchPattern> matchDispatch(ir::DispatchOp dispatch) {
  return Matcher(dispatch).match();
}

} // namespace chordal
