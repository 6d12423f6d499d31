//===- MatmulBench.cpp - the speed of matmul kernels ------------------------------------------===//
//
// Every kernel, format and level of this machine on one thread: few rows over a matrix larger than
// the second-level cache (bytes/s: packed weights read), 64 and 512 rows over a smaller one
// (items/s: operations, two for each weight and row). The limits stand beside them: reading memory,
// and multiplying in registers (`peak`).
//
//   matmul_bench --benchmark_filter='Q4_K.*avx512vnni'
//
//===------------------------------------------------------------------------------------------===//
#include "bench/Limits.h"
#include "ir/gguf/Half.h"
#include "kernels/catalogue/Catalogue.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace chordal;
using namespace chordal::kernels;

struct Aligned {
  explicit Aligned(size_t bytes)
      : p(static_cast<uint8_t*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096)),
          std::free) {
    std::memset(p.get(), 0, bytes);
  }
  std::unique_ptr<uint8_t, void (*)(void*)> p;
};

void multiply(benchmark::State& state, const KernelInfo* kernel, uint32_t rows, uint32_t columns,
              uint32_t outputs) {
  const FormatInfo& format = formatInfo(kernel->format);
  const size_t rowBytes = columns / format.weightsPerBlock * format.bytesPerBlock;
  Aligned weights(rowBytes * outputs);
  std::mt19937 random(1);
  // Small bytes: as floats of any size they are tiny numbers, but none is slow (subnormal) or NaN.
  for (size_t i = 0; i < rowBytes * outputs; ++i)
    weights.p.get()[i] = uint8_t(0x20 | (i * 7 & 0x0f));

  const bool bytes = kernel->activations == Activations::Q8;
  const bool bfloat = BF16x16Rows::parts(kernel->activations) > 0;
  const uint64_t xStride = bfloat ? BF16x16Rows::bytes(kernel->activations, columns)
                                  : activationStride(bytes ? Q8Row::bytes(columns) : 4 * columns);
  // Interleaved rows are left zero: their values do not matter for time.
  Aligned x(xStride * (rows + 15) / 16 * 16);
  for (uint32_t r = 0; !bfloat && r < rows; ++r) {
    uint8_t* row = x.p.get() + r * xStride;
    for (uint32_t c = 0; c < columns; ++c) {
      if (bytes)
        row[c] = uint8_t(random() & 0x3f);
      else
        reinterpret_cast<float*>(row)[c] = 1;
    }
    for (uint32_t g = 0; bytes && g < columns / 32; ++g)
      reinterpret_cast<float*>(row + Q8Row::scaleOffset(columns))[g] = 1;
  }
  const uint64_t resultStride = activationStride(4 * outputs);
  Aligned result(resultStride * rows);

  MatmulParameters parameters = {};
  parameters.columns = columns;
  parameters.weights = 1;
  parameters.outputTile = kernel->tile;
  parameters.outputs[0] = outputs;
  const auto* words = reinterpret_cast<const uint32_t*>(&parameters);
  Aligned scratch(scratchBytes(*kernel, words, rows));
  const chordal_view operands[] = {
      {x.p.get(), xStride}, {weights.p.get(), rowBytes}, {result.p.get(), resultStride}};
  chordal_task_args args = {};
  args.operands = operands;
  args.parameters = words;
  args.scratch = scratch.p.get();
  args.n_rows = rows;
  chordal_kernel body = find(std::string(kernel->name).c_str());
  const uint32_t shards = (outputs + kernel->tile - 1) / kernel->tile;
  for (auto _ : state) {
    for (uint32_t shard = 0; shard < shards; ++shard)
      body(&args, shard);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(rowBytes) * outputs);
  state.SetItemsProcessed(int64_t(state.iterations()) * 2 * rows * columns * outputs);
}

void readMemory(benchmark::State& state, bench::ReadPattern pattern) {
  const size_t bytes = 512 << 20;
  Aligned memory(bytes);
  std::span all(reinterpret_cast<const std::byte*>(memory.p.get()), bytes);
  for (auto _ : state)
    benchmark::DoNotOptimize(bench::readAll(all, pattern));
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(bytes));
}

void peak(benchmark::State& state, Isa isa, bench::Arithmetic arithmetic) {
  int64_t operations = 0;
  for (auto _ : state)
    operations += int64_t(bench::multiply(isa, arithmetic));
  state.SetItemsProcessed(operations);
}

} // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (bench::ReadPattern pattern : bench::readPatterns)
    benchmark::RegisterBenchmark(
        ("read/" + std::to_string(pattern.streams) + (pattern.prefetch ? "/prefetch" : "")).c_str(),
        readMemory, pattern);
  constexpr std::pair<bench::Arithmetic, const char*> arithmetics[] = {
      {bench::Arithmetic::Int8, "int8"},
      {bench::Arithmetic::Float32, "float32"},
      {bench::Arithmetic::BFloat16, "bfloat16"}};
  for (unsigned level = 0; level <= unsigned(Isa::NeonI8mm); ++level)
    for (auto [arithmetic, name] : arithmetics)
      if (isaIncludes(hostIsa(), Isa(level)) && bench::multiply(Isa(level), arithmetic) != 0)
        benchmark::RegisterBenchmark(
            ("peak/" + std::string(isaName(Isa(level))) + "/" + name).c_str(), peak, Isa(level),
            arithmetic);
  for (const KernelInfo& kernel : catalogue()) {
    if (kernel.family != Family::Matmul || kernel.isa == Isa::Scalar ||
        !isaIncludes(hostIsa(), kernel.isa))
      continue;
    const bool few = kernel.name.find(".gemv.") != std::string_view::npos;
    const std::vector<uint32_t> counts = few ? std::vector<uint32_t>{1}
                                         : kernel.isa == Isa::Amx
                                             ? std::vector<uint32_t>{32, 64, 512}
                                             : std::vector<uint32_t>{2, 4, 8, 16, 64, 512};
    for (uint32_t rows : counts) {
      std::string name = std::string(kernel.name) + "/" + std::to_string(rows);
      const KernelInfo* info = &kernel;
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        multiply(state, info, rows, 2048, rows <= 16 ? 16384 : 1024);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
