//===- RowsScalar.cpp - kernels that work row by row, for any machine -------------------------===//
//
// The kernels of Rows.h at the level scalar.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ROWS(Scalar)

} // namespace chordal::kernels
