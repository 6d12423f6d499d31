//===- RowsAmx.cpp - activations for matrix units ---------------------------------------------===//
//
// norm and quantize to BF16x16Rows: 16 rows at a time, interleaved by transposing 16 pairs of
// features of each.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/isa/Amx.h"
#include "kernels/rows/Rows.h"

namespace chordal::kernels {
namespace {

constexpr uint32_t blockRows = BF16x16Rows::block;
static_assert(lanes == 16);

/// Interleaves rows [begin, end), at most a block of them. value(row - begin, column) gives 16
/// features of a row.
template <int parts, typename Value>
CHORDAL_INLINE void interleave(const chordal_view& out, uint32_t begin, uint32_t end,
                               uint32_t columns, Value value) {
  auto* to = static_cast<uint8_t*>(out.data) + begin * out.row_bytes;
  for (uint32_t column = 0; column < columns; column += 32, to += parts * 1024) {
    __m512i rows[blockRows], low[blockRows];
#pragma unroll
    for (uint32_t r = 0; r < blockRows; ++r) {
      // Rows that are not there repeat the last.
      const uint32_t row = begin + r < end ? r : end - begin - 1;
      if constexpr (parts == 1)
        rows[r] = toBfloat((__m512)value(row, column), (__m512)value(row, column + 16));
      else
        split((__m512)value(row, column), (__m512)value(row, column + 16), rows[r], low[r]);
    }
    transpose16(rows);
#pragma unroll
    for (uint32_t r = 0; r < blockRows; ++r)
      _mm512_store_si512(to + r * 64, rows[r]);
    if constexpr (parts == 2) {
      transpose16(low);
#pragma unroll
      for (uint32_t r = 0; r < blockRows; ++r)
        _mm512_store_si512(to + 1024 + r * 64, low[r]);
    }
  }
}

template <int parts, bool centred> void normBlock(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const NormParameters*>(args->parameters);
  const uint32_t begin = shard * blockRows, end = tileEnd(args, begin, blockRows);
  const chordal_view* operands = args->operands;
  const float* weight = static_cast<const float*>(operands[1].data);
  const float* bias = p.hasBias ? static_cast<const float*>(operands[2].data) : nullptr;
  const chordal_view* outputs = operands + (p.hasBias ? 3 : 2);
  const float* x[blockRows];
  alignas(Normaliser<centred>) uint8_t memory[blockRows * sizeof(Normaliser<centred>)];
  auto* norms = reinterpret_cast<Normaliser<centred>*>(memory);
  for (uint32_t row = begin; row < end; ++row) {
    x[row - begin] = rowOf<const float>(operands[0], row);
    norms[row - begin] = Normaliser<centred>(x[row - begin], p.columns, p.epsilon, weight, bias);
    if (p.writeFloat)
      norms[row - begin].apply(x[row - begin], p.columns, rowOf<float>(outputs[0], row));
  }
  if (p.writeQuantized)
    interleave<parts>(outputs[p.writeFloat ? 1 : 0], begin, end, p.columns,
                      [&](uint32_t r, uint32_t column) { return norms[r].at(x[r], column, load); });
}

template <int parts> void normShardAmx(const chordal_task_args* args, uint32_t shard) {
  if (reinterpret_cast<const NormParameters*>(args->parameters)->subtractMean)
    normBlock<parts, true>(args, shard);
  else
    normBlock<parts, false>(args, shard);
}

template <int parts> void quantizeShardAmx(const chordal_task_args* args, uint32_t shard) {
  const auto& p = *reinterpret_cast<const QuantizeParameters*>(args->parameters);
  const uint32_t begin = shard * blockRows;
  interleave<parts>(args->operands[1], begin, tileEnd(args, begin, blockRows), p.columns,
                    [&](uint32_t r, uint32_t column) {
                      return load(rowOf<const float>(args->operands[0], begin + r) + column);
                    });
}

} // namespace

#define CHORDAL_DEFINE(name, body)                                                                 \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    body(args, shard);                                                                             \
  }
CHORDAL_DEFINE(normBF16x16Amx, normShardAmx<1>)
CHORDAL_DEFINE(normBF16x16x2Amx, normShardAmx<2>)
CHORDAL_DEFINE(quantizeBF16x16Amx, quantizeShardAmx<1>)
CHORDAL_DEFINE(quantizeBF16x16x2Amx, quantizeShardAmx<2>)

} // namespace chordal::kernels
