//===- AttentionScalar.cpp - attention for any machine ----------------------------------------===//
//
// The kernels of Attention.h at the level scalar.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ATTENTION(Scalar)

} // namespace chordal::kernels
