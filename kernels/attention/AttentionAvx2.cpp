//===- AttentionAvx2.cpp - attention for AVX2, FMA and F16C -----------------------------------===//
//
// The kernels of Attention.h at the level x86-64-v3.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ATTENTION(Avx2)

} // namespace chordal::kernels
