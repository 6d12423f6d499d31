//===- TestPrograms.h - small programs for the tests of the runtime ---------------------------===//
//
// Programs whose kernels are functions of the tests. `mix` programs are random task graphs over
// integers whose results depend on every shard having run exactly once and after all that it
// depends on; `recall` is a model whose logits depend on everything its sequence has seen.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/LoadedProgram.h"
#include "runtime/core/Program.h"

#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <span>
#include <thread>
#include <vector>

namespace chordal::test {

inline uint32_t hash(uint32_t a, uint32_t b) {
  uint64_t x = (uint64_t(a) << 32 | b) * 0x9e3779b97f4a7c15u;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  return uint32_t(x >> 32);
}

//===--- mix: random task graphs --------------------------------------------------------------===//

/// Parameters of a mix task, then for each dependency {its factor, whether its rows are outputs}.
/// Operands: output, log, then the dependencies' outputs. An output is [rows][factor] words; the
/// log (the state) counts the runs of each shard at `logFirst` and keeps the output at `copyFirst`.
struct MixParameters {
  uint32_t seed, rowTile, factor, dependencies, logFirst, copyFirst;
};

inline void mixKernel(const chordal_task_args* args, uint32_t shard) {
  const auto& parameters = *reinterpret_cast<const MixParameters*>(args->parameters);
  const uint32_t* sources = args->parameters + sizeof(MixParameters) / 4;
  uint32_t tile = shard / parameters.factor, column = shard % parameters.factor;
  uint32_t sum = hash(parameters.seed, shard);
  for (uint32_t d = 0; d < parameters.dependencies; ++d) {
    const chordal_view& view = args->operands[2 + d];
    uint32_t rows = sources[2 * d + 1] ? args->step->n_outputs : args->step->n_tokens;
    for (uint32_t row = 0; row < rows; ++row)
      for (uint32_t i = 0; i < sources[2 * d]; ++i)
        sum = hash(sum, reinterpret_cast<const uint32_t*>(static_cast<std::byte*>(view.data) +
                                                          row * view.row_bytes)[i]);
  }
  // Some shards take much longer than others, some are held up: workers must meet.
  for (uint32_t i = sum % 8 == 0 ? sum % 8192 : sum % 64; i > 0; --i)
    sum = hash(sum, i);
  if (sum % 16 == 1)
    std::this_thread::yield();
  *static_cast<uint32_t*>(args->scratch) = sum;

  uint32_t* log = static_cast<uint32_t*>(args->operands[1].data);
  std::atomic_ref(log[parameters.logFirst + shard]).fetch_add(1, std::memory_order_relaxed);
  uint32_t begin = parameters.rowTile ? tile * parameters.rowTile : 0;
  uint32_t end = parameters.rowTile ? begin + parameters.rowTile : args->n_rows;
  for (uint32_t row = begin; row < end && row < args->n_rows; ++row) {
    uint32_t value = hash(*static_cast<uint32_t*>(args->scratch), row);
    const chordal_view& output = args->operands[0];
    reinterpret_cast<uint32_t*>(static_cast<std::byte*>(output.data) +
                                row * output.row_bytes)[column] = value;
    log[parameters.copyFirst + row * parameters.factor + column] = value;
  }
}

/// A program of random buckets and tasks, and the words that its log needs (the state's block).
struct MixProgram {
  Program program;
  ProgramCode code;
  uint32_t logWords = 0;
};

template <typename Random> MixProgram makeMix(Random& random, uint32_t maxTasks) {
  auto upTo = [&](uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n)(random); };
  MixProgram mix;
  Program& program = mix.program;
  program.model = {100, 1000, 8, 1};
  uint32_t name = program.addString("mix");
  program.kernelNames = {name, program.addString("mix too")};
  mix.code.kernels = {mixKernel, mixKernel};
  uint32_t minTokens = 1;
  for (uint32_t b = 0, buckets = 1 + upTo(2); b < buckets; ++b) {
    chordal_bucket bucket{};
    bucket.min_tokens = minTokens;
    bucket.max_tokens = minTokens + upTo(6);
    minTokens = bucket.max_tokens + 1;
    bucket.first_task = uint32_t(program.tasks.size());
    bucket.n_tasks = 1 + upTo(maxTasks - 1);
    for (uint32_t i = 0; i < bucket.n_tasks; ++i) {
      chordal_task task{};
      task.name = program.addString("task" + std::to_string(program.tasks.size()));
      task.rows = upTo(3) == 0 ? CHORDAL_ROWS_OUTPUTS : CHORDAL_ROWS_TOKENS;
      task.row_tile = upTo(3);
      task.shard_factor = 1 + upTo(5);
      task.scratch_bytes = 4;
      task.first_kernel = uint32_t(program.kernelRefs.size());
      task.n_kernels = 1;
      program.kernelRefs.push_back({0, 0});
      if (task.row_tile == 0 && task.shard_factor > 1) {
        task.n_kernels = 2;
        program.kernelRefs.push_back({1, 1 + upTo(task.shard_factor - 2)});
      }
      task.first_operand = uint32_t(program.operands.size());
      uint64_t rowBytes = task.shard_factor * 4;
      program.operands.push_back({CHORDAL_SPACE_ARENA, 0, bucket.arena_bytes, rowBytes});
      program.operands.push_back({CHORDAL_SPACE_STATE, 0, 0, 0}); // row_bytes below
      bucket.arena_bytes += bucket.max_tokens * rowBytes;

      MixParameters parameters{};
      parameters.seed = upTo(1u << 30);
      parameters.rowTile = task.row_tile;
      parameters.factor = task.shard_factor;
      parameters.logFirst = mix.logWords;
      mix.logWords += uint32_t(shardCount(task, bucket.max_tokens));
      parameters.copyFirst = mix.logWords;
      mix.logWords += bucket.max_tokens * task.shard_factor;
      std::vector<uint32_t> sources;
      task.first_dependency = uint32_t(program.dependencies.size());
      for (uint32_t wanted = std::min(i, upTo(3)); wanted > 0; --wanted) {
        uint32_t other = upTo(3) ? i - 1 - upTo(std::min(i - 1, 2u)) : upTo(i - 1);
        const chordal_task& source = program.tasks[bucket.first_task + other];
        program.dependencies.push_back(other);
        program.operands.push_back(program.operands[source.first_operand]);
        sources.push_back(source.shard_factor);
        sources.push_back(source.rows == CHORDAL_ROWS_OUTPUTS);
        ++parameters.dependencies;
      }
      task.n_dependencies = parameters.dependencies;
      task.n_operands = 2 + parameters.dependencies;
      task.first_parameter = uint32_t(program.parameters.size());
      std::array<uint32_t, sizeof parameters / 4> words;
      std::memcpy(words.data(), &parameters, sizeof parameters);
      program.parameters.insert(program.parameters.end(), words.begin(), words.end());
      program.parameters.insert(program.parameters.end(), sources.begin(), sources.end());
      task.n_parameters = uint32_t(program.parameters.size()) - task.first_parameter;
      program.tasks.push_back(task);
    }
    program.buckets.push_back(bucket);
  }
  chordal_state state{};
  state.name = name;
  state.heads = state.dimension = 1;
  state.block_bytes = (std::max(mix.logWords * 4u, 256u) + 63) / 64 * 64;
  program.states.push_back(state);
  for (chordal_operand& operand : program.operands)
    if (operand.space == CHORDAL_SPACE_STATE)
      operand.row_bytes = state.block_bytes;
  return mix;
}

/// A step's arrays and the bindings for programs without weights.
struct TestStep {
  static constexpr uint32_t maxTokens = 64;
  std::array<int32_t, maxTokens> zeros{};
  chordal_sequence sequence{};
  chordal_step step{};
  std::vector<std::byte> state;
  std::byte* states[1];
  Bindings bindings;
  std::atomic<bool> cancel{false};

  explicit TestStep(const Program& program) {
    step.token = step.position = step.sequence = step.output_row = zeros.data();
    step.sequences = &sequence;
    if (!program.states.empty())
      state.resize(program.states[0].block_bytes);
    states[0] = state.data();
    bindings.states = std::span(states).first(program.states.size());
    bindings.stateBlocks = 1;
    bindings.step = &step;
  }
};

//===--- recall: a model that remembers -------------------------------------------------------===//

constexpr uint32_t recallVocabulary = 13;

/// Operands: token, position, sequence, state. Stores the token at its position.
inline void recallStore(const chordal_task_args* args, uint32_t shard) {
  const chordal_step& step = *args->step;
  uint32_t position = uint32_t(static_cast<int32_t*>(args->operands[1].data)[shard]);
  int32_t sequence = static_cast<int32_t*>(args->operands[2].data)[shard];
  uint32_t block = step.sequences[sequence].kv_blocks[position / CHORDAL_KV_BLOCK_POSITIONS];
  auto* values = reinterpret_cast<float*>(static_cast<std::byte*>(args->operands[3].data) +
                                          block * args->operands[3].row_bytes);
  values[position % CHORDAL_KV_BLOCK_POSITIONS] =
      float(static_cast<int32_t*>(args->operands[0].data)[shard]);
}

/// The logit of token v after the given tokens.
inline float recallLogit(std::span<const int32_t> tokens, uint32_t v) {
  uint32_t sum = v;
  for (int32_t token : tokens)
    sum = hash(sum, uint32_t(token));
  return float(sum % 100003);
}

/// Operands: position, sequence, output row, state, logits.
inline void recallLogits(const chordal_task_args* args, uint32_t shard) {
  const chordal_step& step = *args->step;
  int32_t row = static_cast<int32_t*>(args->operands[2].data)[shard];
  uint32_t position = uint32_t(static_cast<int32_t*>(args->operands[0].data)[row]);
  const chordal_sequence& sequence =
      step.sequences[static_cast<int32_t*>(args->operands[1].data)[row]];
  std::vector<int32_t> seen;
  for (uint32_t i = 0; i <= position && position < sequence.n_positions; ++i) {
    uint32_t block = sequence.kv_blocks[i / CHORDAL_KV_BLOCK_POSITIONS];
    auto* values = reinterpret_cast<float*>(static_cast<std::byte*>(args->operands[3].data) +
                                            block * args->operands[3].row_bytes);
    seen.push_back(int32_t(values[i % CHORDAL_KV_BLOCK_POSITIONS]));
  }
  auto* logits = reinterpret_cast<float*>(static_cast<std::byte*>(args->operands[4].data) +
                                          uint64_t(shard) * args->operands[4].row_bytes);
  for (uint32_t v = 0; v < recallVocabulary; ++v)
    logits[v] = recallLogit(seen, v);
}

/// Buckets 1, 2 to 4, 5 to 16 tokens; a context of 300 positions.
inline Program makeRecall() {
  Program program;
  program.model = {recallVocabulary, 300, 1, 1};
  program.kernelNames = {program.addString("store"), program.addString("logits")};
  program.kernelRefs = {{0, 0}, {1, 0}};
  program.states.push_back({program.addString("memory"), CHORDAL_F32, 1, 1, 256, 0, 0});
  chordal_operand state{CHORDAL_SPACE_STATE, 0, 0, 256};
  program.operands = {{CHORDAL_SPACE_TOKEN, 0, 0, 4},
                      {CHORDAL_SPACE_POSITION, 0, 0, 4},
                      {CHORDAL_SPACE_SEQUENCE, 0, 0, 4},
                      state,
                      {CHORDAL_SPACE_POSITION, 0, 0, 4},
                      {CHORDAL_SPACE_SEQUENCE, 0, 0, 4},
                      {CHORDAL_SPACE_OUTPUT_ROW, 0, 0, 4},
                      state,
                      {CHORDAL_SPACE_LOGITS, 0, 0, recallVocabulary * 4}};
  program.dependencies = {0};
  uint32_t ranges[][2] = {{1, 1}, {2, 4}, {5, 16}};
  for (auto& range : ranges) {
    program.buckets.push_back({range[0], range[1], uint32_t(program.tasks.size()), 2, 0});
    chordal_task store{};
    store.name = program.kernelNames[0];
    store.n_kernels = store.row_tile = store.shard_factor = 1;
    store.n_operands = 4;
    program.tasks.push_back(store);
    chordal_task logits = store;
    logits.name = program.kernelNames[1];
    logits.first_kernel = 1;
    logits.rows = CHORDAL_ROWS_OUTPUTS;
    logits.first_operand = 4;
    logits.n_operands = 5;
    logits.n_dependencies = 1;
    program.tasks.push_back(logits);
  }
  return program;
}

inline ProgramCode recallCode() {
  return {{recallStore, recallLogits}, {}};
}

} // namespace chordal::test
