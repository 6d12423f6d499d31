//===- HyperParameters.h - the checked hyper-parameters of a model ----------------------------===//
//
// Reads the keys of a GGUF file that say what shape a model has (`llama.block_count` and so on),
// fills in the defaults of the format and checks every value, so that builders never meet an absurd
// number. An error names the key, the value and what was expected.
//
// Source of the keys and defaults: the GGUF specification (ggml/docs/gguf.md) and, where it is
// silent (defaults of the scaling keys), what the field's engines do.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::ir {

/// Limits beyond which a file is refused: several times what the largest published models have, and
/// small enough that products of a few of them stay far below 2^63.
constexpr uint64_t maxBlockCount = 65536;
constexpr uint64_t maxContextLength = 1ull << 30;
constexpr uint64_t maxEmbeddingLength = 1ull << 20;
constexpr uint64_t maxFeedForwardLength = 1ull << 24;
constexpr uint64_t maxHeadCount = 1ull << 16;
constexpr uint64_t maxHeadLength = 1ull << 16;
constexpr uint64_t maxVocabularySize = 1ull << 27;
constexpr uint64_t maxExpertCount = 1ull << 16;

/// LongRope scales by factors per pair, which are tensors (rope_factors_long, rope_factors_short).
enum class RopeScalingType : uint8_t { None, Linear, Yarn, LongRope };

/// How rotary frequencies are stretched beyond the context a model was trained with.
struct RopeScaling {
  RopeScalingType type = RopeScalingType::None;
  double factor = 1;                  ///< context length over the original one
  uint32_t originalContextLength = 0; ///< positions of the training before scaling
  double attentionFactor = 1;         ///< multiplies the magnitude of the rotation
  // YaRN only:
  double extrapolationFactor = 1; ///< share of the ramp: 0 is linear scaling
  double betaFast = 32;           ///< rotations above which a frequency is left alone
  double betaSlow = 1;            ///< rotations below which it is divided by `factor`

  bool operator==(const RopeScaling&) const = default;
};

struct RopeParameters {
  uint32_t dimensionCount = 0; ///< features of a head that are rotated; even
  double frequencyBase = 10000;
  RopeScaling scaling = {};

  bool operator==(const RopeParameters&) const = default;
};

/// How logits become the weights of experts, as files number it.
enum class ExpertGating : uint8_t { Softmax = 1, Sigmoid = 2, SoftmaxChosen = 3 };

/// Hyper-parameters of a mixture of experts, besides their number.
struct MixtureParameters {
  uint32_t usedCount = 0;               ///< experts that a token uses
  uint32_t feedForwardLength = 0;       ///< of an expert; 0: the block's
  uint32_t sharedCount = 0;             ///< experts that all tokens use
  uint32_t sharedFeedForwardLength = 0; ///< of the shared ones together; 0: that of sharedCount
  uint32_t leadingDenseBlocks = 0;      ///< blocks without experts
  uint32_t groupCount = 1;              ///< groups of experts,
  uint32_t groupUsedCount = 1;          ///< of which a token's experts are
  std::optional<ExpertGating> gating;
  std::optional<bool> normalise; ///< weights of a token add up to 1
  std::optional<float> weightsScale;
};

/// Hyper-parameters of attention over compressed keys and values; keyValueRank 0: there is none.
struct LatentParameters {
  uint32_t queryRank = 0;       ///< 0: queries are not compressed
  uint32_t keyValueRank = 0;    ///< features of a position's latent vector
  uint32_t keyLength = 0;       ///< features of a head's key as expanded, the rotated ones included
  uint32_t valueLength = 0;     ///< features of a head's value as expanded
  double yarnLogMultiplier = 0; ///< growth of the scores' scale with the logarithm of the factor
};

/// The hyper-parameters common to decoder-only transformers. Vectors have `blockCount` elements.
struct HyperParameters {
  std::string architecture;
  uint32_t blockCount = 0;
  uint32_t contextLength = 0; ///< as trained
  uint32_t embeddingLength = 0;
  std::vector<uint32_t> feedForwardLength;
  std::vector<uint32_t> headCount;
  std::vector<uint32_t> headCountKv; ///< divides headCount
  uint32_t keyLength = 0;            ///< features of a head's key
  uint32_t valueLength = 0;          ///< features of a head's value
  RopeParameters rope;
  bool ropeFinetuned = true;                 ///< false: trained without rotation (Granite)
  std::optional<double> windowFrequencyBase; ///< of rotations in layers with a window
  std::optional<float> rmsNormEpsilon;
  std::optional<float> layerNormEpsilon;
  std::optional<float> attentionScale; ///< instead of 1/sqrt(keyLength)
  std::optional<float> attentionSoftcap;
  std::optional<float> finalSoftcap;   ///< of the logits
  std::optional<float> embeddingScale; ///< multiplies the embedding
  std::optional<float> residualScale;  ///< multiplies what is added to the residual stream
  std::optional<float> logitScale;     ///< multiplies or divides the logits, by architecture
  uint32_t slidingWindow = 0;          ///< positions a token attends to; 0: all
  /// Which blocks have the window, if the file says so; empty otherwise.
  std::vector<bool> slidingWindowPattern;
  std::optional<bool> parallelResidual; ///< attention and feed-forward read the same residual
  uint32_t expertCount = 0;
  MixtureParameters mixture;
  LatentParameters latent;
  uint32_t vocabularySize = 0;

  /// Full name of a hyper-parameter's key, for messages: `key("block_count")`.
  std::string key(std::string_view suffix) const;

  /// Reads and checks the hyper-parameters of `view`, whose `general.architecture` is the prefix of
  /// the keys. Fails with ErrorCode::Missing, WrongType, OutOfRange or Unsupported.
  static Result<HyperParameters> read(const gguf::View& view);
};

} // namespace chordal::ir
