//===- DecodeBlocks.h - exact decoding of single blocks ---------------------------------------===//
//
// What decodeRow (Decode.h) is made of: each function writes a block's weights.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Blocks.h"

namespace chordal {

// DecodeCodebooks.cpp
void decode(const BlockIQ1_S& block, float* out);
void decode(const BlockIQ1_M& block, float* out);
void decode(const BlockIQ2_XXS& block, float* out);
void decode(const BlockIQ2_XS& block, float* out);
void decode(const BlockIQ2_S& block, float* out);
void decode(const BlockIQ3_XXS& block, float* out);
void decode(const BlockIQ3_S& block, float* out);
void decode(const BlockIQ4_NL& block, float* out);
void decode(const BlockIQ4_XS& block, float* out);

// DecodeSmall.cpp
void decode(const BlockTQ1_0& block, float* out);
void decode(const BlockTQ2_0& block, float* out);
void decode(const BlockMXFP4& block, float* out);
void decode(const BlockNVFP4& block, float* out);

} // namespace chordal
