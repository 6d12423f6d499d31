//===- MatmulAvx512.cpp - matmul for AVX-512 with VNNI ----------------------------------------===//
//
// All formats, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx512Vectors.h"
#include "kernels/matmul/Instantiate.h"

namespace chordal::kernels {

CHORDAL_DEFINE_FLOATS(Avx512)
CHORDAL_DEFINE_BLOCKS(Avx512)

} // namespace chordal::kernels
