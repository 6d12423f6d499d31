//===- MatmulAvx512.cpp - matmul for AVX-512 with VNNI ----------------------------------------===//
//
// All formats, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx512Vectors.h"
#include "kernels/matmul/Instantiate.h"

namespace chordal::kernels {

CHORDAL_FLOATS(CHORDAL_DEFINE_FLOAT, Avx512)
CHORDAL_BLOCKS(CHORDAL_DEFINE_QUANTIZED, Avx512)

} // namespace chordal::kernels
