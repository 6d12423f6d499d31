//===- AttentionNeon.cpp - attention for aarch64 ----------------------------------------------===//
//
// The kernels of Attention.h at the level neon.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ATTENTION(Neon)

} // namespace chordal::kernels
