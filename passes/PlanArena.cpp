//===- PlanArena.cpp - where intermediate values lie in memory --------------------------------===//
//
// Every result of a dispatch that is neither a state nor the step's logits gets a slice of the
// arena. Two values share bytes if they are never alive together; lifetimes are counted in
// dispatches. Values are placed largest first at the lowest offset that is free (greedy by size:
// Pisarchyk and Lee 2020, arXiv:2001.03288).
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Storage.h"

#include <tuple>

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_PLANARENAPASS
#include "passes/Passes.h.inc"

namespace {

/// A value that needs memory from dispatch `first` to dispatch `last`, both included.
struct Lifetime {
  Value value;
  int64_t first, last;
  int64_t bytes;
  int64_t offset = 0;
};

struct PlanArena : impl::PlanArenaPassBase<PlanArena> {
  using PlanArenaPassBase::PlanArenaPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto tokens = function->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
    if (!tokens || function.isExternal())
      return;
    int64_t rows = tokens[1];

    SmallVector<Lifetime> lifetimes;
    for (auto dispatch : function.getOps<ir::DispatchOp>())
      for (Value result : dispatch.getResults()) {
        if (isa<ir::KvType>(result.getType()))
          continue;
        Lifetime lifetime{result, int64_t(dispatch.getId()), int64_t(dispatch.getId()),
                          activationBytes(result.getType(), rows)};
        bool returned = false;
        for (Operation* user : result.getUsers()) {
          if (auto reader = dyn_cast<ir::DispatchOp>(user))
            lifetime.last = std::max(lifetime.last, int64_t(reader.getId()));
          else
            returned = true;
        }
        if (!returned)
          lifetimes.push_back(lifetime);
      }

    int64_t arenaBytes = place(lifetimes);
    OpBuilder builder(&function.front(), function.front().begin());
    Value arena = ir::ArenaOp::create(builder, function.getLoc(), arenaBytes);
    llvm::DenseMap<Value, Value> slices;
    llvm::DenseMap<std::pair<int64_t, int64_t>, Value> known;
    for (const Lifetime& lifetime : lifetimes) {
      Value& slice = known[{lifetime.offset, lifetime.bytes}];
      if (!slice)
        slice =
            ir::SliceOp::create(builder, function.getLoc(), arena, lifetime.offset, lifetime.bytes);
      slices[lifetime.value] = slice;
    }
    for (auto dispatch : function.getOps<ir::DispatchOp>()) {
      SmallVector<Value> own;
      for (Value result : dispatch.getResults())
        if (Value slice = slices.lookup(result))
          own.push_back(slice);
      dispatch.getSlicesMutable().assign(own);
    }

    int64_t sum = 0;
    for (const Lifetime& lifetime : lifetimes)
      sum += lifetime.bytes;
    numBytes += arenaBytes;
    numBytesUnshared += sum;
    reportPassed(function, "plan-arena", "planned", "{0} bytes for {1} values of {2} bytes in all",
                 arenaBytes, lifetimes.size(), sum);
  }

  /// Gives each lifetime its offset; returns the bytes of the arena.
  int64_t place(SmallVector<Lifetime>& lifetimes) {
    SmallVector<Lifetime*> order;
    for (Lifetime& lifetime : lifetimes)
      order.push_back(&lifetime);
    // The largest first, equal ones in the order of the function.
    llvm::sort(order, [](const Lifetime* a, const Lifetime* b) {
      return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
    });
    SmallVector<Lifetime*> placed; // by offset
    int64_t end = 0;
    for (Lifetime* lifetime : order) {
      int64_t offset = 0;
      for (const Lifetime* other : placed) {
        if (other->last < lifetime->first || lifetime->last < other->first)
          continue;
        if (offset + lifetime->bytes <= other->offset)
          break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      lifetime->offset = offset;
      end = std::max(end, offset + lifetime->bytes);
      placed.insert(llvm::upper_bound(
                        placed, lifetime,
                        [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; }),
                    lifetime);
    }
    return std::max<int64_t>(end, CHORDAL_ALIGNMENT);
  }
};

} // namespace
} // namespace chordal
