//===- FuseRopeAppend.h - rotation and KV append in one op ------------------------------------===//
//
// The part of fuse-epilogues that belongs to attention rather than to matmuls.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"

namespace chordal {

/// Fuses what makes the query of `attention` and the state it reads: the rotations of query and
/// key, the norms per head before them if both have one, and the append of key and value. Returns
/// whether it did; if not, a remark says why.
bool fuseRopeAppend(ir::AttentionOp attention);

} // namespace chordal
