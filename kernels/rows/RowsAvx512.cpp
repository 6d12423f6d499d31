//===- RowsAvx512.cpp - kernels that work row by row, for AVX-512 -----------------------------===//
//
// The kernels of Rows.h at the level avx512vnni.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/rows/Rows.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ROWS(Avx512)

} // namespace chordal::kernels
