//===- RowsNeon.cpp - kernels that work row by row, for aarch64 -------------------------------===//
//
// The kernels of Rows.h at the level neon.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ROWS(Neon)

} // namespace chordal::kernels
