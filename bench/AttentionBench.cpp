//===- AttentionBench.cpp - attention and row kernels on one thread ---------------------------===//
//
// Prefill at several depths, decoding behind long contexts, and the kernels that work row by row,
// for the shapes of common models. Decoding walks as many layers' caches as a model has, so that
// keys and values come from where they come from in a model. `flops` counts the products of q and k
// and of weights and v that the causal mask leaves; `bytes` the keys and values read.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/catalogue/Catalogue.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace chordal::kernels {
namespace {

struct Buffer {
  explicit Buffer(size_t bytes)
      : data(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64))) {
    std::memset(data, 0, bytes);
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { std::free(data); }
  char* data;
};

struct Shape {
  const char* name;
  uint32_t heads, kvHeads, dimension, layers;
};

const Shape shapes[] = {{"32x4x64", 32, 4, 64, 22},
                        {"32x8x64", 32, 8, 64, 16},
                        {"32x8x128", 32, 8, 128, 8},
                        {"14x2x64", 14, 2, 64, 24},
                        {"32x32x96", 32, 32, 96, 4}};

void fillFloats(char* data, size_t n) {
  auto* x = reinterpret_cast<float*>(data);
  for (size_t i = 0; i < n; ++i)
    x[i] = float(std::sin(double(i) * 1.7));
}

void attention(benchmark::State& state, const KernelInfo* kernel, Shape shape, uint32_t tokens,
               uint32_t depth) {
  const uint32_t layers = tokens == 1 ? shape.layers : 1, positions = depth + tokens;
  const uint32_t blocks = (positions + 63) / 64;
  const uint64_t blockBytes = uint64_t(shape.kvHeads) * 64 * shape.dimension * 2;
  Buffer keys(layers * blocks * blockBytes), values(layers * blocks * blockBytes);
  for (Buffer* buffer : {&keys, &values}) {
    auto* halves = reinterpret_cast<uint16_t*>(buffer->data);
    for (size_t i = 0; i < layers * blocks * blockBytes / 2; ++i)
      halves[i] = uint16_t(0x2c00 + (i * 2654435761u >> 7) % 0x1000 + (i % 3 == 0 ? 0x8000 : 0));
  }
  const uint64_t rowBytes = uint64_t(shape.heads) * shape.dimension * 4;
  Buffer q(tokens * rowBytes), out(tokens * rowBytes);
  fillFloats(q.data, tokens * rowBytes / 4);
  std::vector<int32_t> position(tokens), sequence(tokens, 0);
  for (uint32_t i = 0; i < tokens; ++i)
    position[i] = int32_t(depth + i);
  std::vector<uint32_t> table(blocks);
  for (uint32_t i = 0; i < blocks; ++i)
    table[i] = i;
  chordal_sequence only = {positions, 0, table.data()};
  chordal_step step = {};
  step.n_tokens = tokens;
  step.sequences = &only;

  AttentionParameters parameters = {shape.heads,
                                    shape.kvHeads,
                                    shape.dimension,
                                    shape.dimension,
                                    1 / std::sqrt(float(shape.dimension)),
                                    0,
                                    0,
                                    CHORDAL_F16,
                                    attentionRowTile(*kernel, shape.heads / shape.kvHeads)};
  const auto* words = reinterpret_cast<const uint32_t*>(&parameters);
  Buffer scratch(scratchBytes(*kernel, words, tokens));
  std::vector<chordal_view> operands = {{q.data, rowBytes},        {position.data(), 0},
                                        {sequence.data(), 0},      {keys.data, blockBytes},
                                        {values.data, blockBytes}, {out.data, rowBytes}};
  chordal_task_args args = {};
  args.step = &step;
  args.operands = operands.data();
  args.parameters = words;
  args.scratch = scratch.data;
  args.n_rows = tokens;
  chordal_kernel body = find(std::string(kernel->name).c_str());
  const uint32_t shards = (tokens + parameters.rowTile - 1) / parameters.rowTile * shape.kvHeads;
  uint32_t layer = 0;
  for (auto _ : state) {
    operands[3].data = keys.data + layer * blocks * blockBytes;
    operands[4].data = values.data + layer * blocks * blockBytes;
    layer = (layer + 1) % layers;
    for (uint32_t i = 0; i < shards; ++i)
      body(&args, i);
    benchmark::ClobberMemory();
  }
  double pairs = double(tokens) * depth + double(tokens) * (tokens + 1) / 2;
  state.counters["flops"] = benchmark::Counter(4 * pairs * shape.heads * shape.dimension,
                                               benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = benchmark::Counter(4.0 * positions * shape.kvHeads * shape.dimension,
                                               benchmark::Counter::kIsIterationInvariantRate);
}

/// norm with Q8 output, quantize, rope_table and rope_append of one token.
void rows(benchmark::State& state, const KernelInfo* kernel, uint32_t columns) {
  Buffer x(columns * 4), weight(columns * 4), out(columns * 4 + 4096),
      quantized(columns * 32); // BF16x16 rows come 16 at a time
  fillFloats(x.data, columns);
  fillFloats(weight.data, columns);
  NormParameters norm = {columns, 1e-5f, 0, 1, 1};
  QuantizeParameters quantize = {columns, 1};
  chordal_task_args args = {};
  args.n_rows = 1;
  std::vector<chordal_view> operands = {{x.data, 0}, {weight.data, 0}, {quantized.data, 0}};
  args.parameters = reinterpret_cast<const uint32_t*>(&norm);
  if (kernel->family == Family::Quantize) {
    operands = {{x.data, 0}, {quantized.data, 0}};
    args.parameters = reinterpret_cast<const uint32_t*>(&quantize);
  }
  args.operands = operands.data();
  chordal_kernel body = find(std::string(kernel->name).c_str());
  for (auto _ : state) {
    body(&args, 0);
    benchmark::ClobberMemory();
  }
}

void ropeAppend(benchmark::State& state, const KernelInfo* kernel, uint32_t halfSplit) {
  const uint32_t heads = 32, kvHeads = 8, dimension = 64;
  Buffer q(heads * dimension * 4), k(kvHeads * dimension * 4), v(kvHeads * dimension * 4),
      table(dimension * 4), keys(kvHeads * 64 * dimension * 2),
      values(kvHeads * 64 * dimension * 2), rotated(heads * dimension * 4), scratch(4096);
  for (Buffer* buffer : {&q, &k, &v, &table})
    fillFloats(buffer->data, dimension);
  int32_t zero = 0;
  uint32_t block = 0;
  chordal_sequence sequence = {1, 0, &block};
  chordal_step step = {};
  step.sequences = &sequence;
  RopeAppendParameters parameters = {heads,     kvHeads,     dimension, dimension, dimension / 2,
                                     halfSplit, CHORDAL_F16, 0,         0};
  std::vector<chordal_view> operands = {{q.data, 0},       {k.data, 0},    {v.data, 0},
                                        {table.data, 0},   {&zero, 0},     {&zero, 0},
                                        {rotated.data, 0}, {keys.data, 0}, {values.data, 0}};
  chordal_task_args args = {};
  args.step = &step;
  args.operands = operands.data();
  args.parameters = reinterpret_cast<const uint32_t*>(&parameters);
  args.scratch = scratch.data;
  args.n_rows = 1;
  chordal_kernel body = find(std::string(kernel->name).c_str());
  for (auto _ : state) {
    body(&args, 0);
    benchmark::ClobberMemory();
  }
}

void registerAll() {
  for (const KernelInfo& kernel : catalogue()) {
    if (!isaIncludes(hostIsa(), kernel.isa))
      continue;
    std::string name(kernel.name);
    if (kernel.family == Family::Norm || kernel.family == Family::Quantize)
      benchmark::RegisterBenchmark((name + "/2048").c_str(), rows, &kernel, 2048u);
    if (kernel.family == Family::RopeAppend && kernel.format == Format::F16)
      for (uint32_t halfSplit : {0u, 1u})
        benchmark::RegisterBenchmark((name + (halfSplit ? "/halves" : "/pairs")).c_str(),
                                     ropeAppend, &kernel, halfSplit);
    if (kernel.family != Family::Attention || kernel.format != Format::F16)
      continue;
    for (const Shape& shape : shapes)
      for (auto [tokens, depth] :
           {std::pair{1u, 128u}, {1u, 1900u}, {4u, 1900u}, {512u, 0u}, {512u, 1536u}})
        benchmark::RegisterBenchmark(
            (name + "/" + shape.name + "/" + std::to_string(tokens) + "@" + std::to_string(depth))
                .c_str(),
            attention, &kernel, shape, tokens, depth)
            ->Unit(benchmark::kMicrosecond);
  }
}

} // namespace
} // namespace chordal::kernels

int main(int argc, char** argv) {
  chordal::kernels::registerAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
