//===- MatmulAvx2.cpp - matmul for x86-64-v3 --------------------------------------------------===//
//
// All formats, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx2.h"
#include "kernels/matmul/Instantiate.h"

namespace chordal::kernels {

CHORDAL_FLOATS(CHORDAL_DEFINE_FLOAT, Avx2)
CHORDAL_BLOCKS(CHORDAL_DEFINE_QUANTIZED, Avx2)

} // namespace chordal::kernels
