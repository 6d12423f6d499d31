//===- MatmulNeonDotprod.cpp - matmul for aarch64 with dot products ---------------------------===//
//
// All formats of quantised weights, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Neon.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_BLOCKS(CHORDAL_DEFINE_QUANTIZED, NeonDotprod)
CHORDAL_CODEBOOKS(CHORDAL_DEFINE_QUANTIZED, NeonDotprod)
CHORDAL_SMALL(CHORDAL_DEFINE_QUANTIZED, NeonDotprod)

} // namespace chordal::kernels
