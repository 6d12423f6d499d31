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

CHORDAL_DEFINE_FLOATS(Neon)
CHORDAL_DEFINE_BLOCKS(Neon)
CHORDAL_DEFINE_CODEBOOKS(Neon)
CHORDAL_DEFINE_SMALL(Neon)

} // namespace chordal::kernels
