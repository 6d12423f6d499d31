//===- Arithmetic.h - what the ops compute ----------------------------------------------------===//
//
// The numbers of the graph's ops, on plain arrays: float32 in and out, sums and functions in
// float64. Slow and plain; everything faster is judged against it. Results do not depend on the
// number of threads: each element is computed by one of them, in a fixed order.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <xtensor/xarray.hpp>

namespace chordal::reference {

using Floats = xt::xarray<float>;
using Ints = xt::xarray<int32_t>;

/// An uninitialised array [rows, columns].
Floats makeRows(size_t rows, size_t columns);

/// x [T, C] times the transpose of w [R, C]: [T, R].
Floats matmul(const Floats& x, const Floats& w);

/// x [T, C] normalised in groups of `group` features; `weight` [group] or [C] may be null.
Floats rmsNorm(const Floats& x, const Floats* weight, float epsilon, size_t group);
Floats layerNorm(const Floats& x, const Floats& weight, const Floats* bias, float epsilon,
                 size_t group);

/// The values that x [T, C] has after quantisation to Q8: scale * q, as float.
Floats roundToQ8(const Floats& x);
/// Features rounded to bfloat16, half to even.
Floats roundToBfloat(const Floats& x);

/// cos and sin of position * frequency, times magnitude, interleaved: [T, 2H].
Floats ropeTable(const Ints& position, const Floats& frequencies, float magnitude);
/// Rotates the pairs (2j, 2j+1), or (j, j+H) if `halfSplit`, of each head of x [T, heads*headDim]
/// by the table [T, 2H].
Floats rope(const Floats& x, const Floats& table, size_t headDim, bool halfSplit);

enum class Function { Silu, Gelu, GeluTanh, Relu };
double activation(Function function, double x);

/// The cached keys and values of one layer, of all sequences.
struct KvStore {
  struct Sequence {
    std::vector<float> keys;   ///< [positions, heads * keyDim]
    std::vector<float> values; ///< [positions, heads * valueDim]
    std::vector<bool> stored;  ///< [positions]
  };
  size_t heads = 0, keyDim = 0, valueDim = 0;
  bool halfKeys = false, halfValues = false; ///< rounded to f16 when stored
  std::unordered_map<int32_t, Sequence> sequences;
};

/// Stores row t of key and value at position[t] of sequence[t]. The positions must not be negative.
void append(KvStore& store, const Floats& key, const Floats& value, const Ints& position,
            const Ints& sequence);

struct AttentionSettings {
  float scale = 1;
  std::optional<float> softcap;
  std::optional<int64_t> window;
  const Floats* sinks = nullptr; ///< [queryHeads]: a score of no position; may be null
  size_t splits = 0;             ///< 0: not split
};
/// query [T, queryHeads*keyDim] attends to the store: [T, queryHeads*valueDim], or the partial
/// results [T, splits*queryHeads*(valueDim+2)], of which the first split has all positions. Every
/// position it attends to must be stored (missingPosition).
Floats attention(const Floats& query, const KvStore& store, const Ints& position,
                 const Ints& sequence, const AttentionSettings& settings);
/// partial [T, splits*heads*(headDim+2)]: [T, heads*headDim].
Floats attentionCombine(const Floats& partial, size_t splits, size_t headDim);
/// What attention would miss, in words; empty if nothing.
std::string missingPosition(const KvStore& store, const Ints& position, const Ints& sequence,
                            std::optional<int64_t> window);

} // namespace chordal::reference
