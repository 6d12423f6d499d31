//===- VerifySchedule.cpp - the end of the phase `schedule` -----------------------------------===//
#include "passes/Passes.h"
#include "passes/Storage.h"
#include "passes/VerifyPhase.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_VERIFYSCHEDULEPASS
#include "passes/Passes.h.inc"

namespace {

/// One access of a dispatch to the arena.
struct Access {
  int64_t id;
  bool write;
  int64_t begin, end;
  int64_t producer; ///< who wrote what is read, or `id`

  bool overlaps(const Access& other) const { return begin < other.end && other.begin < end; }
};

struct VerifySchedule : impl::VerifySchedulePassBase<VerifySchedule> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(verify(function)))
        signalPassFailure();
  }

  LogicalResult verify(func::FuncOp function) {
    auto tokens = function->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
    int64_t rows = tokens && tokens.size() == 2 ? tokens[1] : 1;
    SmallVector<llvm::BitVector> before; // by id: the dispatches that have ended when it starts
    SmallVector<Access> accesses;
    llvm::DenseMap<Value, ir::SliceOp> places;
    for (auto dispatch : function.getOps<ir::DispatchOp>()) {
      int64_t id = dispatch.getId();
      if (id != int64_t(before.size()))
        return dispatch.emitOpError() << "should be number " << before.size();
      llvm::BitVector ended(id);
      for (int64_t other : dispatch.getAfter().value_or(ArrayRef<int64_t>())) {
        ended |= before[other];
        ended.set(other);
      }
      before.push_back(ended);

      SmallVector<Access> own;
      for (Value input : dispatch.getInputs()) {
        if (auto producer = input.getDefiningOp<ir::DispatchOp>())
          if (!ended.test(producer.getId()))
            return dispatch.emitOpError() << "reads a result of dispatch " << producer.getId()
                                          << ", but does not wait for it";
        if (ir::SliceOp slice = places.lookup(input))
          own.push_back({id, false, int64_t(slice.getOffset()),
                         int64_t(slice.getOffset() + slice.getBytes()),
                         int64_t(input.getDefiningOp<ir::DispatchOp>().getId())});
      }
      size_t next = 0;
      for (Value result : dispatch.getResults()) {
        if (isa<ir::KvType>(result.getType()))
          continue;
        bool returned = llvm::any_of(result.getUsers(), llvm::IsaPred<func::ReturnOp>);
        if (returned)
          continue;
        if (next == dispatch.getSlices().size())
          return dispatch.emitOpError("has a result without a slice of the arena");
        auto slice = dispatch.getSlices()[next++].getDefiningOp<ir::SliceOp>();
        if (!slice)
          return dispatch.emitOpError("has a slice that is not of this function's arena");
        // That a slice lies within its arena the op itself verifies.
        if (int64_t needed = activationBytes(result.getType(), rows);
            int64_t(slice.getBytes()) < needed)
          return dispatch.emitOpError()
                 << "needs " << needed << " bytes for a result, but its slice has "
                 << slice.getBytes();
        places[result] = slice;
        own.push_back({id, true, int64_t(slice.getOffset()),
                       int64_t(slice.getOffset() + slice.getBytes()), id});
      }
      if (next != dispatch.getSlices().size())
        return dispatch.emitOpError("has more slices than results that need one");
      for (const Access& access : own) {
        for (const Access& other : accesses) {
          if (!access.overlaps(other))
            continue;
          if ((access.write || other.write) && !ended.test(other.id))
            return dispatch.emitOpError()
                   << (access.write ? "writes" : "reads") << " bytes " << access.begin << " to "
                   << access.end << " of the arena, which dispatch " << other.id
                   << " uses, but does not wait for it";
          if (!access.write && other.write && other.id > access.producer)
            return dispatch.emitOpError()
                   << "reads a result of dispatch " << access.producer << ", of which dispatch "
                   << other.id << " has overwritten bytes";
        }
        for (const Access& other : own)
          if (&access != &other && access.write && access.overlaps(other))
            return dispatch.emitOpError("has overlapping slices");
      }
      accesses.append(own);
    }
    return success();
  }
};

} // namespace
} // namespace chordal
