//===- MatmulAmx.cpp - matmul on matrix units -------------------------------------------------===//
//
// All formats but those with more bits than bfloat16; compiled with the level's flags.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/matmul/GemmAmx.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {

CHORDAL_DEFINE_AMX(BF16, UnpackBfloat)
CHORDAL_DEFINE_AMX(F16, UnpackHalf)
CHORDAL_DEFINE_AMX(Q4_0, UnpackQuantized<Q4_0>)
CHORDAL_DEFINE_AMX(Q4_1, UnpackQuantized<Q4_1>)
CHORDAL_DEFINE_AMX(Q5_0, UnpackQuantized<Q5_0>)
CHORDAL_DEFINE_AMX(Q5_1, UnpackQuantized<Q5_1>)
CHORDAL_DEFINE_AMX(Q8_0, UnpackQuantized<Q8_0>)
CHORDAL_DEFINE_AMX(Q2_K, UnpackQuantized<Q2_K>)
CHORDAL_DEFINE_AMX(Q3_K, UnpackQuantized<Q3_K>)
CHORDAL_DEFINE_AMX(Q4_K, UnpackQuantized<Q4_K>)
CHORDAL_DEFINE_AMX(Q5_K, UnpackQuantized<Q5_K>)
CHORDAL_DEFINE_AMX(Q6_K, UnpackQuantized<Q6_K>)
CHORDAL_DEFINE_AMX(IQ1_S, UnpackQuantized<IQ1_S>)
CHORDAL_DEFINE_AMX(IQ1_M, UnpackQuantized<IQ1_M>)
CHORDAL_DEFINE_AMX(IQ2_XXS, UnpackQuantized<IQ2_XXS>)
CHORDAL_DEFINE_AMX(IQ2_XS, UnpackQuantized<IQ2_XS>)
CHORDAL_DEFINE_AMX(IQ2_S, UnpackQuantized<IQ2_S>)
CHORDAL_DEFINE_AMX(IQ3_XXS, UnpackQuantized<IQ3_XXS>)
CHORDAL_DEFINE_AMX(IQ3_S, UnpackQuantized<IQ3_S>)
CHORDAL_DEFINE_AMX(IQ4_NL, UnpackQuantized<IQ4_NL>)
CHORDAL_DEFINE_AMX(IQ4_XS, UnpackQuantized<IQ4_XS>)
CHORDAL_DEFINE_AMX(TQ1_0, UnpackQuantized<TQ1_0>)
CHORDAL_DEFINE_AMX(TQ2_0, UnpackQuantized<TQ2_0>)
CHORDAL_DEFINE_AMX(MXFP4, UnpackQuantized<MXFP4>)
CHORDAL_DEFINE_AMX(NVFP4, UnpackQuantized<NVFP4>)

} // namespace chordal::kernels
