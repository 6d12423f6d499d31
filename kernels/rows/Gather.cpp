//===- Gather.cpp - the rows whose logits are wanted ------------------------------------------===//
//
// Copies row output_row[i] of its input to row i of its output.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/Kernels.h"

namespace chordal::kernels {

void gatherScalar(const chordal_task_args* args, uint32_t shard) {
  const auto& parameters = *reinterpret_cast<const GatherParameters*>(args->parameters);
  const chordal_view* operands = args->operands;
  auto row = uint64_t(static_cast<const int32_t*>(operands[1].data)[shard]);
  const char* from = static_cast<const char*>(operands[0].data) + row * operands[0].row_bytes;
  char* to = static_cast<char*>(operands[2].data) + shard * operands[2].row_bytes;
  __builtin_memcpy(to, from, parameters.columns * sizeof(float));
}

} // namespace chordal::kernels
