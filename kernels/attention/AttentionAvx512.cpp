//===- AttentionAvx512.cpp - attention for AVX-512 --------------------------------------------===//
//
// The kernels of Attention.h at the level avx512vnni.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/attention/Attention.h"

namespace chordal::kernels {

CHORDAL_DEFINE_ATTENTION(Avx512)

void attendFewF16Avx512(const chordal_task_args* args, uint32_t kvHead, uint32_t split,
                        uint32_t first, uint32_t tokens) {
  attendFew<HalfElement>(AttentionContext(args, kvHead, split), first, tokens);
}

} // namespace chordal::kernels
