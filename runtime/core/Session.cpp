//===- Session.cpp - steps from tokens --------------------------------------------------------===//
//
// A step is checked completely before anything changes. Then the sequences grow, the step's arrays
// are filled and the executor runs; if it fails, the sequences are cut back.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Session.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <string>

namespace chordal {

static Error sessionError(std::string message) {
  return {std::move(message), ErrorCode::OutOfRange};
}

Result<std::unique_ptr<Session>> Session::create(Program program,
                                                 std::vector<std::span<const std::byte>> weights,
                                                 std::unique_ptr<StepExecutor> executor,
                                                 const SessionOptions& options,
                                                 const MemorySource& memory) {
  if (Result<void> valid = validate(program); !valid)
    return valid.error();
  if (options.contextLength > program.model.context_length)
    return sessionError("a context of " + std::to_string(options.contextLength) +
                        " was asked for, but the model has at most " +
                        std::to_string(program.model.context_length) + " positions");

  std::unique_ptr<Session> session(new Session);
  session->tables = std::move(program);
  session->weights = std::move(weights);
  session->runner = std::move(executor);

  KvCacheOptions cacheOptions;
  cacheOptions.contextLength =
      options.contextLength ? options.contextLength : session->tables.model.context_length;
  cacheOptions.maxSequences = options.maxSequences;
  cacheOptions.blocks = options.kvBlocks;
  Result<KvCache> cache = KvCache::create(session->tables.states, cacheOptions, memory);
  if (!cache)
    return std::move(cache).error();
  session->cache = *std::move(cache);

  uint32_t largest = session->tables.maxTokens();
  session->chunk = options.microBatch ? std::min(options.microBatch, largest) : largest;
  session->token.resize(session->chunk);
  session->position.resize(session->chunk);
  session->sequence.resize(session->chunk);
  session->outputRow.resize(session->chunk);
  session->sequenceTable.resize(options.maxSequences);
  session->slotOf.assign(options.maxSequences, CHORDAL_NONE);
  session->stepTokens.resize(options.maxSequences);
  session->inStep.reserve(options.maxSequences);

  chordal_step& step = session->current;
  step.token = session->token.data();
  step.position = session->position.data();
  step.sequence = session->sequence.data();
  step.output_row = session->outputRow.data();
  step.sequences = session->sequenceTable.data();

  Bindings bindings;
  bindings.weights = session->weights;
  bindings.states = session->cache.stateData();
  bindings.stateBlocks = session->cache.totalBlocks();
  bindings.step = &step;
  if (Result<void> loaded = session->runner->load(session->tables, bindings, session->cancelled);
      !loaded)
    return loaded.error();
  return session;
}

Result<void> Session::checkTokens(std::span<const int32_t> tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || uint32_t(tokens[i]) >= vocabulary())
      return sessionError("token " + std::to_string(tokens[i]) + " (number " + std::to_string(i) +
                          " of the input) is not in the vocabulary of " +
                          std::to_string(vocabulary()));
  return {};
}

Result<void> Session::checkRows(std::span<const int32_t> rows, size_t tokens,
                                const float* logits) const {
  if (!rows.empty() && !logits)
    return sessionError("logits of " + std::to_string(rows.size()) +
                        " rows are wanted, but there is no memory for them");
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i] < 0 || size_t(rows[i]) >= tokens || (i > 0 && rows[i] <= rows[i - 1]))
      return sessionError("output row " + std::to_string(rows[i]) +
                          " is not ascending or not one of " + std::to_string(tokens) + " tokens");
  return {};
}

Result<void> Session::step(const StepInput& input, float* logits) {
  size_t count = input.tokens.size();
  if (count == 0 || count > chunk)
    return sessionError("a step of " + std::to_string(count) + " tokens; it takes 1 to " +
                        std::to_string(chunk));
  if ((!input.positions.empty() && input.positions.size() != count) ||
      (!input.sequences.empty() && input.sequences.size() != count))
    return sessionError("a step of " + std::to_string(count) + " tokens with " +
                        std::to_string(input.positions.size()) + " positions and " +
                        std::to_string(input.sequences.size()) + " sequences");
  if (Result<void> valid = checkTokens(input.tokens); !valid)
    return valid;
  if (Result<void> valid = checkRows(input.outputRows, count, logits); !valid)
    return valid;

  for (SequenceId id : inStep) // of the step before
    slotOf[id] = CHORDAL_NONE;
  inStep.clear();
  for (size_t i = 0; i < count; ++i) {
    SequenceId id = input.sequences.empty() ? 0 : input.sequences[i];
    if (!cache.exists(id))
      return sessionError("there is no sequence " + std::to_string(id));
    if (slotOf[id] == CHORDAL_NONE) {
      slotOf[id] = uint32_t(inStep.size());
      stepTokens[inStep.size()] = 0;
      inStep.push_back(id);
    }
    uint32_t slot = slotOf[id];
    int64_t next = int64_t(cache.positions(id)) + stepTokens[slot]++;
    if (!input.positions.empty() && input.positions[i] != next)
      return sessionError("position " + std::to_string(input.positions[i]) + " of sequence " +
                          std::to_string(id) + " (number " + std::to_string(i) +
                          " of the input); the next is " + std::to_string(next));
    token[i] = input.tokens[i];
    position[i] = int32_t(next); // in range if extend() below succeeds
    sequence[i] = int32_t(slot);
  }
  std::copy(input.outputRows.begin(), input.outputRows.end(), outputRow.begin());
  current.n_tokens = uint32_t(count);
  current.n_outputs = uint32_t(input.outputRows.size());
  return run(logits);
}

/// Runs the step whose arrays are filled.
Result<void> Session::run(float* logits) {
  auto cutBack = [&](size_t sequences) {
    for (size_t i = 0; i < sequences; ++i) {
      Result<void> cut = cache.truncate(inStep[i], cache.positions(inStep[i]) - stepTokens[i]);
      assert(cut.ok());
      (void)cut;
    }
  };
  if (cancelled.load(std::memory_order_relaxed))
    return Error{"cancelled", ErrorCode::Cancelled};
  for (size_t i = 0; i < inStep.size(); ++i)
    if (Result<void> grown = cache.extend(inStep[i], stepTokens[i]); !grown) {
      cutBack(i);
      return grown;
    }
  for (size_t i = 0; i < inStep.size(); ++i)
    sequenceTable[i] = {cache.positions(inStep[i]), inStep[i], cache.blockTable(inStep[i])};
  current.n_sequences = uint32_t(inStep.size());
  current.logits = logits;

  uint32_t bucket = tables.bucketFor(current.n_tokens);
  assert(bucket != CHORDAL_NONE);
  Result<void> done = runner->run(bucket);
  if (!done)
    cutBack(inStep.size());
  return done;
}

Result<void> Session::prefill(SequenceId id, std::span<const int32_t> tokens,
                              std::span<const int32_t> rows, float* logits) {
  // All is checked before the first chunk runs, so that a long input does not fail at its end.
  if (!cache.exists(id))
    return sessionError("there is no sequence " + std::to_string(id));
  if (Result<void> valid = checkTokens(tokens); !valid)
    return valid;
  if (Result<void> valid = checkRows(rows, tokens.size(), logits); !valid)
    return valid;
  if (tokens.size() > contextLength() - cache.positions(id))
    return Error{"the context is full: " + std::to_string(tokens.size()) +
                     " tokens do not fit behind " + std::to_string(cache.positions(id)) + " of " +
                     std::to_string(contextLength()) + " positions",
                 ErrorCode::Full};

  std::vector<SequenceId> ids(std::min<size_t>(chunk, tokens.size()), id);
  std::vector<int32_t> chunkRows;
  size_t row = 0;
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    size_t count = std::min<size_t>(chunk, tokens.size() - begin);
    chunkRows.clear();
    float* chunkLogits = logits ? logits + row * vocabulary() : nullptr;
    for (; row < rows.size() && size_t(rows[row]) < begin + count; ++row)
      chunkRows.push_back(int32_t(size_t(rows[row]) - begin));
    StepInput input;
    input.tokens = tokens.subspan(begin, count);
    input.sequences = std::span(ids).first(count);
    input.outputRows = chunkRows;
    if (Result<void> done = step(input, chunkLogits); !done)
      return done;
  }
  return {};
}

Result<void> Session::prefill(SequenceId id, std::span<const int32_t> tokens, float* logits) {
  int32_t last = int32_t(tokens.size()) - 1;
  bool wanted = logits && !tokens.empty();
  return prefill(id, tokens, std::span<const int32_t>(&last, wanted ? 1 : 0), logits);
}

Result<void> Session::prefillAll(SequenceId id, std::span<const int32_t> tokens, float* logits) {
  std::vector<int32_t> rows(tokens.size());
  std::iota(rows.begin(), rows.end(), 0);
  return prefill(id, tokens, rows, logits);
}

Result<void> Session::decode(std::span<const SequenceId> ids, std::span<const int32_t> tokens,
                             float* logits) {
  if (ids.size() != tokens.size())
    return sessionError(std::to_string(tokens.size()) + " tokens for " +
                        std::to_string(ids.size()) + " sequences");
  std::vector<int32_t> rows(logits ? tokens.size() : 0);
  std::iota(rows.begin(), rows.end(), 0);
  StepInput input;
  input.tokens = tokens;
  input.sequences = ids;
  input.outputRows = rows;
  return step(input, logits);
}

} // namespace chordal
