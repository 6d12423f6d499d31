//===- Session.h - a program with its memory, ready to take tokens ----------------------------===//
//
// A session holds a program, its weights, the KV cache and an executor, and turns calls such as
// "these tokens follow in that sequence" into steps: it checks tokens and positions, splits long
// inputs into chunks that fit a bucket, gives blocks of the KV cache, and fills the step at its
// fixed address. Logits go to memory of the caller and only for the rows asked for.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Program.h"
#include "runtime/core/StepExecutor.h"

#include <atomic>
#include <memory>
#include <span>
#include <vector>

namespace chordal {

struct SessionOptions {
  uint32_t contextLength = 0; ///< most positions of a sequence; 0: the model's; never above it
  uint32_t maxSequences = 1;
  uint32_t kvBlocks = 0;   ///< physical blocks; 0: all sequences may be full
  uint32_t microBatch = 0; ///< most tokens of a step; 0, or above it: the largest bucket
};

/// One step, spelled out. Tokens of one sequence must be consecutive positions, in order, from the
/// sequence's present end on.
struct StepInput {
  std::span<const int32_t> tokens;
  std::span<const int32_t> positions;    ///< of each token; empty: each follows in its sequence
  std::span<const SequenceId> sequences; ///< of each token; empty: all belong to sequence 0
  std::span<const int32_t> outputRows;   ///< tokens (indices, ascending) whose logits are wanted
};

/// Not thread-safe, but for cancel().
class Session {
public:
  /// Validates and loads the program. `weights` has one span for each weight of the program, and
  /// they must outlive the session, as must `memory`'s context. Errors: an invalid program, weights
  /// of the wrong number or size, no memory, what the executor reports.
  static Result<std::unique_ptr<Session>> create(Program program,
                                                 std::vector<std::span<const std::byte>> weights,
                                                 std::unique_ptr<StepExecutor> executor,
                                                 const SessionOptions& options,
                                                 const MemorySource& memory);

  const Program& program() const { return tables; }
  /// The bytes of each weight of the program.
  std::span<const std::span<const std::byte>> weightData() const { return weights; }
  const KvCache& kvCache() const { return cache; }
  StepExecutor& executor() { return *runner; }
  uint32_t vocabulary() const { return tables.model.vocabulary; }
  uint32_t contextLength() const { return cache.contextLength(); }
  /// The most tokens of a step.
  uint32_t microBatch() const { return chunk; }

  //===--- sequences: see KvCache -------------------------------------------------------------===//
  Result<SequenceId> createSequence() { return cache.createSequence(); }
  Result<SequenceId> fork(SequenceId sequence) { return cache.fork(sequence); }
  Result<void> freeSequence(SequenceId sequence) { return cache.freeSequence(sequence); }
  Result<void> truncate(SequenceId sequence, uint32_t positions) {
    return cache.truncate(sequence, positions);
  }
  uint32_t retainable(SequenceId sequence, uint32_t positions) const {
    return cache.retainable(sequence, positions);
  }
  uint32_t positions(SequenceId sequence) const { return cache.positions(sequence); }

  //===--- steps ------------------------------------------------------------------------------===//
  // All fail with: a token outside the vocabulary, a wrong position, an unknown sequence
  // (OutOfRange); no room (Full); Cancelled. A step that fails leaves every sequence as it was
  // before; a long input that fails keeps the chunks that were complete.

  /// Runs one step of at most microBatch() tokens. `logits`: [outputRows, vocabulary], may be null
  /// if no rows are wanted.
  Result<void> step(const StepInput& input, float* logits);

  /// Appends tokens, any number, to a sequence. `rows`: indices into `tokens`, ascending, whose
  /// logits are wanted: `logits` is [rows, vocabulary].
  Result<void> prefill(SequenceId sequence, std::span<const int32_t> tokens,
                       std::span<const int32_t> rows, float* logits);
  /// Appends tokens and computes the logits of the last one: `logits` is [vocabulary]; null: none.
  Result<void> prefill(SequenceId sequence, std::span<const int32_t> tokens, float* logits);
  /// Appends tokens and computes all logits: `logits` is [tokens, vocabulary].
  Result<void> prefillAll(SequenceId sequence, std::span<const int32_t> tokens, float* logits);
  /// Appends one token to each of several sequences: `logits` is [tokens, vocabulary].
  Result<void> decode(std::span<const SequenceId> sequences, std::span<const int32_t> tokens,
                      float* logits);
  /// Appends one token to a sequence: `logits` is [vocabulary].
  Result<void> decode(SequenceId sequence, int32_t token, float* logits) {
    return decode(std::span(&sequence, 1), std::span(&token, 1), logits);
  }

  /// Ends the running call with ErrorCode::Cancelled, or the next one if none runs. From any thread
  /// or signal handler.
  void cancel() { cancelled.store(true, std::memory_order_relaxed); }
  /// Forgets a cancellation, so that calls run again.
  void clearCancel() { cancelled.store(false, std::memory_order_relaxed); }

private:
  Session() = default;
  Result<void> checkRows(std::span<const int32_t> rows, size_t tokens, const float* logits) const;
  Result<void> checkTokens(std::span<const int32_t> tokens) const;
  Result<void> run(float* logits);

  Program tables;
  std::vector<std::span<const std::byte>> weights;
  KvCache cache;
  uint32_t chunk = 0;
  std::atomic<bool> cancelled{false};

  // What varies from step to step, at fixed addresses: sized once.
  chordal_step current{};
  std::vector<int32_t> token, position, sequence, outputRow;
  std::vector<chordal_sequence> sequenceTable;
  std::vector<uint32_t> slotOf;         ///< by SequenceId: its index in the step, or CHORDAL_NONE
  std::vector<SequenceId> inStep;       ///< by index in the step
  std::vector<uint32_t> stepTokens;     ///< by index in the step: its tokens so far
  std::unique_ptr<StepExecutor> runner; // last: it goes before what it refers to
};

} // namespace chordal
