//===- FuseRopeAppend.cpp - rotation and KV append in one op ----------------------------------===//
//
// Looks back from an attention to the rotations of its query and of the key that is appended to
// its state.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FuseRopeAppend.h"

#include "passes/Fusion.h"
#include "passes/Norm.h"
#include "passes/Remarks.h"

using namespace mlir;

namespace chordal {
namespace {

constexpr llvm::StringLiteral passName = "fuse-epilogues";

template <typename... Values>
bool missed(ir::AttentionOp attention, StringRef name, const char* format,
            const Values&... values) {
  reportMissed(attention, passName, name, format, values...);
  return false;
}

/// Queries or keys: what they are before they are normalised and rotated.
struct Heads {
  ir::RopeOp rope;          ///< null: not rotated
  std::optional<Norm> norm; ///< a norm per head whose result is read nowhere else

  Heads(Value value, int64_t headDim) : rope(value.getDefiningOp<ir::RopeOp>()), before(value) {
    if (rope)
      before = rope.getX();
    norm = asNorm(before.getDefiningOp());
    if (norm && (!before.hasOneUse() || !norm->weight || norm->bias || norm->group != headDim))
      norm.reset();
  }
  /// The operand of the fused op.
  Value input(bool normalise) const { return normalise ? norm->x : before; }

private:
  Value before;
};

} // namespace

bool fuseRopeAppend(ir::AttentionOp attention) {
  auto append = attention.getState().getDefiningOp<ir::KvAppendOp>();
  if (!append)
    return false; // a layer that reads another layer's state
  Value query = attention.getQuery(), key = append.getKey();
  int64_t headDim = append.getState().getType().getKeyDim();
  Heads queries(query, headDim), keys(key, headDim);
  bool normalise = queries.norm && keys.norm && queries.norm->isLike(*keys.norm);
  if (!normalise && (queries.norm || keys.norm))
    missed(attention, "norms-differ",
           "norms per head not fused, because query and key are not normalised alike");
  // Heads that are normalised but not rotated (layers without positions) are fused too.
  if (!queries.rope && !(normalise && !keys.rope))
    return missed(attention, "query-not-rotated",
                  "rotation and append not fused, because the query is not the result of rope");
  if (!keys.rope && queries.rope)
    return missed(attention, "key-not-rotated",
                  "rotation and append not fused, because the key is not the result of rope");
  if (!query.hasOneUse() || !key.hasOneUse())
    return missed(attention, "result-has-other-readers",
                  "rotation and append not fused, because a rotated value has other readers");
  if (keys.rope && (queries.rope.getTable() != keys.rope.getTable() ||
                    queries.rope.getStyle() != keys.rope.getStyle() ||
                    queries.rope.getHeadDim() != keys.rope.getHeadDim()))
    return missed(attention, "rope-settings-differ",
                  "rotation and append not fused, because query and key are not rotated alike");
  // The fused op takes the attention's place in line: all it reads is there by then, and nothing
  // may have read its results before.
  Block* block = attention->getBlock();
  auto comesBefore = [&](Operation* user) {
    return user->getBlock() != block || user->isBeforeInBlock(attention);
  };
  if (append->getBlock() != block || query.getParentBlock() != block ||
      key.getParentBlock() != block || llvm::any_of(append.getResult().getUsers(), comesBefore))
    return missed(attention, "result-has-other-readers",
                  "rotation and append not fused, because the state is read before");

  SmallVector<Operation*> ops;
  SmallVector<Value> inputs = {queries.input(normalise), keys.input(normalise), append.getValue()};
  if (keys.rope)
    inputs.push_back(keys.rope.getTable());
  inputs.append({append.getPosition(), append.getSequence(), append.getState()});
  if (normalise) {
    inputs.append({queries.norm->weight, keys.norm->weight});
    ops.append({queries.norm->op, keys.norm->op});
  }
  if (keys.rope)
    ops.append({queries.rope, keys.rope});
  ops.push_back(append);
  OpBuilder builder(attention);
  ir::FusedOp fused = fuse(builder, "rope_append", ops, {query, append.getResult()}, inputs);
  reportPassed(fused, passName, "fused-rope", "fused {0}{1}KV append",
               normalise ? "norms per head, " : "",
               keys.rope ? "rotation of query and key and " : "");
  return true;
}

} // namespace chordal
