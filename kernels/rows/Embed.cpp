//===- Embed.cpp - rows of the embedding matrix -----------------------------------------------===//
//
// Decodes the row of each token, exactly. One row is a few microseconds of a step, so this is the
// scalar decoder at every level.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Decode.h"
#include "kernels/Kernels.h"

namespace chordal::kernels {

void embedScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& parameters = *reinterpret_cast<const EmbedParameters*>(args->parameters);
  const chordal_view* operands = args->operands;
  // Ids were checked against the vocabulary when the step was made.
  auto token = uint64_t(static_cast<const int32_t*>(operands[0].data)[shard]);
  const auto* row = static_cast<const std::byte*>(operands[1].data) + token * operands[1].row_bytes;
  auto* out = static_cast<std::byte*>(operands[2].data) + shard * operands[2].row_bytes;
  decodeRow(Format(parameters.format), row, parameters.columns, reinterpret_cast<float*>(out));
}

} // namespace chordal::kernels
