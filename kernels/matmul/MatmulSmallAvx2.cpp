//===- MatmulSmallAvx2.cpp - matmul of ternary weights and 4-bit floats for x86-64-v3 ---------===//
//
// With the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Avx2.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_SMALL(CHORDAL_DEFINE_QUANTIZED, Avx2)

} // namespace chordal::kernels
