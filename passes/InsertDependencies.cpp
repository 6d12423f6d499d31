//===- InsertDependencies.cpp - which dispatches must have ended before another ---------------===//
//
// A dispatch waits for those whose results it reads, and for those that still read or write the
// bytes it is about to write. What follows from other dependencies is left out.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"

#include <deque>

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_INSERTDEPENDENCIESPASS
#include "passes/Passes.h.inc"

namespace {

/// Who touched a slice last.
struct Use {
  ir::SliceOp slice;
  int64_t writer;
  SmallVector<int64_t> readers;
};

bool overlap(ir::SliceOp a, ir::SliceOp b) {
  return a.getOffset() < b.getOffset() + b.getBytes() &&
         b.getOffset() < a.getOffset() + a.getBytes();
}

bool covers(ir::SliceOp a, ir::SliceOp b) {
  return a.getOffset() <= b.getOffset() &&
         b.getOffset() + b.getBytes() <= a.getOffset() + a.getBytes();
}

struct InsertDependencies : impl::InsertDependenciesPassBase<InsertDependencies> {
  using InsertDependenciesPassBase::InsertDependenciesPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    std::deque<Use> uses;                 // of all slices, at fixed addresses
    llvm::DenseMap<Value, Use*> useOf;    // result -> the use of its slice
    SmallVector<Use*> live;               // slices written and not yet overwritten
    SmallVector<llvm::BitVector> implied; // by id: all dispatches known to have ended
    for (auto dispatch : function.getOps<ir::DispatchOp>()) {
      int64_t id = dispatch.getId();
      if (id != int64_t(implied.size())) {
        dispatch.emitOpError() << "should be number " << implied.size();
        return signalPassFailure();
      }
      llvm::SmallSetVector<int64_t, 8> after;
      for (Value input : dispatch.getInputs()) {
        if (auto producer = input.getDefiningOp<ir::DispatchOp>())
          after.insert(producer.getId());
        if (Use* use = useOf.lookup(input))
          use->readers.push_back(id);
      }
      unsigned next = 0;
      for (Value result : dispatch.getResults()) {
        if (isa<ir::KvType>(result.getType()) || next >= dispatch.getSlices().size())
          continue;
        auto slice = dispatch.getSlices()[next++].getDefiningOp<ir::SliceOp>();
        if (!slice) {
          dispatch.emitOpError("has a slice that is not of this function's arena");
          return signalPassFailure();
        }
        for (Use* use : live) {
          if (!overlap(slice, use->slice))
            continue;
          if (use->writer != id)
            after.insert(use->writer);
          for (int64_t reader : use->readers)
            if (reader != id)
              after.insert(reader);
        }
        // Whoever waits for this dispatch waits for the users of the slices it covers whole.
        llvm::erase_if(live,
                       [&](Use* use) { return use->writer != id && covers(slice, use->slice); });
        live.push_back(&uses.emplace_back(Use{slice, id, {}}));
        useOf[result] = live.back();
      }
      llvm::BitVector ended(id);
      SmallVector<int64_t> sorted(after.begin(), after.end());
      llvm::sort(sorted);
      SmallVector<int64_t> needed;
      for (int64_t other : llvm::reverse(sorted)) {
        ++numFound;
        if (ended.test(other))
          continue;
        needed.push_back(other);
        ended |= implied[other];
        ended.set(other);
      }
      implied.push_back(std::move(ended));
      llvm::sort(needed);
      numKept += needed.size();
      if (needed.empty())
        dispatch.removeAfterAttr();
      else
        dispatch.setAfterAttr(DenseI64ArrayAttr::get(&getContext(), needed));
    }
  }
};

} // namespace
} // namespace chordal
