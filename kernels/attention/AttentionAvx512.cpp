//===- AttentionAvx512.cpp - attention for AVX-512 --------------------------------------------===//
//
// The kernels of Attention.h at the level avx512vnni.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ATTENTION(Avx512)

} // namespace chordal::kernels
