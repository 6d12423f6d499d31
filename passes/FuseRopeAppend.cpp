//===- FuseRopeAppend.cpp - rotation and KV append in one op --------------------------------===//
//
// Looks back from an attention to the rotations of its query and of the key that is appended to
// its state.
//
//===----------------------------------------------------------------------------------------===//
#include "passes/FuseRopeAppend.h"

#include "passes/Fusion.h"
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

/// The norm per head whose result `rope` alone reads, or null.
ir::RmsNormOp headNorm(ir::RopeOp rope) {
  auto norm = rope.getX().getDefiningOp<ir::RmsNormOp>();
  if (!norm || !norm.getResult().hasOneUse() || !norm.getWeight() || !norm.getGroup() ||
      *norm.getGroup() != rope.getHeadDim())
    return nullptr;
  return norm;
}

} // namespace

bool fuseRopeAppend(ir::AttentionOp attention) {
  auto append = attention.getState().getDefiningOp<ir::KvAppendOp>();
  if (!append)
    return false; // a layer that reads another layer's state
  auto query = attention.getQuery().getDefiningOp<ir::RopeOp>();
  if (!query)
    return missed(attention, "query-not-rotated",
                  "rotation and append not fused, because the query is not the result of rope");
  auto key = append.getKey().getDefiningOp<ir::RopeOp>();
  if (!key)
    return missed(attention, "key-not-rotated",
                  "rotation and append not fused, because the key is not the result of rope");
  if (!query.getResult().hasOneUse() || !key.getResult().hasOneUse())
    return missed(attention, "result-has-other-readers",
                  "rotation and append not fused, because a rotated value has other readers");
  if (query.getTable() != key.getTable() || query.getStyle() != key.getStyle() ||
      query.getHeadDim() != key.getHeadDim())
    return missed(attention, "rope-settings-differ",
                  "rotation and append not fused, because query and key are not rotated alike");
  // The fused op takes the attention's place in line: all it reads is there by then, and nothing
  // may have read its results before.
  Block* block = attention->getBlock();
  auto comesBefore = [&](Operation* user) {
    return user->getBlock() != block || user->isBeforeInBlock(attention);
  };
  if (append->getBlock() != block || query->getBlock() != block || key->getBlock() != block ||
      llvm::any_of(append.getResult().getUsers(), comesBefore))
    return missed(attention, "result-has-other-readers",
                  "rotation and append not fused, because the state is read before");

  ir::RmsNormOp queryNorm = headNorm(query), keyNorm = headNorm(key);
  bool normalise = queryNorm && keyNorm && queryNorm.getEpsilon() == keyNorm.getEpsilon();
  if (!normalise && (queryNorm || keyNorm))
    missed(attention, "norms-differ",
           "norms per head not fused, because query and key are not normalised alike");

  SmallVector<Operation*> ops;
  SmallVector<Value> inputs = {normalise ? queryNorm.getX() : query.getX(),
                               normalise ? keyNorm.getX() : key.getX(),
                               append.getValue(),
                               query.getTable(),
                               append.getPosition(),
                               append.getSequence(),
                               append.getState()};
  if (normalise) {
    inputs.append({queryNorm.getWeight(), keyNorm.getWeight()});
    ops.append({queryNorm, keyNorm});
  }
  ops.append({query, key, append});
  OpBuilder builder(attention);
  ir::FusedOp fused =
      fuse(builder, "rope_append", ops, {query.getResult(), append.getResult()}, inputs);
  reportPassed(fused, passName, "fused-rope", "fused {0}rotation of query and key and KV append",
               normalise ? "norms per head, " : "");
  return true;
}

} // namespace chordal
