//===- RowsAvx2.cpp - kernels that work row by row, for AVX2, FMA and F16C --------------------===//
//
// The kernels of Rows.h at the level x86-64-v3.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ROWS(Avx2)

} // namespace chordal::kernels
