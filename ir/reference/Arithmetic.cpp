//===- Arithmetic.cpp - what the ops compute --------------------------------------------------===//
//
// Plain loops; rows or heads in parallel.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Arithmetic.h"

#include "ir/gguf/Half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <oneapi/tbb/parallel_for.h>

namespace chordal::reference {

/// Eight sums side by side, added in a fixed order: quick enough, and the same everywhere.
static double dot(const float* a, const float* b, size_t n) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += double(a[i + j]) * double(b[i + j]);
  double rest = 0;
  for (; i < n; ++i)
    rest += double(a[i]) * double(b[i]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) +
         rest;
}

Floats makeRows(size_t rows, size_t columns) {
  return Floats::from_shape({rows, columns});
}

Floats matmul(const Floats& x, const Floats& w) {
  size_t rows = x.shape(0), columns = x.shape(1), outputs = w.shape(0);
  Floats y = makeRows(rows, outputs);
  tbb::parallel_for(size_t(0), outputs, [&](size_t r) {
    for (size_t t = 0; t < rows; ++t)
      y.data()[t * outputs + r] =
          float(dot(x.data() + t * columns, w.data() + r * columns, columns));
  });
  return y;
}

Floats rmsNorm(const Floats& x, const Floats* weight, float epsilon, size_t group) {
  Floats y = Floats::from_shape(x.shape());
  for (size_t start = 0; start < x.size(); start += group) {
    const float* in = x.data() + start;
    double factor = 1 / std::sqrt(dot(in, in, group) / double(group) + double(epsilon));
    for (size_t i = 0; i < group; ++i)
      y.data()[start + i] = float(
          in[i] * factor * (weight ? double(weight->data()[(start + i) % weight->size()]) : 1));
  }
  return y;
}

Floats layerNorm(const Floats& x, const Floats& weight, const Floats* bias, float epsilon,
                 size_t group) {
  Floats y = Floats::from_shape(x.shape());
  for (size_t start = 0; start < x.size(); start += group) {
    const float* in = x.data() + start;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < group; ++i)
      mean += in[i];
    mean /= double(group);
    for (size_t i = 0; i < group; ++i)
      variance += (in[i] - mean) * (in[i] - mean);
    double factor = 1 / std::sqrt(variance / double(group) + double(epsilon));
    for (size_t i = 0; i < group; ++i)
      y.data()[start + i] =
          float((in[i] - mean) * factor * double(weight.data()[(start + i) % weight.size()]) +
                (bias ? double(bias->data()[(start + i) % bias->size()]) : 0.0));
  }
  return y;
}

Floats roundToQ8(const Floats& x) {
  constexpr size_t group = 32;
  Floats y = Floats::from_shape(x.shape());
  for (size_t start = 0; start < x.size(); start += group) {
    const float* in = x.data() + start;
    float amax = 0;
    for (size_t i = 0; i < group; ++i)
      amax = std::max(amax, std::abs(in[i]));
    float scale = amax / 127.0f;
    for (size_t i = 0; i < group; ++i) {
      // A scale so small that the quotient overflows its range stays within it.
      float q = amax == 0 ? 0.0f : std::clamp(std::nearbyint(in[i] / scale), -127.0f, 127.0f);
      y.data()[start + i] = scale * q;
    }
  }
  return y;
}

Floats roundToBfloat(const Floats& x) {
  Floats y = Floats::from_shape(x.shape());
  for (size_t i = 0; i < x.size(); ++i) {
    uint32_t bits = std::bit_cast<uint32_t>(x.data()[i]);
    bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    if (finite)
      bits += 0x7fff + (bits >> 16 & 1);
    y.data()[i] = std::bit_cast<float>(finite ? bits & 0xffff0000u : bits);
  }
  return y;
}

Floats ropeTable(const Ints& position, const Floats& frequencies, float magnitude) {
  size_t rows = position.size(), pairs = frequencies.size();
  Floats table = makeRows(rows, 2 * pairs);
  for (size_t t = 0; t < rows; ++t)
    for (size_t j = 0; j < pairs; ++j) {
      double angle = double(position.data()[t]) * double(frequencies.data()[j]);
      table.data()[t * 2 * pairs + 2 * j] = float(std::cos(angle) * magnitude);
      table.data()[t * 2 * pairs + 2 * j + 1] = float(std::sin(angle) * magnitude);
    }
  return table;
}

Floats rope(const Floats& x, const Floats& table, size_t headDim, bool halfSplit) {
  Floats y = x;
  size_t columns = x.shape(1), pairs = table.shape(1) / 2;
  for (size_t t = 0; t < x.shape(0); ++t)
    for (size_t head = 0; head < columns; head += headDim)
      for (size_t j = 0; j < pairs; ++j) {
        size_t first = t * columns + head + (halfSplit ? j : 2 * j);
        size_t second = halfSplit ? first + pairs : first + 1;
        double a = x.data()[first], b = x.data()[second];
        double cosine = table.data()[t * 2 * pairs + 2 * j];
        double sine = table.data()[t * 2 * pairs + 2 * j + 1];
        y.data()[first] = float(a * cosine - b * sine);
        y.data()[second] = float(a * sine + b * cosine);
      }
  return y;
}

double activation(Function function, double x) {
  switch (function) {
  case Function::Silu:
    return x / (1 + std::exp(-x));
  case Function::Gelu:
    return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
  case Function::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 * std::numbers::inv_pi) * (x + 0.044715 * x * x * x)));
  case Function::Relu:
    return x < 0 ? 0 : x; // a NaN stays one
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void append(KvStore& store, const Floats& key, const Floats& value, const Ints& position,
            const Ints& sequence) {
  auto put = [](std::vector<float>& out, size_t row, const Floats& in, size_t t, size_t width,
                bool half) {
    for (size_t i = 0; i < width; ++i) {
      float x = in.data()[t * width + i];
      out[row * width + i] = half ? halfToFloat(floatToHalf(x)) : x;
    }
  };
  size_t keys = store.heads * store.keyDim, values = store.heads * store.valueDim;
  for (size_t t = 0; t < key.shape(0); ++t) {
    KvStore::Sequence& into = store.sequences[sequence.data()[t]];
    size_t row = size_t(position.data()[t]);
    if (row >= into.stored.size()) {
      into.stored.resize(row + 1);
      into.keys.resize((row + 1) * keys);
      into.values.resize((row + 1) * values);
    }
    into.stored[row] = true;
    put(into.keys, row, key, t, keys, store.halfKeys);
    put(into.values, row, value, t, values, store.halfValues);
  }
}

/// The first position that a row at `position` attends to.
static size_t firstPosition(int32_t position, std::optional<int64_t> window) {
  return window ? size_t(std::max<int64_t>(0, int64_t(position) - *window + 1)) : 0;
}

std::string missingPosition(const KvStore& store, const Ints& position, const Ints& sequence,
                            std::optional<int64_t> window) {
  for (size_t t = 0; t < position.size(); ++t) {
    int32_t last = position.data()[t];
    auto found = store.sequences.find(sequence.data()[t]);
    for (size_t p = firstPosition(last, window); last >= 0 && p <= size_t(last); ++p)
      if (found == store.sequences.end() || p >= found->second.stored.size() ||
          !found->second.stored[p])
        return "position " + std::to_string(p) + " of sequence " +
               std::to_string(sequence.data()[t]) + " has not been stored";
    if (last < 0)
      return "position " + std::to_string(last) + " is negative";
  }
  return {};
}

Floats attention(const Floats& query, const KvStore& store, const Ints& position,
                 const Ints& sequence, const AttentionSettings& settings) {
  size_t rows = query.shape(0);
  size_t keyDim = store.keyDim, valueDim = store.valueDim;
  size_t heads = query.shape(1) / keyDim, sharing = heads / store.heads;
  const size_t width = heads * (settings.splits ? valueDim + 2 : valueDim); // of a split
  const size_t columns = std::max<size_t>(settings.splits, 1) * width;
  Floats result = makeRows(rows, columns);
  tbb::parallel_for(size_t(0), rows * heads, [&](size_t item) {
    size_t t = item / heads, head = item % heads, kvHead = head / sharing;
    float* row = result.data() + t * columns;
    const KvStore::Sequence& cache = store.sequences.at(sequence.data()[t]);
    size_t first = firstPosition(position.data()[t], settings.window);
    size_t count = size_t(position.data()[t]) + 1 - first;

    const float* q = query.data() + item * keyDim;
    std::vector<double> weights(count);
    double largest = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < count; ++i) {
      const float* key = cache.keys.data() + ((first + i) * store.heads + kvHead) * keyDim;
      double score = dot(q, key, keyDim) * settings.scale;
      if (settings.softcap)
        score = *settings.softcap * std::tanh(score / *settings.softcap);
      weights[i] = score;
      largest = std::max(largest, score);
    }
    double total = 0;
    if (settings.sinks) {
      double sink = settings.sinks->data()[head];
      largest = std::max(largest, sink);
      total = std::exp(sink - largest);
    }
    for (double& weight : weights)
      total += weight = std::exp(weight - largest);
    std::vector<double> sums(valueDim);
    for (size_t i = 0; i < count; ++i) {
      const float* value = cache.values.data() + ((first + i) * store.heads + kvHead) * valueDim;
      for (size_t d = 0; d < valueDim; ++d)
        sums[d] += weights[i] * double(value[d]);
    }
    for (size_t d = 0; d < valueDim; ++d)
      row[head * valueDim + d] = float(sums[d] / total);
    // Relative to what makes the sum of exponentials 1: combined, not a bit is different.
    for (size_t split = 0; split < settings.splits; ++split) {
      float* extra = row + split * width + heads * valueDim + 2 * head;
      extra[0] = float(largest + std::log(total));
      extra[1] = split == 0 ? 1 : -1;
    }
  });
  return result;
}

Floats attentionCombine(const Floats& partial, size_t splits, size_t headDim) {
  const size_t rows = partial.shape(0), width = partial.shape(1) / splits;
  const size_t heads = width / (headDim + 2);
  Floats result = makeRows(rows, heads * headDim);
  for (size_t item = 0; item < rows * heads; ++item) {
    const size_t head = item % heads;
    struct Part {
      const float* values;
      double maximum, sum;
    };
    std::vector<Part> parts; // those with positions
    double largest = -std::numeric_limits<double>::infinity(), total = 0;
    for (size_t split = 0; split < splits; ++split) {
      const float* all = partial.data() + (item / heads * splits + split) * width;
      const float* extra = all + heads * headDim + 2 * head;
      if (extra[1] < 0)
        continue;
      parts.push_back({all + head * headDim, extra[0], extra[1]});
      largest = std::max(largest, double(extra[0]));
    }
    std::vector<double> sums(headDim);
    for (const Part& part : parts) {
      const double weight = std::exp(part.maximum - largest);
      total += weight * part.sum;
      for (size_t d = 0; d < headDim; ++d)
        sums[d] += weight * double(part.values[d]);
    }
    for (size_t d = 0; d < headDim; ++d)
      result.data()[item * headDim + d] = float(sums[d] / total);
  }
  return result;
}

} // namespace chordal::reference
