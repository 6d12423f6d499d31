//===- RowsTest.cpp - embed, norm, quantize, gather, rope_table, rope_append ------------------===//
//
// Each kernel at each level against float64; Q8 to the bit.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Half.h"
#include "tests/kernels/Harness.h"

#include <bit>
#include <cfenv>
#include <cmath>

namespace chordal::kernels {
namespace {

/// Q8 by its definition in Kernels.h.
std::vector<char> quantizedRow(const float* x, size_t n) {
  std::vector<char> row(Q8Row::bytes(n));
  auto* codes = reinterpret_cast<int8_t*>(row.data());
  for (size_t g = 0; g < n / 32; ++g) {
    float amax = 0;
    bool finite = true;
    for (size_t i = 0; i < 32; ++i) {
      amax = std::max(amax, std::fabs(x[32 * g + i]));
      finite &= std::isfinite(x[32 * g + i]);
    }
    float scale = finite ? amax / 127.0f : NAN;
    std::memcpy(row.data() + Q8Row::scaleOffset(n) + 4 * g, &scale, 4);
    for (size_t half = 0; half < 2; ++half) {
      int sum = 0;
      for (size_t i = 32 * g + 16 * half; i < 32 * g + 16 * half + 16; ++i) {
        float q = scale > 0 ? std::nearbyint(x[i] / scale) : 0;
        codes[i] = int8_t(std::clamp(q, -127.0f, 127.0f));
        sum += codes[i];
      }
      auto sum16 = int16_t(sum);
      std::memcpy(row.data() + Q8Row::sumOffset(n) + 2 * (2 * g + half), &sum16, 2);
    }
  }
  return row;
}

/// Compares Q8 rows; scales that are NaN only by being NaN.
void expectSameQ8(const char* actual, const std::vector<char>& expected, size_t n) {
  ASSERT_EQ(std::memcmp(actual, expected.data(), n), 0) << "codes differ";
  ASSERT_EQ(
      std::memcmp(actual + Q8Row::sumOffset(n), expected.data() + Q8Row::sumOffset(n), n / 16 * 2),
      0)
      << "sums differ";
  for (size_t g = 0; g < n / 32; ++g) {
    uint32_t a, b;
    std::memcpy(&a, actual + n + 4 * g, 4);
    std::memcpy(&b, expected.data() + n + 4 * g, 4);
    if (std::isnan(std::bit_cast<float>(b)))
      ASSERT_TRUE(std::isnan(std::bit_cast<float>(a))) << "group " << g;
    else
      ASSERT_EQ(a, b) << "scale of group " << g;
  }
}

TEST(Quantize, sameBitsAtEachLevel) {
  Random random;
  for (uint32_t n : {32u, 64u, 96u, 256u, 2048u}) {
    const uint32_t rows = 11;
    Rows<float> x(rows, n);
    x.fill(random);
    for (uint32_t i = 0; i < n; ++i) {
      x[1][i] = 0;
      x[2][i] *= 1e-40f;                                          // subnormal
      x[3][i] = std::ldexp(x[3][i], int(random.below(60)) - 30);  // wide range
      x[4][i] = std::bit_cast<float>(random.below(200));          // scales of one unit
      x[5][i] = (float(int(random.below(255)) - 127) + 0.5f) / 8; // ties
    }
    x[5][0] = 127.0f / 8;
    x[6][random.below(n)] = NAN;
    x[7][random.below(n)] = INFINITY;
    x[8][random.below(n)] = -3e38f;
    for (Isa isa : levels(Family::Quantize)) {
      SCOPED_TRACE(isaName(isa));
      const KernelInfo& kernel = kernelAt(Family::Quantize, isa);
      Rows<char> out(rows, Q8Row::bytes(n), 64);
      QuantizeParameters parameters = {n, kernel.tile};
      runKernel(kernel, parameters, {x.view(), out.view()}, rows, tiles(rows, kernel.tile));
      for (uint32_t row = 0; row < rows; ++row) {
        SCOPED_TRACE("row " + std::to_string(row) + " of " + std::to_string(n));
        expectSameQ8(out[row], quantizedRow(x[row], n), n);
      }
    }
  }
}

void testNorm(uint32_t n, Isa isa, bool centred, bool hasBias, Random& random) {
  SCOPED_TRACE(std::string(isaName(isa)) + (centred ? ", layer" : ", RMS") + " norm, columns " +
               std::to_string(n));
  const uint32_t rows = 9;
  Rows<float> x(rows, n), weight(1, n), bias(1, n), out(rows, n);
  x.fill(random, 3);
  weight.fill(random);
  bias.fill(random);
  for (uint32_t i = 0; i < n; ++i) {
    x[1][i] = 0;
    x[2][i] *= 1e-6f;
    x[3][i] *= 1e6f;
    x[4][i] += 100; // a mean far from 0
  }
  const float epsilon = 1e-5f;
  const KernelInfo& kernel = kernelAt(Family::Norm, isa);
  bool withQ8 = n % 32 == 0;
  Rows<char> quantized(rows, withQ8 ? Q8Row::bytes(n) : 1, 64);
  Rows<char> quantizedAlone(rows, withQ8 ? Q8Row::bytes(n) : 1, 64);
  NormParameters parameters = {n, epsilon, 1, withQ8, kernel.tile, centred, hasBias};
  std::vector<chordal_view> inputs = {x.view(), weight.view()};
  if (hasBias)
    inputs.push_back(bias.view());
  std::vector<chordal_view> operands = inputs;
  operands.insert(operands.end(), {out.view(), quantized.view()});
  runKernel(kernel, parameters, operands, rows, tiles(rows, kernel.tile));
  for (uint32_t row = 0; row < rows; ++row) {
    double mean = 0, squares = 0, magnitude = 0;
    for (uint32_t i = 0; i < n && centred; ++i)
      mean += x[row][i];
    mean /= n;
    for (uint32_t i = 0; i < n; ++i) {
      squares += (x[row][i] - mean) * (x[row][i] - mean);
      magnitude = std::max(magnitude, std::fabs(double(x[row][i])));
    }
    double factor = 1 / std::sqrt(squares / n + double(epsilon));
    for (uint32_t i = 0; i < n; ++i) {
      double expected = (x[row][i] - mean) * factor * weight[0][i] + (hasBias ? bias[0][i] : 0.0f);
      // The mean is rounded to the precision of the row's largest numbers.
      double bound = 2e-6 * std::fabs(expected) + 1e-38;
      if (centred)
        bound += 1e-6 * (magnitude * factor * std::fabs(weight[0][i]) + std::fabs(bias[0][i]));
      ASSERT_LE(std::fabs(out[row][i] - expected), bound) << "row " << row << " column " << i;
    }
    if (withQ8)
      expectSameQ8(quantized[row], quantizedRow(out[row], n), n);
  }
  if (!withQ8)
    return;
  parameters.writeFloat = 0;
  operands = inputs;
  operands.push_back(quantizedAlone.view());
  runKernel(kernel, parameters, operands, rows, tiles(rows, kernel.tile));
  for (uint32_t row = 0; row < rows; ++row)
    ASSERT_EQ(std::memcmp(quantized[row], quantizedAlone[row], Q8Row::bytes(n)), 0);
}

TEST(Norm, againstFloat64) {
  Random random;
  for (uint32_t n : {1u, 3u, 24u, 31u, 32u, 96u, 100u, 256u, 2048u, 2051u})
    for (Isa isa : levels(Family::Norm)) {
      testNorm(n, isa, /*centred=*/false, /*hasBias=*/false, random);
      testNorm(n, isa, /*centred=*/true, /*hasBias=*/false, random);
      testNorm(n, isa, /*centred=*/true, /*hasBias=*/true, random);
    }
}

TEST(Norm, nanStaysVisible) {
  for (Isa isa : levels(Family::Norm)) {
    Rows<float> x(1, 64), weight(1, 64), out(1, 64);
    Rows<char> quantized(1, Q8Row::bytes(64));
    for (uint32_t i = 0; i < 64; ++i)
      x[0][i] = weight[0][i] = 1;
    x[0][40] = NAN;
    NormParameters parameters = {64, 1e-5f, 1, 1, 4};
    runKernel(kernelAt(Family::Norm, isa), parameters,
              {x.view(), weight.view(), out.view(), quantized.view()}, 1, 1);
    for (uint32_t i = 0; i < 64; ++i)
      EXPECT_TRUE(std::isnan(out[0][i]));
    float scale;
    std::memcpy(&scale, quantized[0] + Q8Row::scaleOffset(64), 4);
    EXPECT_TRUE(std::isnan(scale));
  }
}

/// Feature i of row `row` of interleaved rows: a part's bits.
uint16_t interleaved(const GuardedMemory& rows, int parts, int part, uint32_t n, uint32_t row,
                     uint32_t i) {
  uint16_t bits;
  std::memcpy(&bits,
              rows.data<char>() + row / 16 * (32 * n * parts) + (i / 32 * parts + part) * 1024 +
                  i % 32 / 2 * 64 + row % 16 * 4 + i % 2 * 2,
              2);
  return bits;
}

uint16_t toBfloat(float x) {
  auto bits = std::bit_cast<uint32_t>(x);
  return std::isnan(x) ? 0x7fff : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void testInterleaving(Activations activations) {
  const int parts = BF16x16Rows::parts(activations);
  Random random;
  for (uint32_t rows : {1u, 15u, 16u, 17u, 40u})
    for (uint32_t n : {32u, 96u, 2048u}) {
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(n));
      const uint32_t blocks = tiles(rows, 16);
      Rows<float> x(rows, n), weight(1, n), bias(1, n), out(rows, n);
      GuardedMemory quantized(blocks * 16 * BF16x16Rows::bytes(activations, n));
      x.fill(random, 3);
      weight.fill(random);
      bias.fill(random);
      x[0][1] = NAN;
      x[rows - 1][0] = INFINITY;
      const chordal_view to = {quantized.data(), BF16x16Rows::bytes(activations, n)};
      auto expectSame = [&](const Rows<float>& floats) {
        for (uint32_t row = 0; row < rows; ++row)
          for (uint32_t i = 0; i < n; ++i) {
            const float x = floats[row][i];
            const uint16_t high = interleaved(quantized, parts, 0, n, row, i);
            if (std::isnan(x)) {
              ASSERT_GT(high & 0x7fff, 0x7f80);
              continue;
            }
            ASSERT_EQ(high, toBfloat(x)) << row << " " << i;
            if (parts == 1)
              continue;
            const float rest = x - std::bit_cast<float>(uint32_t(high) << 16);
            const uint16_t low = interleaved(quantized, parts, 1, n, row, i);
            if (std::isnan(rest)) // of an infinity
              ASSERT_GT(low & 0x7fff, 0x7f80);
            else if (std::fabs(rest) >= std::numeric_limits<float>::min())
              ASSERT_EQ(low, toBfloat(rest)) << row << " " << i;
          }
      };
      const KernelInfo* kernel = select(Family::Quantize, Isa::Amx, Format::F32, activations, 512);
      ASSERT_NE(kernel, nullptr);
      runKernel(*kernel, QuantizeParameters{n, kernel->tile}, {x.view(), to}, rows, blocks);
      expectSame(x);
      kernel = select(Family::Norm, Isa::Amx, Format::F32, activations, 512);
      ASSERT_NE(kernel, nullptr);
      for (bool layer : {false, true}) {
        NormParameters parameters = {n, 1e-5f, 1, 1, kernel->tile, layer, layer};
        std::vector<chordal_view> operands = {x.view(), weight.view()};
        if (layer)
          operands.push_back(bias.view());
        operands.insert(operands.end(), {out.view(), to});
        runKernel(*kernel, parameters, operands, rows, blocks);
        expectSame(out);
        // What the other kernel computes, to the bit.
        Rows<float> same(rows, n);
        operands[operands.size() - 2] = same.view();
        operands.pop_back();
        parameters.writeQuantized = 0;
        const KernelInfo& vectors = kernelAt(Family::Norm, Isa::Avx512Vnni);
        parameters.rowTile = vectors.tile;
        runKernel(vectors, parameters, operands, rows, tiles(rows, vectors.tile));
        for (uint32_t row = 0; row < rows; ++row)
          ASSERT_EQ(std::memcmp(out[row], same[row], n * sizeof(float)), 0);
      }
    }
}

TEST(MatrixUnits, rowsAreRoundedAndInterleaved) {
  if (!isaIncludes(hostIsa(), Isa::Amx))
    GTEST_SKIP() << "this machine has no matrix units";
  testInterleaving(Activations::BF16x16);
  testInterleaving(Activations::BF16x16x2);
}

TEST(Gather, copiesTheWantedRows) {
  Random random;
  const uint32_t n = 67;
  Rows<float> x(10, n), out(4, n);
  x.fill(random);
  Rows<int32_t> wanted(1, 4);
  for (int i = 0; i < 4; ++i)
    wanted[0][i] = int32_t(random.below(10));
  GatherParameters parameters = {n};
  runKernel(kernelAt(Family::Gather, hostIsa()), parameters, {x.view(), wanted.view(), out.view()},
            4, 4);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(std::memcmp(out[i], x[wanted[0][i]], n * 4), 0);
}

TEST(Embed, decodesTheTokensRows) {
  Random random;
  const uint32_t n = 96, vocabulary = 17;
  Rows<uint16_t> matrix(vocabulary, n, 0);
  for (uint32_t row = 0; row < vocabulary; ++row)
    for (uint32_t i = 0; i < n; ++i)
      matrix[row][i] = floatToHalf(float(random.below(1000)) / 64 - 8);
  Rows<int32_t> tokens(1, 5);
  int32_t ids[5] = {0, 16, 3, 3, int32_t(random.below(vocabulary))};
  std::memcpy(tokens[0], ids, sizeof ids);
  Rows<float> out(5, n);
  EmbedParameters parameters = {n, uint32_t(Format::F16), vocabulary};
  runKernel(kernelAt(Family::Embed, hostIsa()), parameters,
            {tokens.view(), matrix.view(), out.view()}, 5, 5);
  for (int row = 0; row < 5; ++row)
    for (uint32_t i = 0; i < n; ++i)
      ASSERT_EQ(out[row][i], halfToFloat(matrix[ids[row]][i]));
}

TEST(RopeTable, accurateUpToAMillionPositions) {
  Random random;
  std::vector<int32_t> positions = {0, 1, 2, 63, 64, 1000, 131071, 999999, 1000000};
  for (int i = 0; i < 12; ++i)
    positions.push_back(int32_t(random.below(1000001)));
  const auto rows = uint32_t(positions.size());
  for (uint32_t half : {1u, 5u, 12u, 32u, 64u}) {
    Rows<int32_t> position(1, rows);
    std::copy(positions.begin(), positions.end(), position[0]);
    Rows<float> frequencies(1, half);
    for (uint32_t j = 0; j < half; ++j)
      frequencies[0][j] = float(std::pow(10000.0, -double(j) / half));
    std::vector<std::vector<float>> first;
    for (Isa isa : levels(Family::RopeTable)) {
      SCOPED_TRACE(isaName(isa));
      const KernelInfo& kernel = kernelAt(Family::RopeTable, isa);
      Rows<float> out(rows, 2 * half);
      const float magnitude = 1.25f;
      RopeTableParameters parameters = {half, magnitude, kernel.tile};
      runKernel(kernel, parameters, {position.view(), frequencies.view(), out.view()}, rows,
                tiles(rows, kernel.tile));
      for (uint32_t row = 0; row < rows; ++row) {
        for (uint32_t j = 0; j < half; ++j) {
          // long double: glibc reduces it exactly.
          long double angle = (long double)positions[row] * frequencies[0][j];
          double c = double(std::cos(angle)) * magnitude, s = double(std::sin(angle)) * magnitude;
          ASSERT_LE(std::fabs(out[row][2 * j] - c), 7e-8 * std::fabs(c) + 1e-11)
              << positions[row] << " " << j;
          ASSERT_LE(std::fabs(out[row][2 * j + 1] - s), 7e-8 * std::fabs(s) + 1e-11)
              << positions[row] << " " << j;
        }
        std::vector<float> values(out[row], out[row] + 2 * half);
        if (isa == Isa::Scalar)
          first.push_back(values);
        else
          ASSERT_EQ(values, first[row]) << "differs from the scalar level";
      }
    }
  }
}

struct RopeCase {
  uint32_t heads, kvHeads, keyDimension, valueDimension, halfRotary, halfSplit, normalise,
      weightPerHead = 0;
};

void testRope(const RopeCase& c, Isa isa, uint32_t element, bool inPlace, bool ring,
              Random& random) {
  SCOPED_TRACE(std::string(isaName(isa)) + " dimension " + std::to_string(c.keyDimension) +
               (element == CHORDAL_F16 ? " F16" : " F32"));
  const uint32_t tokens = 7;
  Rows<float> q(tokens, c.heads * c.keyDimension), k(tokens, c.kvHeads * c.keyDimension),
      v(tokens, c.kvHeads * c.valueDimension), table(tokens, 2 * c.halfRotary),
      rotated(tokens, c.heads * c.keyDimension), qNorm(1, c.heads * c.keyDimension),
      kNorm(1, c.kvHeads * c.keyDimension);
  for (Rows<float>* rows : {&q, &k, &v, &table, &qNorm, &kNorm})
    rows->fill(random);
  v[3][0] = 1e6f; // beyond half
  v[4][0] = -65519.0f;

  // Two sequences; the second begins in the middle of a block and crosses into the next.
  Rows<int32_t> position(1, tokens), sequence(1, tokens);
  int32_t positions[tokens] = {0, 1, 2, 62, 63, 64, 65}, sequences[tokens] = {0, 0, 0, 1, 1, 1, 1};
  std::memcpy(position[0], positions, sizeof positions);
  std::memcpy(sequence[0], sequences, sizeof sequences);
  const uint32_t blocks0[] = {2}, blocks1[] = {0, 3};
  // With rings of one block: the second sequence writes over its first block.
  const uint32_t slots[] = {2, 1};
  chordal_sequence table2[] = {{3, slots[0], ring ? nullptr : blocks0},
                               {66, slots[1], ring ? nullptr : blocks1}};
  chordal_step step = {};
  step.sequences = table2;

  size_t bytes = element == CHORDAL_F16 ? 2 : 4;
  uint64_t keyBlock = uint64_t(c.kvHeads) * 64 * c.keyDimension * bytes;
  uint64_t valueBlock = uint64_t(c.kvHeads) * 64 * c.valueDimension * bytes;
  GuardedMemory keys(4 * keyBlock), values(4 * valueBlock);

  std::vector<float> queries;
  for (uint32_t t = 0; t < tokens; ++t)
    queries.insert(queries.end(), q[t], q[t] + c.heads * c.keyDimension);
  const Rows<float>& target = inPlace ? q : rotated;
  RopeAppendParameters parameters = {
      c.heads, c.kvHeads,   c.keyDimension, c.valueDimension, c.halfRotary, c.halfSplit,
      element, c.normalise, 1e-6f,          c.weightPerHead,  ring};
  Format format = element == CHORDAL_F16 ? Format::F16 : Format::F32;
  runKernel(kernelAt(Family::RopeAppend, isa, format), parameters,
            {q.view(),
             k.view(),
             v.view(),
             table.view(),
             position.view(),
             sequence.view(),
             target.view(),
             {keys.data(), keyBlock},
             {values.data(), valueBlock},
             qNorm.view(),
             kNorm.view()},
            tokens, tokens, &step);

  auto expected = [&](const float* head, const float* norm, uint32_t h, const float* angles) {
    const uint32_t n = c.keyDimension;
    std::vector<double> x(head, head + n);
    if (c.normalise) {
      double mean = 0, squares = 0;
      for (uint32_t i = 0; i < n && c.normalise == LayerHeadNorm; ++i)
        mean += x[i] / n;
      for (double value : x)
        squares += (value - mean) * (value - mean);
      double factor = 1 / std::sqrt(squares / n + 1e-6);
      for (uint32_t i = 0; i < n; ++i)
        x[i] = (x[i] - mean) * factor * norm[c.weightPerHead ? h * n + i : i];
    }
    std::vector<double> y = x;
    for (uint32_t j = 0; j < c.halfRotary; ++j) {
      uint32_t a = c.halfSplit ? j : 2 * j, b = c.halfSplit ? j + c.halfRotary : 2 * j + 1;
      y[a] = x[a] * angles[2 * j] - x[b] * angles[2 * j + 1];
      y[b] = x[b] * angles[2 * j] + x[a] * angles[2 * j + 1];
    }
    return y;
  };
  std::vector<bool> written(4 * 64);
  for (uint32_t t = 0; t < tokens; ++t) {
    uint32_t block = ring ? slots[sequences[t]] : table2[sequences[t]].kv_blocks[positions[t] / 64];
    uint32_t slot = positions[t] % 64;
    written[block * 64 + slot] = true;
    for (uint32_t h = 0; h < c.heads; ++h) {
      auto y = expected(queries.data() + (t * c.heads + h) * c.keyDimension, qNorm[0], h, table[t]);
      for (uint32_t i = 0; i < c.keyDimension; ++i)
        ASSERT_LE(std::fabs(target[t][h * c.keyDimension + i] - y[i]), 1e-5) << t << " " << h;
    }
    for (uint32_t h = 0; h < c.kvHeads; ++h) {
      auto y = expected(k[t] + h * c.keyDimension, kNorm[0], h, table[t]);
      const char* key = keys.data() + block * keyBlock + (h * 64 + slot) * c.keyDimension * bytes;
      for (uint32_t i = 0; i < c.keyDimension; ++i) {
        double bound = 1e-5;
        float stored;
        if (element == CHORDAL_F16) {
          uint16_t bits;
          std::memcpy(&bits, key + 2 * i, 2);
          stored = halfToFloat(bits);
          bound += std::fabs(y[i]) / 2048;
        } else {
          std::memcpy(&stored, key + 4 * i, 4);
        }
        ASSERT_LE(std::fabs(stored - y[i]), bound);
      }
      const char* value =
          values.data() + block * valueBlock + (h * 64 + slot) * c.valueDimension * bytes;
      for (uint32_t i = 0; i < c.valueDimension; ++i) {
        float x = v[t][h * c.valueDimension + i];
        if (element == CHORDAL_F16) {
          uint16_t half = floatToHalf(x);
          ASSERT_EQ(std::memcmp(value + 2 * i, &half, 2), 0) << x;
        } else {
          ASSERT_EQ(std::memcmp(value + 4 * i, &x, 4), 0);
        }
      }
    }
  }
  // Everything else is as it was.
  for (uint32_t row = 0; row < 4 * 64; ++row)
    for (uint32_t h = 0; h < c.kvHeads && !written[row]; ++h) {
      const char* key =
          keys.data() + row / 64 * keyBlock + (h * 64 + row % 64) * c.keyDimension * bytes;
      for (size_t i = 0; i < c.keyDimension * bytes; ++i)
        ASSERT_EQ(key[i], char(0xff)) << "position " << row;
    }
}

TEST(RopeAppend, againstFloat64) {
  Random random;
  const RopeCase cases[] = {
      {4, 2, 64, 64, 32, 0, 0}, {4, 2, 64, 64, 32, 1, 0},   {6, 3, 24, 24, 12, 0, 1},
      {3, 1, 80, 80, 16, 1, 0}, {2, 2, 128, 96, 64, 1, 1},  {8, 1, 96, 128, 48, 0, 0},
      {2, 1, 37, 19, 7, 0, 1},  {2, 1, 37, 19, 7, 1, 1},    {2, 1, 256, 256, 128, 1, 1},
      {2, 1, 16, 16, 0, 0, 0},  {4, 2, 24, 24, 3, 1, 2, 1}, {4, 4, 64, 64, 32, 1, 1, 1},
      {2, 1, 37, 19, 0, 0, 2},  {0, 2, 64, 64, 0, 0, 0}};
  for (const RopeCase& c : cases)
    for (Isa isa : levels(Family::RopeAppend))
      for (uint32_t element : {CHORDAL_F32, CHORDAL_F16})
        testRope(c, isa, element, random.below(2) == 0, random.below(2) == 0, random);
}

} // namespace
} // namespace chordal::kernels
