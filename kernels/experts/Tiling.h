//===- Tiling.h - the scratch of the experts' kernels -----------------------------------------===//
//
// Where a shard's working memory lies within the worker's scratch.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/matmul/Tiling.h"

namespace chordal::kernels {

/// Rows of one shard of the kernels that work row by row.
constexpr uint32_t expertRowTile = 4;

/// The scratch of a matmul, and before it the activations of one expert's rows.
struct ExpertScratch {
  uint64_t gathered = 0;
  uint64_t stride; ///< from row to row
  uint64_t matmul; ///< MatmulScratch begins here
  uint64_t bytes;  ///< in all

  // Always inlined, since kernels of all instruction-set levels use it.
  [[gnu::always_inline]] constexpr ExpertScratch(const ExpertMatmulParameters& p, uint64_t rows,
                                                 Activations activations) {
    stride = activationStride(activations == Activations::Q8 ? Q8Row::bytes(p.columns)
                                                             : 4 * uint64_t(p.columns));
    matmul = rows * stride;
    bytes = matmul + MatmulScratch(matmulParameters(p), rows, activations).bytes;
  }

  /// What the kernels of matmul are to believe: one expert's matrices, computed together.
  [[gnu::always_inline]] static constexpr MatmulParameters
  matmulParameters(const ExpertMatmulParameters& p) {
    MatmulParameters matmul{};
    matmul.columns = p.columns;
    matmul.weights = p.weights;
    matmul.outputTile = p.outputTile;
    matmul.paired = 1;
    matmul.outputs[0] = matmul.outputs[1] = p.outputs;
    return matmul;
  }
};

} // namespace chordal::kernels
