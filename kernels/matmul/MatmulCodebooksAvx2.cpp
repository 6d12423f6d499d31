//===- MatmulCodebooksAvx2.cpp - matmul of formats with codebooks for x86-64-v3 ---------------===//
//
// With the traits of this level; compiled with its flags.
//
//===----------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx2.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"

namespace chordal::kernels {

CHORDAL_DEFINE_QUANTIZED(Avx2, IQ1_S)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ1_M)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ2_XXS)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ2_XS)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ2_S)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ3_XXS)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ3_S)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ4_NL)
CHORDAL_DEFINE_QUANTIZED(Avx2, IQ4_XS)

} // namespace chordal::kernels
