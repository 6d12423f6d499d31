//===- Kernels.h - the kernel families: operands, parameters, shards --------------------------===//
//
// What every kernel of a family is given. The compiler writes these parameters into a program's
// tables and the kernels read them; the two meet nowhere else. All structs are plain 32-bit words
// (floats as their bits), so they can lie in a table.
//
// Shared conventions: activations are [rows, features], rows of float32 or of the Q8 activation
// format; a shard's index is decomposed as (row tile, factor) with the factor fastest: shard = tile
// * shardFactor + factor. Numbers of shards never depend on the number of threads.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Formats.h"
#include "kernels/experts/Parameters.h"
#include "runtime/program.h"

#include <cstddef>
#include <cstdint>

namespace chordal::kernels {

/// How activations are multiplied with the weights of a matmul.
enum class Activations : uint8_t {
  F32,
  Q8,        ///< Q8Row
  BF16x16,   ///< BF16x16Rows
  BF16x16x2, ///< BF16x16Rows of two parts
};

/// The activation format Q8. A row of n features (n a multiple of 32) is
/// int8 q[n], then float32 scale[n / 32], then int16 sum[n / 16] (sums of 16 q's).
/// value = scale * q, scale = max|x| / 127, q = round-half-to-even(x / scale).
struct Q8Row {
  static constexpr size_t scaleOffset(size_t n) { return n; }
  static constexpr size_t sumOffset(size_t n) { return n + n / 32 * 4; }
  static constexpr size_t bytes(size_t n) { return n + n / 32 * 4 + n / 16 * 2; }
};

/// The activation format BF16x16. Features (n a multiple of 32) are rounded to bfloat16, half to
/// even, and rows interleaved in blocks of 16 as matrix units take them:
/// bfloat16 [row / 16][feature / 32][feature % 32 / 2][row % 16][feature % 2]. The last block is a
/// whole one; what its rows that are not there hold is not defined.
///
/// BF16x16x2 has two parts of each feature, 16 bits of mantissa in all: x rounded, and the rest of
/// x rounded: bfloat16 [row / 16][feature / 32][part][feature % 32 / 2][row % 16][feature % 2].
struct BF16x16Rows {
  static constexpr uint64_t block = 16;
  static constexpr int parts(Activations activations) {
    return activations == Activations::BF16x16 ? 1 : activations == Activations::BF16x16x2 ? 2 : 0;
  }
  /// Of one row of n features, if it stood alone.
  static constexpr size_t bytes(Activations activations, size_t n) {
    return size_t(parts(activations)) * 2 * n;
  }
};

/// Bytes from one activation row to the next for a row of `bytes`: aligned, and an odd number of
/// cache lines, so that rows do not fall on the same sets of the cache.
constexpr uint64_t activationStride(uint64_t bytes) {
  uint64_t lines = (bytes + 63) / 64;
  return (lines | 1) * 64;
}

/// embed: rows of the embedding matrix, decoded. Operands: token (int32 [n]), matrix, output f32.
/// Shards: row tile 1 token.
struct EmbedParameters {
  uint32_t columns;
  uint32_t format; // Format of the matrix
  uint32_t vocabulary;
};

/// norm: RMS norm or layer norm (subtractMean), and quantisation of the result where wanted, to the
/// activation format that the catalogue says of the kernel. Operands: x f32, weight f32 [columns],
/// bias f32 [columns] (if hasBias, which only layer norm may), then output f32 (if writeFloat),
/// then the quantised output (if writeQuantized). Shards: row tile `rowTile` of the task.
struct NormParameters {
  uint32_t columns;
  float epsilon;
  uint32_t writeFloat, writeQuantized;
  uint32_t rowTile;
  uint32_t subtractMean = 0, hasBias = 0;
};

/// quantize: f32 rows to the kernel's activation format. Operands: x, output. Shards: row tile.
struct QuantizeParameters {
  uint32_t columns;
  uint32_t rowTile;
};

/// gather: copies f32 rows `output_row`. Operands: x, output_row (int32), output. Shards over
/// outputs.
struct GatherParameters {
  uint32_t columns;
};

constexpr uint32_t maxMatmulWeights = 4;
/// The most views that an epilogue is called with, tiles included.
constexpr uint32_t maxEpilogueViews = 16;

/// matmul: result_i = x * transpose(w_i), i < weights; x [rows, columns] in the activation format
/// that the catalogue says of the kernel, w_i [outputs[i], columns]. A kernel is for one weight
/// format: where the weights of a task differ, each weight's shards go to the kernel of its format
/// (never when `paired`). Operands: x, w_0 .. w_{n-1}, then (without epilogue) result_0 ..
/// result_{n-1}, f32. Shards: not by tokens; factor = sum of ceil(outputs[i] / outputTile), weight
/// by weight. `paired`: the weights have equal outputs and one shard computes the same tile of all
/// of them: factor = ceil(outputs[0] / outputTile). Epilogue: with functions, a shard's tile goes
/// to scratch, and then functions[i] (i the weight; one function for all if paired) is called with
/// views {tile of weight i (if paired: of all weights, in order), then
/// function_views[epilogueFirst[i]] .. [epilogueFirst[i+1])} over the shard's rows and columns; it
/// writes the results.
struct MatmulParameters {
  uint32_t columns;
  uint32_t weights;
  uint32_t outputTile;
  uint32_t paired;
  uint32_t outputs[maxMatmulWeights];
  uint32_t epilogueFirst[maxMatmulWeights + 1];
};

/// rope_append: [per-head norm of q and k,] rotation of q and k, then k and v into the KV cache.
/// Operands: q f32, k f32, v f32, rope table f32 [tokens, 2 * halfRotary] (cos, sin interleaved),
/// position, sequence, rotated q (f32; may be q itself), K state, V state, then q norm weight, k
/// norm weight (if normalise). Where nothing is done to q, `heads` is 0 and neither q nor rotated q
/// is touched; where nothing is rotated, `halfRotary` is 0 and the table is not read. Shards: row
/// tile 1 token.
struct RopeAppendParameters {
  uint32_t heads, kvHeads, keyDimension, valueDimension;
  uint32_t halfRotary; // pairs rotated in each head
  uint32_t halfSplit;  // 1: pairs (j, j + halfRotary); 0: (2j, 2j + 1)
  uint32_t kvElement;  // enum chordal_element
  uint32_t normalise;  // enum HeadNorm
  float epsilon;
  uint32_t weightPerHead = 0; // norm weights [heads * keyDimension] rather than [keyDimension]
  uint32_t ringBlocks = 0;    // of the states, see chordal_state; 0: the sequence's table
};

/// The norms of a head that rope_append computes.
enum HeadNorm : uint32_t { NoHeadNorm, RmsHeadNorm, LayerHeadNorm };

/// rope_table: operands: position, inverse frequencies f32 [half], output f32 [tokens, 2 * half]:
/// cos(p f_j) * magnitude at 2j, sin at 2j + 1. Shards: row tile.
struct RopeTableParameters {
  uint32_t half;
  float magnitude;
  uint32_t rowTile;
};

/// attention: causal attention over the KV cache, online softmax, never storing the score matrix.
/// Operands: q f32 [tokens, heads * keyDimension], position, sequence, K state, V state,
/// output f32 [tokens, heads * valueDimension], then sinks f32 [heads] (if hasSinks): one more
/// score for each head, of no position, that takes part in the softmax. Shards: row tile `rowTile`
/// tokens, the last tile first (its tokens see the most positions); factor = kvHeads * splits: a
/// shard computes all query heads of a KV head. With `splits` above 1 the blocks of positions that
/// a run of tokens sees are divided among as many shards, evenly and the same for any number of
/// threads, and the output is f32 [tokens, splits, heads * (valueDimension + 2)], see
/// PartialAttention.
struct AttentionParameters {
  uint32_t heads, kvHeads, keyDimension, valueDimension;
  float scale;
  float softcap;   // 0: none
  uint32_t window; // 0: all positions
  uint32_t kvElement;
  uint32_t rowTile;
  uint32_t hasSinks = 0;
  uint32_t ringBlocks = 0; // of the states, see chordal_state; 0: the sequence's table
  uint32_t splits = 1;
};

/// What attention to some of the positions gives: float values [heads][dimension], sums of values
/// times exp(score - maximum), then for each head the maximum of the scores and the sum of those
/// exponentials. A negative sum says that there were no positions, for this split and those after
/// it; the rest is not defined then.
struct PartialAttention {
  static constexpr uint64_t floats(uint64_t heads, uint64_t dimension) {
    return heads * (dimension + 2);
  }
  static constexpr uint64_t maximum(uint64_t heads, uint64_t dimension, uint64_t head) {
    return heads * dimension + 2 * head;
  }
  static constexpr uint64_t sum(uint64_t heads, uint64_t dimension, uint64_t head) {
    return maximum(heads, dimension, head) + 1;
  }
};

/// attention_combine: the mean of the values from partial results (Dao et al. 2023,
/// "Flash-Decoding for long-context inference"). Operands: partial f32 [tokens, splits, heads *
/// (dimension + 2)], then output f32 [tokens, heads * dimension] (if writeFloat), then the same
/// quantised to the kernel's activation format (if writeQuantized). Shards: row tile 1 token.
struct AttentionCombineParameters {
  uint32_t heads, dimension, splits;
  uint32_t writeFloat, writeQuantized;
};

enum class Isa : uint8_t; // catalogue/Catalogue.h

/// The kernel of this name ("matmul.Q4_K.gemv.avx512vnni"), or null if this build has none or a
/// machine of level `machine` (else: the one this runs on) cannot run it.
chordal_kernel find(const char* name, Isa machine);
chordal_kernel find(const char* name);

} // namespace chordal::kernels
