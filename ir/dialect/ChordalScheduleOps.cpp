//===- ChordalScheduleOps.cpp - the ops of a plan ---------------------------------------------===//
//
// Verification of what the arena holds.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

using namespace mlir;
using namespace chordal::ir;

LogicalResult ArenaOp::verify() {
  if (static_cast<int64_t>(getBytes()) < 0)
    return emitOpError("must have a size that is not negative");
  return success();
}

LogicalResult SliceOp::verify() {
  int64_t offset = getOffset(), bytes = getBytes();
  if (offset < 0 || bytes < 0)
    return emitOpError("must have an offset and a size that are not negative");
  if (offset % 64 != 0)
    return emitOpError() << "must have an offset that is a multiple of 64, not " << offset;
  auto arena = getArena().getDefiningOp<ArenaOp>();
  if (arena && (offset > int64_t(arena.getBytes()) || bytes > int64_t(arena.getBytes()) - offset))
    return emitOpError() << "ends at byte " << offset + bytes << ", but the arena has "
                         << arena.getBytes();
  return success();
}
