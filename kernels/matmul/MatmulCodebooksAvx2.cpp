//===- MatmulCodebooksAvx2.cpp - matmul of formats with codebooks for x86-64-v3 ---------------===//
//
// With the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx2.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"

namespace chordal::kernels {

CHORDAL_CODEBOOKS(CHORDAL_DEFINE_QUANTIZED, Avx2)

} // namespace chordal::kernels
