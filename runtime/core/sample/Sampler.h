//===- Sampler.h - chooses the next token -----------------------------------------------------===//
//
// From a row of logits to a token: repetition penalty, then top-k, top-p and min-p, then
// temperature and a draw. Equal logits are ordered by id, the generator is our own, and all sums
// run in a fixed order, so the same seed gives the same tokens on every platform whose `exp`
// agrees.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace chordal::sample {

struct SamplerOptions {
  float temperature = 0.8f;   ///< 0: always the most likely token
  uint32_t topK = 40;         ///< keep the k most likely tokens; 0: all
  float topP = 0.95f;         ///< keep the most likely tokens until they sum to p; 1: all
  float minP = 0.05f;         ///< drop tokens below this share of the most likely one; 0: none
  float repeatPenalty = 1.0f; ///< divides positive and multiplies negative logits; 1: off
  uint32_t repeatLastN = 64;  ///< how many of the last tokens the penalty sees
  uint64_t seed = 0;
};

/// A token and the natural logarithm of its probability.
struct TokenLogprob {
  int32_t token;
  float logprob;
};

/// The generator xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64.
class Random {
public:
  explicit Random(uint64_t seed = 0);
  uint64_t next();
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state[4];
};

/// Samples one sequence. Not thread-safe; one per sequence.
class Sampler {
public:
  /// Errors: a temperature, top-p, min-p, penalty or window out of range (the message names it).
  Result<void> init(const SamplerOptions& options);

  /// Chooses from `logits` (one per token of the vocabulary). Does not record the choice. Errors:
  /// no logits, a logit that is not a number or is +infinity (the message names the token), or no
  /// finite logit at all.
  Result<int32_t> sample(std::span<const float> logits);

  /// Records a token of the text, of the prompt or chosen, for the repetition penalty.
  void accept(int32_t token);

  /// Forgets the accepted tokens and starts the random sequence again.
  void reset();

private:
  struct Candidate {
    float logit;
    int32_t token;
    /// More likely first; of equally likely ones the lower id.
    bool operator<(const Candidate& other) const {
      return logit != other.logit ? logit > other.logit : token < other.token;
    }
  };

  std::span<const float> penalize(std::span<const float> logits);
  void keepTopK(std::span<const float> logits, size_t k);
  void keepTopP(float most);

  SamplerOptions options;
  Random random;
  std::vector<int32_t> window; ///< ring of the last accepted tokens
  size_t oldest = 0;
  std::vector<int32_t> repeated;     ///< the window's tokens, each once
  std::vector<float> adjusted;       ///< logits with the penalty
  std::vector<Candidate> candidates; ///< what the filters have left
};

/// The `count` most likely tokens, most likely first, equal ones by id, with the logarithms of
/// their probabilities under softmax(logits) at temperature 1. Errors as Sampler::sample.
Result<std::vector<TokenLogprob>> topLogprobs(std::span<const float> logits, uint32_t count);

/// The logarithm of the probability of one token under softmax(logits). Errors as Sampler::sample,
/// and a token outside the logits.
Result<float> logprobOf(std::span<const float> logits, int32_t token);

} // namespace chordal::sample
