//===- MatmulNeon.cpp - matmul for aarch64 ----------------------------------------------------===//
//
// All formats, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Neon.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_FLOATS(CHORDAL_DEFINE_FLOAT, Neon)
CHORDAL_BLOCKS(CHORDAL_DEFINE_QUANTIZED, Neon)
CHORDAL_CODEBOOKS(CHORDAL_DEFINE_QUANTIZED, Neon)
CHORDAL_SMALL(CHORDAL_DEFINE_QUANTIZED, Neon)

} // namespace chordal::kernels
