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

CHORDAL_DEFINE_BLOCKS(NeonDotprod)
CHORDAL_DEFINE_CODEBOOKS(NeonDotprod)
CHORDAL_DEFINE_SMALL(NeonDotprod)

} // namespace chordal::kernels
