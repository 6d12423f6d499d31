//===- AttentionTest.cpp - attention against float64 ------------------------------------------===//
//
// Every level and element of the KV cache, several sequences in one batch, windows, softcap, odd
// head dimensions. All of the cache that no token wrote is NaN.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Half.h"
#include "tests/kernels/Harness.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace chordal::kernels {
namespace {

/// A run of a batch: `tokens` tokens of a new sequence, the last being at position last.
struct Run {
  uint32_t tokens, last;
};

struct Case {
  uint32_t heads, kvHeads, keyDimension, valueDimension;
  std::vector<Run> runs;
  uint32_t window = 0;
  float softcap = 0;
  float queryScale = 1;
  bool ring = false; // the cache keeps the window only
};

/// A batch with its caches, and attention over it in float64.
class Batch {
public:
  Batch(const Case& c, uint32_t element, Random& random)
      : c(c), element(element), bytes(element == CHORDAL_F16 ? 2 : 4),
        tokens(std::accumulate(c.runs.begin(), c.runs.end(), 0u,
                               [](uint32_t n, const Run& run) { return n + run.tokens; })),
        ring(c.ring ? uint32_t(CHORDAL_RING_BLOCKS(c.window, tokens)) : 0),
        blocks(c.ring ? uint32_t(c.runs.size()) * ring
                      : std::accumulate(
                            c.runs.begin(), c.runs.end(), 1u,
                            [](uint32_t n, const Run& run) { return n + run.last / 64 + 1; })),
        q(tokens, c.heads * c.keyDimension), position(1, tokens), sequence(1, tokens),
        keyBlock(uint64_t(c.kvHeads) * 64 * c.keyDimension * bytes),
        valueBlock(uint64_t(c.kvHeads) * 64 * c.valueDimension * bytes), keys(blocks * keyBlock),
        values(blocks * valueBlock) {
    q.fill(random, c.queryScale);
    std::vector<uint32_t> order(blocks);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    std::normal_distribution<float> normal;
    uint32_t token = 0, next = 0;
    for (uint32_t s = 0; s < c.runs.size(); ++s) {
      const Run& run = c.runs[s];
      // Positions are written in order, so what lies in a ring is what came last.
      tables.emplace_back();
      for (uint32_t i = 0; i <= run.last / 64; ++i)
        tables.back().push_back(ring ? slot(s) * ring + i % ring : order[next++]);
      for (uint32_t i = 0; i < run.tokens; ++i, ++token) {
        position[0][token] = int32_t(run.last + 1 - run.tokens + i);
        sequence[0][token] = int32_t(s);
      }
      for (uint32_t p = 0; p <= run.last; ++p)
        for (uint32_t h = 0; h < c.kvHeads; ++h) {
          for (uint32_t d = 0; d < c.keyDimension; ++d)
            write(key(s, p, h) + d * bytes, normal(random));
          for (uint32_t d = 0; d < c.valueDimension; ++d)
            write(value(s, p, h) + d * bytes, normal(random));
        }
    }
    for (uint32_t s = 0; s < c.runs.size(); ++s)
      sequences.push_back({c.runs[s].last + 1, slot(s), ring ? nullptr : tables[s].data()});
    step.n_tokens = tokens;
    step.sequences = sequences.data();
  }

  AttentionParameters parameters(uint32_t rowTile, uint32_t splits = 1) const {
    return {c.heads,
            c.kvHeads,
            c.keyDimension,
            c.valueDimension,
            1 / std::sqrt(float(c.keyDimension)),
            c.softcap,
            c.window,
            element,
            rowTile,
            /*hasSinks=*/0,
            ring,
            splits};
  }

  /// With several splits, which the combining kernel of the same level then combines.
  void run(const KernelInfo& kernel, const Rows<float>& out, uint32_t splits = 1,
           bool backwards = false) const {
    const uint32_t rowTile = attentionRowTile(kernel, c.heads / c.kvHeads);
    Rows<float> partial(splits > 1 ? tokens : 0,
                        splits * PartialAttention::floats(c.heads, c.valueDimension));
    runKernel(kernel, parameters(rowTile, splits),
              {q.view(),
               position.view(),
               sequence.view(),
               {keys.data(), keyBlock},
               {values.data(), valueBlock},
               splits > 1 ? partial.view() : out.view()},
              tokens, tiles(tokens, rowTile) * c.kvHeads * splits, &step, backwards);
    if (splits == 1)
      return;
    AttentionCombineParameters combine = {c.heads, c.valueDimension, splits, 1, 0};
    runKernel(kernelAt(Family::AttentionCombine, kernel.isa), combine, {partial.view(), out.view()},
              tokens, tokens, nullptr, backwards);
  }

  /// How far from the exact result a computation may be: with float32 (scores are sums of
  /// keyDimension products, errors of scores are relative errors of weights), and for each relative
  /// error of all weights (by as much they and their sum differ, and values by twice the largest).
  struct Bound {
    double float32, weights;
  };

  /// The exact result of a query head.
  Bound expected(uint32_t token, uint32_t head, std::vector<double>& out) const {
    uint32_t s = uint32_t(sequence[0][token]), h = head / (c.heads / c.kvHeads);
    int32_t at = position[0][token];
    const float* query = q[token] + head * c.keyDimension;
    double scale = double(parameters(1).scale), greatest = -INFINITY, magnitude = 0, largest = 0;
    std::vector<double> scores;
    int32_t first = c.window && at >= int64_t(c.window) ? at - int32_t(c.window) + 1 : 0;
    for (int32_t p = first; p <= at; ++p) {
      double score = 0, absolute = 0;
      for (uint32_t d = 0; d < c.keyDimension; ++d) {
        double product = double(query[d]) * read(key(s, uint32_t(p), h) + d * bytes) * scale;
        score += product;
        absolute += std::fabs(product);
      }
      magnitude = std::max(magnitude, absolute);
      if (c.softcap > 0)
        score = c.softcap * std::tanh(score / c.softcap);
      scores.push_back(score);
      greatest = std::max(greatest, score);
    }
    double total = 0;
    for (double& score : scores)
      total += score = std::exp(score - greatest);
    out.assign(c.valueDimension, 0);
    for (int32_t p = first; p <= at; ++p)
      for (uint32_t d = 0; d < c.valueDimension; ++d) {
        double v = read(value(s, uint32_t(p), h) + d * bytes);
        largest = std::max(largest, std::fabs(v));
        out[d] += scores[size_t(p - first)] / total * v;
      }
    return {largest * (1e-6 + 3e-7 * magnitude), 4 * largest};
  }

  void check(const KernelInfo& kernel, const Rows<float>& out) const {
    // Matrix units multiply numbers of 16 bits of mantissa; or of 8, but then weights only.
    const double inexact = kernel.isa == Isa::Amx ? 16 : 1;
    const double weights = kernel.activations == Activations::BF16x16 ? 0x1.1p-9 : 0;
    std::vector<double> exact;
    for (uint32_t t = 0; t < tokens; ++t)
      for (uint32_t head = 0; head < c.heads; ++head) {
        Bound of = expected(t, head, exact);
        double bound = inexact * of.float32 + weights * of.weights;
        for (uint32_t d = 0; d < c.valueDimension; ++d)
          ASSERT_LE(std::fabs(out[t][head * c.valueDimension + d] - exact[d]), bound)
              << "token " << t << " head " << head << " feature " << d;
      }
  }

  /// The last sequence of the batch has the first slot.
  uint32_t slot(uint32_t s) const { return uint32_t(c.runs.size()) - 1 - s; }
  char* key(uint32_t s, uint32_t p, uint32_t h) const {
    return keys.data() + tables[s][p / 64] * keyBlock + (h * 64 + p % 64) * c.keyDimension * bytes;
  }
  char* value(uint32_t s, uint32_t p, uint32_t h) const {
    return values.data() + tables[s][p / 64] * valueBlock +
           (h * 64 + p % 64) * c.valueDimension * bytes;
  }
  void write(char* at, float x) const {
    uint16_t half = floatToHalf(x);
    std::memcpy(at, element == CHORDAL_F16 ? static_cast<void*>(&half) : &x, bytes);
  }
  float read(const char* at) const {
    float x;
    uint16_t half;
    std::memcpy(element == CHORDAL_F16 ? static_cast<void*>(&half) : &x, at, bytes);
    return element == CHORDAL_F16 ? halfToFloat(half) : x;
  }

  const Case& c;
  const uint32_t element;
  const size_t bytes;
  const uint32_t tokens, ring, blocks;
  Rows<float> q;
  Rows<int32_t> position, sequence;
  const uint64_t keyBlock, valueBlock;
  GuardedMemory keys, values;
  std::vector<std::vector<uint32_t>> tables;
  std::vector<chordal_sequence> sequences;
  chordal_step step = {};
};

/// The kernels of all levels for the batch.
std::vector<const KernelInfo*> kernelsFor(const Batch& batch) {
  std::vector<const KernelInfo*> result;
  Format format = batch.element == CHORDAL_F16 ? Format::F16 : Format::F32;
  for (Isa isa : levels(Family::Attention))
    for (Activations rounded : {Activations::F32, Activations::BF16x16})
      if (const KernelInfo* kernel = select(Family::Attention, isa, format, rounded, batch.tokens);
          kernel && kernel->isa == isa)
        result.push_back(kernel);
  return result;
}

void testCase(const Case& c) {
  Random random;
  for (uint32_t element : {CHORDAL_F32, CHORDAL_F16}) {
    Batch batch(c, element, random);
    for (const KernelInfo* kernel : kernelsFor(batch)) {
      // Steps of many tokens are not split; what they share with others is tested with those.
      std::vector<uint32_t> counts = {1};
      if (batch.tokens <= 40)
        counts.push_back(2 + random.below(7));
      for (uint32_t splits : counts) {
        SCOPED_TRACE(std::string(kernel->name) + ", splits: " + std::to_string(splits));
        Rows<float> out(batch.tokens, c.heads * c.valueDimension);
        batch.run(*kernel, out, splits);
        batch.check(*kernel, out);
        if (testing::Test::HasFailure())
          return;
      }
    }
  }
}

TEST(Attention, oneToken) {
  for (uint32_t last : {0u, 1u, 15u, 62u, 63u, 64u, 127u, 200u})
    for (uint32_t group : {1u, 2u, 3u, 4u, 7u, 8u, 9u, 16u})
      testCase({2 * group, 2, 64, 64, {{1, last}}});
}

TEST(Attention, headDimensions) {
  for (auto [key, value] : {std::pair{24u, 24u},
                            {80u, 80u},
                            {96u, 96u},
                            {128u, 128u},
                            {256u, 256u},
                            {192u, 128u},
                            {40u, 72u},
                            {17u, 5u},
                            {1u, 1u},
                            {3u, 33u}}) {
    SCOPED_TRACE("dimensions " + std::to_string(key) + ", " + std::to_string(value));
    testCase({4, 2, key, value, {{1, 130}}});
    testCase({7, 1, key, value, {{1, 130}}}); // heads that share a vector
    testCase({4, 2, key, value, {{40, 39}}});
    testCase({6, 2, key, value, {{33, 100}}});
  }
}

TEST(Attention, prefillFromTheStart) {
  for (uint32_t tokens : {2u, 5u, 16u, 31u, 32u, 33u, 64u, 65u, 150u})
    for (uint32_t group : {1u, 4u, 7u})
      testCase({group * 2, 2, 64, 64, {{tokens, tokens - 1}}});
}

TEST(Attention, prefillAtDepth) {
  testCase({8, 2, 64, 64, {{70, 400}}});
  testCase({3, 3, 48, 48, {{20, 64}}});
  testCase({4, 1, 128, 128, {{64, 191}}});
}

TEST(Attention, severalSequencesInOneBatch) {
  testCase(
      {8, 2, 64, 64, {{1, 7}, {1, 63}, {1, 64}, {5, 4}, {40, 120}, {1, 0}, {2, 129}, {3, 65}}});
  testCase({2, 2, 32, 32, {{1, 10}, {1, 11}, {1, 12}, {17, 80}, {16, 15}, {1, 200}}});
}

TEST(Attention, windows) {
  for (uint32_t window : {1u, 2u, 8u, 63u, 64u, 65u, 100u, 1000u, 0xffffffffu}) {
    SCOPED_TRACE("window " + std::to_string(window));
    testCase({4, 2, 32, 32, {{1, 180}}, window});
    testCase({4, 2, 32, 32, {{100, 99}}, window});
    testCase({4, 2, 32, 32, {{30, 280}, {1, 3}, {2, 64}}, window});
  }
}

TEST(Attention, ringsThatKeepOnlyTheWindow) {
  for (uint32_t window : {1u, 8u, 64u, 65u, 130u}) {
    SCOPED_TRACE("window " + std::to_string(window));
    testCase({4, 2, 32, 32, {{1, 600}}, window, 0, 1, true});
    testCase({16, 2, 32, 32, {{1, 319}, {3, 320}, {1, 5}}, window, 0, 1, true});
    testCase({4, 2, 32, 32, {{70, 400}, {1, 500}, {30, 513}, {2, 64}}, window, 0, 1, true});
  }
}

TEST(Attention, softcap) {
  for (float softcap : {4.0f, 50.0f}) {
    testCase({4, 2, 32, 32, {{1, 180}}, 0, softcap, 8});
    testCase({4, 2, 32, 32, {{70, 99}, {3, 64}}, 8, softcap, 8});
  }
}

TEST(Attention, sharpScores) {
  // Scores of hundreds: most weights are 0, and maxima change by much from block to block.
  testCase({4, 2, 64, 64, {{1, 300}}, 0, 0, 100});
  testCase({4, 2, 64, 64, {{50, 300}}, 0, 0, 100});
}

TEST(Attention, splitsOfManyBlocks) {
  for (uint32_t group : {1u, 4u, 8u})
    testCase({group, 1, 64, 64, {{1, 2100}}});
  testCase({8, 2, 64, 64, {{1, 1500}, {1, 3}, {3, 700}, {1, 400}}});
  testCase({8, 2, 64, 64, {{1, 1500}, {16, 900}}, 300});
  testCase({4, 2, 32, 32, {{20, 800}}, 0, 0, 30});
}

TEST(Attention, combinedResultsAreQuantised) {
  Random random;
  const uint32_t tokens = 3, heads = 4, dimension = 40, splits = 5;
  const uint64_t width = PartialAttention::floats(heads, dimension);
  Rows<float> partial(tokens, splits * width);
  partial.fill(random);
  for (uint32_t t = 0; t < tokens; ++t)
    for (uint32_t split = 0; split < splits; ++split) // the last ones have no positions
      for (uint32_t head = 0; head < heads; ++head)
        partial[t][split * width + PartialAttention::sum(heads, dimension, head)] =
            split > 2 * t ? -1.0f : 1.0f + float(random.below(100));
  for (Isa isa : levels(Family::AttentionCombine)) {
    SCOPED_TRACE(isaName(isa));
    const KernelInfo& kernel = kernelAt(Family::AttentionCombine, isa);
    Rows<float> out(tokens, heads * dimension);
    Rows<char> both(tokens, Q8Row::bytes(heads * dimension), 64);
    Rows<char> alone(tokens, Q8Row::bytes(heads * dimension), 64);
    Rows<char> expected(tokens, Q8Row::bytes(heads * dimension), 64);
    AttentionCombineParameters parameters = {heads, dimension, splits, 1, 1};
    runKernel(kernel, parameters, {partial.view(), out.view(), both.view()}, tokens, tokens);
    parameters.writeFloat = 0;
    runKernel(kernel, parameters, {partial.view(), alone.view()}, tokens, tokens);
    const KernelInfo& quantize = kernelAt(Family::Quantize, isa);
    runKernel(quantize, QuantizeParameters{heads * dimension, quantize.tile},
              {out.view(), expected.view()}, tokens, tiles(tokens, quantize.tile));
    for (uint32_t t = 0; t < tokens; ++t) {
      EXPECT_EQ(std::memcmp(both[t], expected[t], expected.columns), 0);
      EXPECT_EQ(std::memcmp(alone[t], expected[t], expected.columns), 0);
      for (uint32_t i = 0; i < heads * dimension; ++i) {
        double greatest = -INFINITY, sum = 0, total = 0;
        const uint32_t head = i / dimension;
        auto at = [&](uint32_t split, uint64_t of) {
          return double(partial[t][split * width + of]);
        };
        auto maximum = [&](uint32_t split) {
          return at(split, PartialAttention::maximum(heads, dimension, head));
        };
        for (uint32_t split = 0; split < splits; ++split)
          if (split <= 2 * t)
            greatest = std::max(greatest, maximum(split));
        for (uint32_t split = 0; split < splits; ++split)
          if (split <= 2 * t) {
            double weight = std::exp(maximum(split) - greatest);
            sum += weight * at(split, i);
            total += weight * at(split, PartialAttention::sum(heads, dimension, head));
          }
        EXPECT_NEAR(out[t][i], sum / total, 1e-6);
      }
    }
  }
}

TEST(Attention, orderOfShardsChangesNoBit) {
  Random random;
  Case c = {8, 4, 64, 64, {{100, 300}, {1, 70}, {1, 3}}};
  Batch batch(c, CHORDAL_F16, random);
  for (const KernelInfo* kernel : kernelsFor(batch))
    for (uint32_t splits : {1u, 4u}) {
      Rows<float> forwards(batch.tokens, 8 * 64), backwards(batch.tokens, 8 * 64);
      batch.run(*kernel, forwards, splits);
      batch.run(*kernel, backwards, splits, true);
      for (uint32_t t = 0; t < batch.tokens; ++t)
        ASSERT_EQ(std::memcmp(forwards[t], backwards[t], 8 * 64 * 4), 0) << kernel->name;
    }
}

TEST(Attention, nanInTheInputsStaysVisible) {
  Random random;
  for (uint32_t element : {CHORDAL_F32, CHORDAL_F16})
    for (uint32_t tokens : {1u, 40u}) {
      Case c = {4, 2, 32, 32, {{tokens, 99}}};
      Batch batch(c, element, random);
      // A key at a position that all tokens see; a value of the other KV head.
      batch.write(batch.key(0, 20, 0), NAN);
      batch.write(batch.value(0, 20, 1) + 5 * batch.bytes, NAN);
      for (const KernelInfo* kernel : kernelsFor(batch))
        for (uint32_t splits : {1u, 3u}) {
          Rows<float> out(tokens, 4 * 32);
          batch.run(*kernel, out, splits);
          for (uint32_t t = 0; t < tokens; ++t)
            for (uint32_t i = 0; i < 128; ++i)
              EXPECT_EQ(std::isnan(out[t][i]), i < 64 || i % 32 == 5) << kernel->name << " " << i;
        }
    }
}

} // namespace
} // namespace chordal::kernels
