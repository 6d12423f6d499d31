//===- HyperParameters.cpp - the checked hyper-parameters of a model --------------------------===//
//
// A Reader remembers the first error, so that the list of keys below reads as a list; a value read
// after an error is a harmless default.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/HyperParameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace chordal::ir {

namespace {

class Reader {
public:
  Reader(const gguf::View& view, const HyperParameters& parameters)
      : view(view), parameters(parameters) {}

  bool failed() const { return error.has_value(); }
  Error takeError() { return std::move(*error); }
  void fail(Error newError) {
    if (!error)
      error = std::move(newError);
  }
  void fail(std::string message, ErrorCode code = ErrorCode::OutOfRange) {
    fail(Error{std::move(message), code});
  }

  bool has(std::string_view suffix) const { return view.has(parameters.key(suffix)); }

  /// A count in [least, limit]; a missing key gives the fallback, or is an error without one.
  uint32_t count(std::string_view suffix, uint64_t limit, std::optional<uint32_t> fallback = {},
                 uint64_t least = 1) {
    if (failed() || (fallback && !has(suffix)))
      return fallback.value_or(1);
    std::string key = parameters.key(suffix);
    Result<uint64_t> value = view.getU64(key);
    if (!value) {
      fail(value.error());
      return 1;
    }
    return checkCount(key, *value, least, limit);
  }

  /// A count per block: one number for all, or an array with one for each.
  std::vector<uint32_t> countPerBlock(std::string_view suffix, uint64_t limit,
                                      const std::vector<uint32_t>* fallback = nullptr) {
    uint32_t blocks = parameters.blockCount;
    if (failed() || (fallback && !has(suffix)))
      return fallback ? *fallback : std::vector<uint32_t>(blocks, 1);
    std::string key = parameters.key(suffix);
    const gguf::Entry* entry = view.find(key);
    if (!entry || !entry->isArray())
      return std::vector<uint32_t>(blocks, count(suffix, limit));
    if (entry->count != blocks) {
      fail(fmt::format("{} has {} elements, but {} is {}: it must be one number or have one for "
                       "each block",
                       key, entry->count, parameters.key("block_count"), blocks));
      return std::vector<uint32_t>(blocks, 1);
    }
    Result<std::vector<uint64_t>> values = view.getArray<uint64_t>(key);
    if (!values) {
      fail(values.error());
      return std::vector<uint32_t>(blocks, 1);
    }
    std::vector<uint32_t> counts;
    for (uint32_t i = 0; i < blocks; ++i)
      counts.push_back(checkCount(fmt::format("{}[{}]", key, i), (*values)[i], 1, limit));
    return counts;
  }

  /// A finite number in [least, limit]; a missing key gives the fallback.
  double number(std::string_view suffix, double fallback, double least, double limit) {
    if (failed() || !has(suffix))
      return fallback;
    std::string key = parameters.key(suffix);
    Result<double> value = view.get<double>(key);
    if (!value) {
      fail(value.error());
      return fallback;
    }
    if (!(*value >= least && *value <= limit)) { // a NaN fails too
      fail(fmt::format("{} is {}, but must be between {} and {}", key, *value, least, limit));
      return fallback;
    }
    return *value;
  }

  /// A number above 0; nothing if the key is missing or has a value that changes nothing: 0, which
  /// says "not used", or `neutral`.
  std::optional<float> factor(std::string_view suffix, double neutral = 0) {
    double value = number(suffix, 0, 0, 1e9);
    return value == 0 || value == neutral ? std::nullopt : std::optional(static_cast<float>(value));
  }

  std::optional<bool> flag(std::string_view suffix) {
    if (failed() || !has(suffix))
      return std::nullopt;
    Result<bool> value = view.getBool(parameters.key(suffix));
    if (!value) {
      fail(value.error());
      return std::nullopt;
    }
    return *value;
  }

  /// A flag per block: an array with one for each, or a period, of whose blocks the last has none.
  std::vector<bool> pattern(std::string_view suffix) {
    if (failed() || !has(suffix))
      return {};
    std::string key = parameters.key(suffix);
    uint32_t blocks = parameters.blockCount;
    const gguf::Entry* entry = view.find(key);
    std::vector<bool> flags(blocks);
    if (!entry->isArray()) {
      uint32_t period = count(suffix, maxBlockCount, 0, 0);
      for (uint32_t i = 0; i < blocks; ++i)
        flags[i] = period == 0 || i % period < period - 1;
      return flags;
    }
    Result<std::vector<bool>> values = view.getArray<bool>(key);
    if (!values)
      fail(values.error());
    else if (values->size() != blocks)
      fail(fmt::format("{} has {} elements, but {} is {}", key, values->size(),
                       parameters.key("block_count"), blocks));
    else
      flags = *values;
    return flags;
  }

  std::optional<float> epsilon(std::string_view suffix) {
    if (!has(suffix))
      return std::nullopt;
    // Above 1 the normalisation would not normalise; 0 is legal, if unwise.
    return static_cast<float>(number(suffix, 0, 0, 1));
  }

  std::string_view string(std::string_view suffix, std::string_view fallback) {
    if (failed())
      return fallback;
    Result<std::string_view> value = view.getString(parameters.key(suffix), fallback);
    if (!value) {
      fail(value.error());
      return fallback;
    }
    return *value;
  }

private:
  uint32_t checkCount(const std::string& what, uint64_t value, uint64_t least, uint64_t limit) {
    if (value < least || value > limit) {
      fail(fmt::format("{} is {}, but must be between {} and {}", what, value, least, limit));
      return 1;
    }
    return static_cast<uint32_t>(value);
  }

  const gguf::View& view;
  const HyperParameters& parameters;
  std::optional<Error> error;
};

void readHeads(Reader& reader, HyperParameters& p) {
  p.headCount = reader.countPerBlock("attention.head_count", maxHeadCount);
  p.headCountKv = reader.countPerBlock("attention.head_count_kv", maxHeadCount, &p.headCount);
  if (reader.failed())
    return;
  for (uint32_t i = 0; i < p.blockCount; ++i)
    if (p.headCount[i] % p.headCountKv[i] != 0)
      return reader.fail(fmt::format("{} is {}, which is not a multiple of {}, {} (block {})",
                                     p.key("attention.head_count"), p.headCount[i],
                                     p.key("attention.head_count_kv"), p.headCountKv[i], i));

  // Without a key, a head is its share of the embedding; then that must be a whole number.
  bool implied = !reader.has("attention.key_length") || !reader.has("attention.value_length");
  if (implied && p.embeddingLength % p.headCount[0] != 0)
    return reader.fail(fmt::format("{} is {}, which is not a multiple of {}, {}, and {} is missing",
                                   p.key("embedding_length"), p.embeddingLength,
                                   p.key("attention.head_count"), p.headCount[0],
                                   p.key("attention.key_length")));
  uint32_t share = p.embeddingLength / p.headCount[0];
  p.keyLength = reader.count("attention.key_length", maxHeadLength, share);
  p.valueLength = reader.count("attention.value_length", maxHeadLength, share);
  if (p.keyLength > maxHeadLength || p.valueLength > maxHeadLength)
    reader.fail(fmt::format("a head has {} features ({} over {}), but at most {} are supported",
                            share, p.key("embedding_length"), p.key("attention.head_count"),
                            maxHeadLength));
}

void readRope(Reader& reader, HyperParameters& p) {
  RopeParameters& rope = p.rope;
  rope.dimensionCount = reader.count("rope.dimension_count", maxHeadLength, p.keyLength);
  if (reader.failed())
    return;
  if (rope.dimensionCount % 2 != 0 || rope.dimensionCount > p.keyLength)
    return reader.fail(fmt::format("{} is {}, but must be even and at most {}, the features of a "
                                   "head",
                                   p.key("rope.dimension_count"), rope.dimensionCount,
                                   p.keyLength));
  // Not above 1, and frequencies would not fall from pair to pair (and YaRN divides by its log).
  rope.frequencyBase = reader.number("rope.freq_base", 10000, 1.001, 1e30);

  RopeScaling& scaling = rope.scaling;
  // Older files have `rope.scale_linear`. A factor of 0 says that there is none.
  double factor = reader.number("rope.scale_linear", 0, 0, 1e6);
  factor = reader.number("rope.scaling.factor", factor, 0, 1e6);
  scaling.factor = factor == 0 ? 1 : factor;
  // A factor without a type means linear scaling.
  std::string_view type = reader.string("rope.scaling.type", factor == 0 ? "none" : "linear");
  if (type == "none")
    scaling.type = RopeScalingType::None;
  else if (type == "linear")
    scaling.type = RopeScalingType::Linear;
  else if (type == "yarn")
    scaling.type = RopeScalingType::Yarn;
  else if (type == "longrope")
    scaling.type = RopeScalingType::LongRope;
  else
    return reader.fail(fmt::format("{} is \"{}\"; supported are none, linear, yarn and longrope",
                                   p.key("rope.scaling.type"), type),
                       ErrorCode::Unsupported);
  scaling.originalContextLength =
      reader.count("rope.scaling.original_context_length", maxContextLength, p.contextLength);
  scaling.attentionFactor = reader.number("rope.scaling.attn_factor", 1, 1e-6, 1e6);
  p.ropeFinetuned = reader.flag("rope.scaling.finetuned").value_or(true);
  if (reader.has("rope.freq_base_swa"))
    p.windowFrequencyBase = reader.number("rope.freq_base_swa", 10000, 1.001, 1e30);
  if (scaling.type != RopeScalingType::Yarn)
    return;
  scaling.attentionFactor *= reader.number("rope.scaling.yarn_attn_factor", 1, 1e-6, 1e6);
  scaling.extrapolationFactor = reader.number("rope.scaling.yarn_ext_factor", 1, -1, 1);
  if (scaling.extrapolationFactor < 0) // "by the type", which is YaRN
    scaling.extrapolationFactor = 1;
  scaling.betaFast = reader.number("rope.scaling.yarn_beta_fast", 32, 1e-6, 1e6);
  scaling.betaSlow = reader.number("rope.scaling.yarn_beta_slow", 1, 1e-6, 1e6);
}

void readMixture(Reader& reader, HyperParameters& p) {
  p.expertCount = reader.count("expert_count", maxExpertCount, 0, 0);
  if (p.expertCount == 0)
    return;
  MixtureParameters& m = p.mixture;
  m.usedCount = reader.count("expert_used_count", p.expertCount);
  m.feedForwardLength = reader.count("expert_feed_forward_length", maxFeedForwardLength, 0, 0);
  m.sharedCount = reader.count("expert_shared_count", maxExpertCount, 0, 0);
  m.sharedFeedForwardLength =
      reader.count("expert_shared_feed_forward_length", maxFeedForwardLength, 0, 0);
  m.leadingDenseBlocks = reader.count("leading_dense_block_count", maxBlockCount, 0, 0);
  m.groupCount = std::max(1u, reader.count("expert_group_count", p.expertCount, 1, 0));
  m.groupUsedCount = std::max(1u, reader.count("expert_group_used_count", m.groupCount, 1, 0));
  m.normalise = reader.flag("expert_weights_norm");
  m.weightsScale = reader.factor("expert_weights_scale", 1);
  if (uint32_t gating = reader.count("expert_gating_func", 3, 0, 0))
    m.gating = static_cast<ExpertGating>(gating);
  if (p.expertCount % m.groupCount != 0 ||
      m.usedCount > p.expertCount / m.groupCount * m.groupUsedCount)
    reader.fail(fmt::format("{} is {}, but there are {} experts in {} groups, of which {} are used",
                            p.key("expert_used_count"), m.usedCount, p.expertCount, m.groupCount,
                            m.groupUsedCount));
}

void readLatent(Reader& reader, HyperParameters& p) {
  LatentParameters& latent = p.latent;
  latent.keyValueRank = reader.count("attention.kv_lora_rank", maxHeadLength, 0, 0);
  if (latent.keyValueRank == 0)
    return;
  latent.queryRank = reader.count("attention.q_lora_rank", maxEmbeddingLength, 0, 0);
  latent.keyLength = reader.count("attention.key_length_mla", maxHeadLength, 0, 0);
  latent.valueLength = reader.count("attention.value_length_mla", maxHeadLength, 0, 0);
  latent.yarnLogMultiplier = reader.number("rope.scaling.yarn_log_multiplier", 0, 0, 1e6);
}

/// The tokenizer says how many tokens there are; a file without one says so in a key or, failing
/// that, by the rows of its embedding.
void readVocabulary(Reader& reader, HyperParameters& p, const gguf::View& view) {
  uint64_t size = 0;
  std::string source = "tokenizer.ggml.tokens";
  if (const gguf::Entry* tokens = view.find(source)) {
    if (!tokens->isArray())
      return reader.fail("tokenizer.ggml.tokens is not an array", ErrorCode::WrongType);
    size = tokens->count;
  } else if (reader.has("vocab_size")) {
    p.vocabularySize = reader.count("vocab_size", maxVocabularySize);
    return;
  } else if (const gguf::Tensor* embedding = view.findTensor("token_embd.weight")) {
    source = "token_embd.weight";
    size = embedding->rows();
  } else {
    return reader.fail(
        "the size of the vocabulary is unknown: there is no tokenizer.ggml.tokens, " +
            p.key("vocab_size") + " or token_embd.weight",
        ErrorCode::Missing);
  }
  if (size < 1 || size > maxVocabularySize)
    return reader.fail(fmt::format("{} has {} tokens, but there must be between 1 and {}", source,
                                   size, maxVocabularySize));
  p.vocabularySize = static_cast<uint32_t>(size);
}

/// Keys that change what a model computes and that no builder here handles: honouring all other
/// keys but dropping one of these would give wrong text without a word.
Result<void> refuseUnhandled(const gguf::View& view, const HyperParameters& p) {
  // 0 says "not used".
  for (std::string_view suffix : {"attention.clamp_kqv", "attention.max_alibi_bias"}) {
    if (!view.has(p.key(suffix)))
      continue;
    Result<double> value = view.get<double>(p.key(suffix));
    if (!value)
      return value.error();
    if (*value != 0)
      return Error{fmt::format("{} is {}, which is not supported for this architecture",
                               p.key(suffix), *value),
                   ErrorCode::Unsupported};
  }
  Result<bool> causal = view.getBool(p.key("attention.causal"), true);
  if (!causal)
    return causal.error();
  if (!*causal)
    return Error{p.key("attention.causal") + " is false; only causal models are supported",
                 ErrorCode::Unsupported};
  return {};
}

} // namespace

std::string HyperParameters::key(std::string_view suffix) const {
  std::string result = architecture;
  result += '.';
  result += suffix;
  return result;
}

Result<HyperParameters> HyperParameters::read(const gguf::View& view) {
  Result<std::string_view> architecture = view.getString("general.architecture");
  if (!architecture)
    return architecture.error();
  HyperParameters p;
  p.architecture = std::string(*architecture);
  Reader reader(view, p);

  p.blockCount = reader.count("block_count", maxBlockCount);
  // A block has at least one tensor: so nothing below grows beyond what the file is long.
  if (!reader.failed() && p.blockCount > view.tensors().size())
    reader.fail(fmt::format("{} is {}, but the file has {} tensors", p.key("block_count"),
                            p.blockCount, view.tensors().size()));
  if (reader.failed())
    return reader.takeError();

  p.contextLength = reader.count("context_length", maxContextLength);
  p.embeddingLength = reader.count("embedding_length", maxEmbeddingLength);
  p.feedForwardLength = reader.countPerBlock("feed_forward_length", maxFeedForwardLength);
  if (!reader.failed())
    readHeads(reader, p);
  if (!reader.failed())
    readRope(reader, p);
  p.rmsNormEpsilon = reader.epsilon("attention.layer_norm_rms_epsilon");
  p.layerNormEpsilon = reader.epsilon("attention.layer_norm_epsilon");
  p.attentionScale = reader.factor("attention.scale");
  p.attentionSoftcap = reader.factor("attn_logit_softcapping");
  p.finalSoftcap = reader.factor("final_logit_softcapping");
  p.embeddingScale = reader.factor("embedding_scale", 1);
  p.residualScale = reader.factor("residual_scale", 1);
  p.logitScale = reader.factor("logit_scale", 1);
  p.slidingWindow = reader.count("attention.sliding_window", UINT32_MAX, 0, 0);
  p.slidingWindowPattern = reader.pattern("attention.sliding_window_pattern");
  p.parallelResidual = reader.flag("use_parallel_residual");
  if (!reader.failed())
    readMixture(reader, p);
  if (!reader.failed())
    readLatent(reader, p);
  if (!reader.failed())
    readVocabulary(reader, p, view);
  if (reader.failed())
    return reader.takeError();
  if (Result<void> known = refuseUnhandled(view, p); !known)
    return known.error();
  return p;
}

} // namespace chordal::ir
