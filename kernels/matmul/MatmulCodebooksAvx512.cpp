//===- MatmulCodebooksAvx512.cpp - matmul of formats with codebooks for AVX-512 with VNNI -----===//
//
// With the traits of this level; compiled with its flags.
//
//===----------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx512.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"

namespace chordal::kernels {

CHORDAL_DEFINE_QUANTIZED(Avx512, IQ1_S)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ1_M)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ2_XXS)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ2_XS)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ2_S)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ3_XXS)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ3_S)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ4_NL)
CHORDAL_DEFINE_QUANTIZED(Avx512, IQ4_XS)

} // namespace chordal::kernels
