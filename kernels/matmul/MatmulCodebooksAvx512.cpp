//===- MatmulCodebooksAvx512.cpp - matmul of formats with codebooks for AVX-512 with VNNI -----===//
//
// With the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx512Vectors.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"

namespace chordal::kernels {

CHORDAL_CODEBOOKS(CHORDAL_DEFINE_QUANTIZED, Avx512)

} // namespace chordal::kernels
