//===- MatmulNeonI8mm.cpp - matmul for aarch64 with products of small matrices ----------------===//
//
// Many rows of all formats of quantised weights, with the traits of this level; compiled with its
// flags. One row has nothing to gain from them.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Neon.h"
#include "kernels/matmul/Instantiate.h"
#include "kernels/matmul/PairGemm.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

#define CHORDAL_DEFINE_PAIRS(level, format)                                                        \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemm##level, PairGemm<level, format>)                      \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##level, Gemv<level, format>, PairGemm<level, format>)

CHORDAL_BLOCKS(CHORDAL_DEFINE_PAIRS, NeonI8mm)
CHORDAL_CODEBOOKS(CHORDAL_DEFINE_PAIRS, NeonI8mm)
CHORDAL_SMALL(CHORDAL_DEFINE_PAIRS, NeonI8mm)

} // namespace chordal::kernels
