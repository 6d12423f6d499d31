//===- Decode.h - exact decoding of tensor rows to float --------------------------------------===//
//
// The scalar definition of what stored weights mean. Slow and exact: everything else (kernels,
// repacked layouts, the reference interpreter) is judged against it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Formats.h"

#include <cstddef>

namespace chordal {

/// Whether decodeRow knows the format: F32, F16, BF16 and all formats of weights that files hold;
/// not the integers, F64, and Q8_1 and Q8_K, which are for activations.
bool canDecode(Format format);

/// Decodes `weights` weights (a whole number of blocks) to float. `blocks` needs no alignment. The
/// format must be one that canDecode() accepts.
void decodeRow(Format format, const std::byte* blocks, size_t weights, float* out);

} // namespace chordal
