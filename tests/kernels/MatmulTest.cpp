//===- MatmulTest.cpp - matmul: every format at every level -----------------------------------===//
//
// The scalar kernels against sums in double over decoded weights; the others against the scalar
// ones. Errors are measured in units of the sum of the magnitudes of all products.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Blocks.h"
#include "ir/gguf/Decode.h"
#include "ir/gguf/Half.h"
#include "tests/kernels/Harness.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

namespace chordal::kernels {
namespace {

const Format formats[] = {
    Format::F32,     Format::F16,   Format::BF16,   Format::Q4_0,    Format::Q4_1,   Format::Q5_0,
    Format::Q5_1,    Format::Q8_0,  Format::Q2_K,   Format::Q3_K,    Format::Q4_K,   Format::Q5_K,
    Format::Q6_K,    Format::IQ1_S, Format::IQ1_M,  Format::IQ2_XXS, Format::IQ2_XS, Format::IQ2_S,
    Format::IQ3_XXS, Format::IQ3_S, Format::IQ4_NL, Format::IQ4_XS,  Format::TQ1_0,  Format::TQ2_0,
    Format::MXFP4,   Format::NVFP4};

/// Where in a block its half-precision numbers are.
std::vector<size_t> halvesOf(Format format) {
  switch (format) {
  case Format::Q4_0:
  case Format::Q5_0:
  case Format::Q8_0:
  case Format::IQ1_S:
  case Format::IQ2_XXS:
  case Format::IQ2_XS:
  case Format::IQ2_S:
  case Format::IQ3_XXS:
  case Format::IQ3_S:
  case Format::IQ4_NL:
  case Format::IQ4_XS:
    return {0};
  case Format::Q4_1:
  case Format::Q5_1:
  case Format::Q4_K:
  case Format::Q5_K:
    return {0, 2};
  case Format::Q2_K:
    return {80, 82};
  case Format::Q3_K:
    return {108};
  case Format::Q6_K:
    return {208};
  case Format::TQ1_0:
    return {52};
  case Format::TQ2_0:
    return {64};
  default:
    return {};
  }
}

/// A weight matrix of random blocks, its rows one after the other as in a file.
struct Weights {
  Format format;
  uint32_t rows, columns;
  size_t rowBytes;
  GuardedMemory memory;

  Weights(Format format, uint32_t rows, uint32_t columns, Random& random)
      : format(format), rows(rows), columns(columns),
        rowBytes(columns / formatInfo(format).weightsPerBlock * formatInfo(format).bytesPerBlock),
        memory(rows * rowBytes) {
    uint8_t* p = memory.data<uint8_t>();
    std::normal_distribution<float> normal(0, 1);
    for (size_t i = 0; i < size_t(rows) * columns; ++i) {
      float value = normal(random);
      if (format == Format::F32)
        std::memcpy(p + 4 * i, &value, 4);
      uint16_t half = format == Format::F16 ? floatToHalf(value) : floatToBfloat(value);
      if (format == Format::F16 || format == Format::BF16)
        std::memcpy(p + 2 * i, &half, 2);
    }
    if (formatInfo(format).kind == FormatKind::Quantized)
      fillBlocks(random, -1);
  }

  /// Random bytes, or all bytes `byte`, with sane scales.
  void fillBlocks(Random& random, int byte) {
    uint8_t* p = memory.data<uint8_t>();
    for (size_t i = 0; i < memory.size(); ++i)
      p[i] = byte < 0 ? uint8_t(random()) : uint8_t(byte);
    const size_t block = formatInfo(format).bytesPerBlock;
    std::uniform_real_distribution<float> scale(0.01f, 1);
    for (size_t b = 0; b < memory.size(); b += block)
      for (size_t at : halvesOf(format)) {
        uint16_t half = floatToHalf(random() & 1 ? scale(random) : -scale(random));
        std::memcpy(p + b + at, &half, 2);
      }
    // Scales that are no halves, or scattered ones.
    for (size_t b = 0; b < memory.size(); b += block) {
      if (format == Format::MXFP4)
        p[b] = uint8_t(118 + random.below(10));
      if (format == Format::NVFP4)
        for (int i = 0; i < 4; ++i)
          p[b + i] = uint8_t(random.below(72));
      if (format == Format::IQ1_M) {
        uint16_t half = floatToHalf(random() & 1 ? scale(random) : -scale(random));
        for (int i = 0; i < 4; ++i)
          p[b + 49 + 2 * i] = uint8_t((p[b + 49 + 2 * i] & 15) | (half >> (4 * i) & 15) << 4);
      }
    }
  }

  std::vector<float> decode(uint32_t row) const {
    std::vector<float> result(columns);
    decodeRow(format, memory.data<std::byte>() + row * rowBytes, columns, result.data());
    return result;
  }
  chordal_view view() const { return {memory.data(), rowBytes}; }
};

/// Rounded to bfloat16, half to even.
float toBfloat(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// Rows of activations.
struct Inputs {
  uint32_t rows, columns;
  Activations activations;
  size_t stride;
  GuardedMemory memory;

  Inputs(uint32_t rows, uint32_t columns, Activations activations, Random& random,
         bool extreme = false)
      : rows(rows), columns(columns), activations(activations), stride(strideOf()),
        memory(bytes()) {
    std::normal_distribution<float> normal(0, 1);
    if (activations != Activations::Q8) {
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t c = 0; c < columns; ++c)
          set(r, c, normal(random));
      return;
    }
    for (uint32_t r = 0; r < rows; ++r) {
      uint8_t* row = memory.data<uint8_t>() + r * stride;
      for (uint32_t g = 0; g < columns / 16; ++g) {
        int16_t sum = 0;
        bool negative = random() & 1;
        for (uint32_t i = 0; i < 16; ++i) {
          int q = extreme ? (negative ? -127 : 127) : int(random.below(255)) - 127;
          row[16 * g + i] = uint8_t(q);
          sum = int16_t(sum + q);
        }
        std::memcpy(row + Q8Row::sumOffset(columns) + 2 * g, &sum, 2);
      }
      for (uint32_t g = 0; g < columns / 32; ++g) {
        float scale = std::abs(normal(random)) / 64;
        std::memcpy(row + Q8Row::scaleOffset(columns) + 4 * g, &scale, 4);
      }
    }
  }

  int parts() const { return BF16x16Rows::parts(activations); }
  size_t strideOf() const {
    if (parts() > 0)
      return BF16x16Rows::bytes(activations, columns);
    return activationStride(activations == Activations::Q8 ? Q8Row::bytes(columns) : 4 * columns);
  }
  size_t bytes() const {
    if (parts() > 0)
      return (rows + 15) / 16 * 16 * stride;
    return (rows - 1) * stride +
           (activations == Activations::Q8 ? Q8Row::bytes(columns) : 4 * columns);
  }
  /// A bfloat16 is the upper half of a float.
  uint8_t* part(int which, uint32_t r, uint32_t c) const {
    return memory.data<uint8_t>() + r / 16 * 16 * stride + (c / 32 * parts() + which) * 1024 +
           c % 32 / 2 * 64 + r % 16 * 4 + c % 2 * 2;
  }
  void set(uint32_t r, uint32_t c, float value) {
    if (parts() == 0)
      std::memcpy(memory.data<uint8_t>() + r * stride + 4 * c, &value, 4);
    for (int which = 0; which < parts(); ++which) {
      float rounded = toBfloat(value);
      std::memcpy(part(which, r, c), reinterpret_cast<char*>(&rounded) + 2, 2);
      value -= rounded;
    }
  }

  double value(uint32_t r, uint32_t c) const {
    float number = 0;
    if (activations == Activations::F32) {
      std::memcpy(&number, memory.data<uint8_t>() + r * stride + 4 * c, 4);
      return number;
    }
    if (parts() > 0) {
      double sum = 0;
      for (int which = 0; which < parts(); ++which) {
        std::memcpy(reinterpret_cast<char*>(&number) + 2, part(which, r, c), 2);
        sum += number;
      }
      return sum;
    }
    const uint8_t* row = memory.data<uint8_t>() + r * stride;
    std::memcpy(&number, row + Q8Row::scaleOffset(columns) + 4 * (c / 32), 4);
    return double(number) * int8_t(row[c]);
  }
  chordal_view view() const { return {memory.data(), stride}; }
};

struct Problem {
  std::vector<std::unique_ptr<Weights>> weights;
  std::map<Activations, std::unique_ptr<Inputs>> inputs;
  uint32_t rows, columns;
  bool paired = false;

  const Inputs& x(Activations activations) const { return *inputs.at(activations); }
};

/// Runs all shards; results of weight i are [rows][outputs]. Without an epilogue also checks that
/// nothing but the results was written.
std::vector<Rows<float>*> multiply(const Problem& problem, const KernelInfo& kernel,
                                   std::vector<std::unique_ptr<Rows<float>>>& results,
                                   const chordal_function* functions = nullptr,
                                   const std::vector<chordal_view>& functionViews = {},
                                   const std::vector<uint32_t>& epilogueFirst = {}) {
  MatmulParameters parameters = {};
  const Inputs& x = problem.x(kernel.activations);
  parameters.columns = x.columns;
  parameters.weights = uint32_t(problem.weights.size());
  parameters.outputTile = kernel.tile;
  parameters.paired = problem.paired;
  uint32_t shards = 0;
  std::vector<chordal_view> operands = {x.view()};
  for (uint32_t i = 0; i < parameters.weights; ++i) {
    const Weights& w = *problem.weights[i];
    parameters.outputs[i] = w.rows;
    if (!problem.paired || i == 0)
      shards += tiles(w.rows, kernel.tile);
    operands.push_back(w.view());
    if (!functions)
      results.push_back(std::make_unique<Rows<float>>(x.rows, w.rows));
  }
  std::vector<Rows<float>*> all;
  if (!functions) {
    for (auto& result : results) {
      operands.push_back(result->view());
      all.push_back(result.get());
    }
  }
  for (size_t i = 0; i < epilogueFirst.size(); ++i)
    parameters.epilogueFirst[i] = epilogueFirst[i];

  const auto* words = reinterpret_cast<const uint32_t*>(&parameters);
  uint64_t bytes = (scratchBytes(kernel, words, x.rows) + 63) / 64 * 64;
  GuardedMemory scratch(bytes);
  chordal_task_args args = {};
  args.operands = operands.data();
  args.parameters = words;
  args.scratch = scratch.data();
  args.n_rows = x.rows;
  args.functions = functions;
  args.function_views = functionViews.data();
  chordal_kernel body = find(std::string(kernel.name).c_str());
  EXPECT_NE(body, nullptr) << kernel.name;
  for (uint32_t shard = shards; body && shard-- > 0;)
    body(&args, shard);
  // The gaps between rows stay as they were.
  for (Rows<float>* result : all)
    for (size_t r = 0; r + 1 < result->rows; ++r)
      for (size_t c = result->columns; c < result->stride; ++c) {
        uint32_t bits;
        std::memcpy(&bits, (*result)[r] + c, 4);
        EXPECT_EQ(bits, 0xffffffffu) << kernel.name << " wrote beyond row " << r;
      }
  return all;
}

/// Products in double, and the sums of their magnitudes.
struct Exact {
  std::vector<double> value, magnitude; // [rows][outputs]
  Exact(const Weights& w, const Inputs& x) : value(x.rows * w.rows), magnitude(x.rows * w.rows) {
    for (uint32_t o = 0; o < w.rows; ++o) {
      std::vector<float> weights = w.decode(o);
      if (x.activations == Activations::BF16x16)
        std::transform(weights.begin(), weights.end(), weights.begin(), toBfloat);
      for (uint32_t r = 0; r < x.rows; ++r)
        for (uint32_t c = 0; c < w.columns; ++c) {
          double product = double(weights[c]) * x.value(r, c);
          value[r * w.rows + o] += product;
          magnitude[r * w.rows + o] += std::abs(product);
        }
    }
  }
};

/// The greatest error in units of the magnitude; infinite for what is no number.
double worst(const Rows<float>& result, const Exact& exact) {
  double most = 0;
  for (size_t r = 0; r < result.rows; ++r)
    for (size_t c = 0; c < result.columns; ++c) {
      size_t i = r * result.columns + c;
      double error = std::abs(double(result[r][c]) - exact.value[i]) / exact.magnitude[i];
      if (!(error <= most)) // NaN too
        most = std::isnan(error) ? INFINITY : error;
    }
  return most;
}

// A float sum of n terms is off by some sqrt(n) * 2^-24 of them; codes' zero points and minimums
// that are taken off afterwards multiply that by a few.
constexpr double bound = 2e-6;

// Matrix units round weights to bfloat16. A weight next to the middle between two may be rounded to
// the other one than in Exact, which makes a difference of 2^-8 of one product.
constexpr double bfloatBound = 1.0 / 256;
// Of numbers in two parts they leave out the product of the lower ones.
constexpr double twoBfloatsBound = bound + 1.0 / (1 << 18);

double boundOf(const KernelInfo& kernel) {
  return kernel.activations == Activations::BF16x16     ? bfloatBound
         : kernel.activations == Activations::BF16x16x2 ? twoBfloatsBound
                                                        : bound;
}

/// The share of the results that are off by more than `bound`.
double shareBeyond(const Rows<float>& result, const Exact& exact) {
  size_t beyond = 0;
  for (size_t r = 0; r < result.rows; ++r)
    for (size_t c = 0; c < result.columns; ++c) {
      size_t i = r * result.columns + c;
      beyond += !(std::abs(double(result[r][c]) - exact.value[i]) <= bound * exact.magnitude[i]);
    }
  return double(beyond) / double(result.rows * result.columns);
}

/// The kernels of this machine that a problem of so many columns can be given to.
std::vector<const KernelInfo*> kernelsOf(Format format, uint32_t columns) {
  std::vector<const KernelInfo*> result;
  for (const KernelInfo& kernel : catalogue())
    if (kernel.family == Family::Matmul && kernel.format == format &&
        isaIncludes(hostIsa(), kernel.isa) &&
        (kernel.activations == Activations::F32 || columns % 32 == 0))
      result.push_back(&kernel);
  return result;
}

class Matmul : public testing::TestWithParam<Format> {
protected:
  Random random;

  Problem problem(uint32_t rows, uint32_t columns, std::vector<uint32_t> outputs) {
    Problem p;
    for (uint32_t n : outputs)
      p.weights.push_back(std::make_unique<Weights>(GetParam(), n, columns, random));
    p.rows = rows;
    p.columns = columns;
    for (const KernelInfo* kernel : kernelsOf(GetParam(), columns))
      if (std::unique_ptr<Inputs>& x = p.inputs[kernel->activations]; !x)
        x = std::make_unique<Inputs>(rows, columns, kernel->activations, random);
    return p;
  }

  void check(const Problem& p, const std::string& what) {
    std::map<Activations, std::vector<Exact>> all;
    for (const auto& [activations, x] : p.inputs)
      for (const auto& w : p.weights)
        all[activations].emplace_back(*w, *x);
    for (const KernelInfo* kernel : kernelsOf(GetParam(), p.columns)) {
      std::vector<std::unique_ptr<Rows<float>>> results;
      multiply(p, *kernel, results);
      const std::vector<Exact>& exact = all.at(kernel->activations);
      for (size_t i = 0; i < exact.size(); ++i) {
        EXPECT_LE(worst(*results[i], exact[i]), boundOf(*kernel))
            << kernel->name << ": " << what << ", weight " << i;
        EXPECT_LE(shareBeyond(*results[i], exact[i]), p.rows * p.weights[i]->rows < 100 ? 1 : 0.1)
            << kernel->name << ": " << what << ", weight " << i;
      }
    }
  }

  /// Widths that rows of the format can have.
  std::vector<uint32_t> widths() {
    switch (formatInfo(GetParam()).weightsPerBlock) {
    case 1:
      return {96, 100, 1, 7, 33, 520};
    case 32:
      return {32, 96, 256, 32 * (1 + random.below(40))};
    case 64:
      return {64, 320, 448, 64 * (1 + random.below(20))};
    default:
      return {256, 512, 768, 256 * (1 + random.below(8))};
    }
  }
};

TEST_P(Matmul, allBatchSizes) {
  std::vector<uint32_t> rows;
  for (uint32_t n = 1; n <= 20; ++n)
    rows.push_back(n);
  rows.insert(rows.end(), {33, 70});
  for (uint32_t n : rows) {
    auto all = widths();
    uint32_t columns = all[random.below(uint32_t(all.size()))];
    check(problem(n, columns, {1 + random.below(70)}),
          std::to_string(n) + " rows, " + std::to_string(columns) + " columns");
  }
}

TEST_P(Matmul, allShapes) {
  for (uint32_t columns : widths())
    for (uint32_t outputs : {1u, 24u, 31u, 32u, 33u, 352u})
      for (uint32_t rows : {1u, 5u, 13u})
        check(problem(rows, columns, {outputs}), std::to_string(rows) + " x " +
                                                     std::to_string(columns) + " x " +
                                                     std::to_string(outputs));
}

TEST_P(Matmul, severalWeights) {
  for (uint32_t rows : {1u, 4u, 19u}) {
    check(problem(rows, widths()[0], {33, 64, 1}), "three weights");
    Problem p = problem(rows, widths()[1], {70, 70});
    p.paired = true;
    check(p, "paired");
  }
}

// Codes and activations at the ends of their ranges, where narrow integers would overflow.
TEST_P(Matmul, extremes) {
  if (!wantsQuantizedActivations(GetParam()))
    return; // floats have no codes
  for (int byte : {0x00, 0x7f, 0x80, 0xff})
    for (uint32_t rows : {1u, 6u, 17u}) {
      Problem p = problem(rows, 512, {35});
      p.weights[0]->fillBlocks(random, byte);
      p.inputs[Activations::Q8] =
          std::make_unique<Inputs>(rows, 512, Activations::Q8, random, true);
      // Magnitudes of what zero points and minimums cancel do not show in the decoded weights: add
      // those of the codes, at most 256 times the step between weights.
      Exact exact(*p.weights[0], p.x(Activations::Q8));
      double step = 64 * 255;
      for (double& m : exact.magnitude)
        m += step * 512 * 2;
      for (const KernelInfo* kernel : kernelsOf(GetParam(), 512)) {
        if (kernel->activations != Activations::Q8)
          continue;
        std::vector<std::unique_ptr<Rows<float>>> results;
        multiply(p, *kernel, results);
        EXPECT_LE(worst(*results[0], exact), 1e-7)
            << kernel->name << ", bytes " << byte << ", " << rows << " rows";
      }
    }
}

//===--- epilogues ----------------------------------------------------------------------------===//

float at(const chordal_view& view, uint64_t row, uint64_t column) {
  return *reinterpret_cast<const float*>(static_cast<const char*>(view.data) +
                                         row * view.row_bytes + 4 * column);
}
float& at(chordal_view& view, uint64_t row, uint64_t column) {
  return *reinterpret_cast<float*>(static_cast<char*>(view.data) + row * view.row_bytes +
                                   4 * column);
}

/// views: tile, bias (one row for all), residual, result: result = 2 * tile + bias + residual.
void biasAndResidual(const chordal_view* views, uint64_t rowBegin, uint64_t rowEnd,
                     uint64_t columnBegin, uint64_t columnEnd) {
  chordal_view result = views[3];
  for (uint64_t r = rowBegin; r < rowEnd; ++r)
    for (uint64_t c = columnBegin; c < columnEnd; ++c)
      at(result, r, c) = 2 * at(views[0], r, c) + at(views[1], r, c) + at(views[2], r, c);
}

/// views: tile, result: negated.
void negated(const chordal_view* views, uint64_t rowBegin, uint64_t rowEnd, uint64_t columnBegin,
             uint64_t columnEnd) {
  chordal_view result = views[1];
  for (uint64_t r = rowBegin; r < rowEnd; ++r)
    for (uint64_t c = columnBegin; c < columnEnd; ++c)
      at(result, r, c) = -at(views[0], r, c);
}

/// views: two tiles, result: their difference.
void difference(const chordal_view* views, uint64_t rowBegin, uint64_t rowEnd, uint64_t columnBegin,
                uint64_t columnEnd) {
  chordal_view result = views[2];
  for (uint64_t r = rowBegin; r < rowEnd; ++r)
    for (uint64_t c = columnBegin; c < columnEnd; ++c)
      at(result, r, c) = at(views[0], r, c) - at(views[1], r, c);
}

TEST_P(Matmul, epilogueOfEachWeight) {
  for (uint32_t rows : {1u, 3u, 21u}) {
    Problem p = problem(rows, widths()[0], {45, 70});
    Rows<float> bias(1, 45), residual(rows, 45);
    bias.fill(random);
    residual.fill(random);
    const chordal_function functions[] = {biasAndResidual, negated};
    for (const KernelInfo* kernel : kernelsOf(GetParam(), p.columns)) {
      std::vector<std::unique_ptr<Rows<float>>> plain, none;
      multiply(p, *kernel, plain);
      Rows<float> first(rows, 45), second(rows, 70);
      chordal_view repeated = {bias.view().data, 0};
      multiply(p, *kernel, none, functions,
               {repeated, residual.view(), first.view(), second.view()}, {0, 3, 4});
      for (uint32_t r = 0; r < rows; ++r) {
        for (uint32_t c = 0; c < 45; ++c)
          ASSERT_EQ(first[r][c], 2 * (*plain[0])[r][c] + bias[0][c] + residual[r][c])
              << kernel->name << " " << r << " " << c;
        for (uint32_t c = 0; c < 70; ++c)
          ASSERT_EQ(second[r][c], -(*plain[1])[r][c]) << kernel->name << " " << r << " " << c;
      }
    }
  }
}

TEST_P(Matmul, epilogueOfAPair) {
  for (uint32_t rows : {1u, 9u}) {
    Problem p = problem(rows, widths()[1], {70, 70});
    p.paired = true;
    const chordal_function functions[] = {difference};
    for (const KernelInfo* kernel : kernelsOf(GetParam(), p.columns)) {
      std::vector<std::unique_ptr<Rows<float>>> plain, none;
      multiply(p, *kernel, plain);
      Rows<float> result(rows, 70);
      multiply(p, *kernel, none, functions, {result.view()}, {0, 1, 1});
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t c = 0; c < 70; ++c)
          ASSERT_EQ(result[r][c], (*plain[0])[r][c] - (*plain[1])[r][c])
              << kernel->name << " " << r << " " << c;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Matmul, testing::ValuesIn(formats),
                         [](const auto& info) { return std::string(formatInfo(info.param).name); });

TEST(MatmulCatalogue, everyFormatAtEveryLevelAndBatch) {
  for (Format format : formats)
    for (Isa isa : levels(Family::Matmul))
      for (uint32_t rows : {1u, 2u, 16u, 512u, 100000u}) {
        Activations activations =
            wantsQuantizedActivations(format) ? Activations::Q8 : Activations::F32;
        const KernelInfo* kernel = select(Family::Matmul, isa, format, activations, rows);
        ASSERT_NE(kernel, nullptr) << formatInfo(format).name << " " << isaName(isa) << " " << rows;
        Isa expected = isa;
        if (isa >= Isa::NeonDotprod && !wantsQuantizedActivations(format))
          expected = Isa::Neon;
        else if (isa == Isa::NeonI8mm && rows == 1)
          expected = Isa::NeonDotprod;
        EXPECT_EQ(kernel->isa, expected) << kernel->name;
        EXPECT_EQ(bestActivations(Family::Matmul, isa, format, rows), activations) << kernel->name;
      }
  EXPECT_FALSE(wantsQuantizedActivations(Format::BF16));
  EXPECT_TRUE(wantsQuantizedActivations(Format::Q4_0));
  EXPECT_EQ(select(Family::Matmul, Isa::Amx, Format::Q8_K, Activations::Q8, 1), nullptr);
}

TEST(MatmulCatalogue, matrixUnitsTakeManyRows) {
  for (Format format : formats) {
    Activations many = format == Format::F32   ? Activations::F32
                       : format == Format::F16 ? Activations::BF16x16x2
                                               : Activations::BF16x16;
    EXPECT_EQ(bestActivations(Family::Matmul, Isa::Amx, format, 512), many)
        << formatInfo(format).name;
    EXPECT_EQ(BF16x16Rows::parts(bestActivations(Family::Matmul, Isa::Amx, format, 16)), 0);
    EXPECT_TRUE(reads(format, many));
  }
}

} // namespace
} // namespace chordal::kernels
