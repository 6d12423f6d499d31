//===- MatmulSmallAvx512.cpp - matmul of ternary weights and 4-bit floats for AVX-512 VNNI ----===//
//
// With the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx512Vectors.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_SMALL(CHORDAL_DEFINE_QUANTIZED, Avx512)

} // namespace chordal::kernels
