//===- MatmulSse.cpp - matmul for x86-64-v2 ---------------------------------------------------===//
//
// All formats, with the traits of this level; compiled with its flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Sse.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_FLOATS(CHORDAL_DEFINE_FLOAT, Sse)
CHORDAL_BLOCKS(CHORDAL_DEFINE_QUANTIZED, Sse)
CHORDAL_CODEBOOKS(CHORDAL_DEFINE_QUANTIZED, Sse)
CHORDAL_SMALL(CHORDAL_DEFINE_QUANTIZED, Sse)

} // namespace chordal::kernels
