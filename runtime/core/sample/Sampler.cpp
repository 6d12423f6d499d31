//===- Sampler.cpp - chooses the next token ---------------------------------------------------===//
//
// The whole vocabulary is never sorted: top-k keeps a heap of k, and top-p takes tokens off a heap
// one by one until it has enough.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/sample/Sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

namespace chordal::sample {

namespace {

constexpr uint32_t maxWindow = 1u << 20;

/// The greatest logit, or why there is none to sample from.
Result<float> checkLogits(std::span<const float> logits) {
  if (logits.empty())
    return Error{"there are no logits to sample from", ErrorCode::OutOfRange};
  // In lanes, so that it takes one vector operation for many logits. A comparison is false for NaN.
  constexpr size_t lanes = 16;
  float best[lanes];
  std::fill_n(best, lanes, -INFINITY);
  uint32_t wrong[lanes] = {};
  auto look = [&](size_t lane, float logit) {
    best[lane] = logit > best[lane] ? logit : best[lane];
    wrong[lane] |= logit < INFINITY ? 0u : 1u;
  };
  size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes)
    for (size_t lane = 0; lane != lanes; ++lane)
      look(lane, logits[i + lane]);
  for (; i != logits.size(); ++i)
    look(i % lanes, logits[i]);
  float most = *std::ranges::max_element(best);
  bool sane = std::ranges::max(wrong) == 0;
  if (!sane)
    for (size_t token = 0; token != logits.size(); ++token)
      if (!(logits[token] < INFINITY))
        return Error{"the logit of token " + std::to_string(token) + " is " +
                         (std::isnan(logits[token]) ? "not a number" : "infinite") +
                         ": the model's computation went wrong",
                     ErrorCode::OutOfRange};
  if (most == -INFINITY)
    return Error{"the logits of all " + std::to_string(logits.size()) +
                     " tokens are minus infinity: the model's computation went wrong",
                 ErrorCode::OutOfRange};
  return most;
}

/// log(sum(exp(logits))), in double and in the order of ids.
double logSumExp(std::span<const float> logits, float most) {
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - most);
  return most + std::log(sum);
}

/// Calls keep(logit, token) for each of the k greatest logits, in no certain order. Of equal ones
/// the lower ids are kept. `Entry` is ordered best first.
template <typename Entry>
void selectTop(std::span<const float> logits, size_t k, std::vector<Entry>& best) {
  best.clear();
  for (size_t i = 0; i != logits.size(); ++i) {
    Entry entry{logits[i], static_cast<int32_t>(i)};
    if (best.size() == k && !(logits[i] > best.front().logit))
      continue; // an equal one has a higher id than those kept
    if (best.size() < k) {
      best.push_back(entry);
      std::push_heap(best.begin(), best.end()); // the worst of the kept is on top
    } else {
      std::pop_heap(best.begin(), best.end());
      best.back() = entry;
      std::push_heap(best.begin(), best.end());
    }
  }
}

} // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state) {
    seed += 0x9E3779B97F4A7C15;
    uint64_t mixed = seed;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    word = mixed ^ mixed >> 31;
  }
}

uint64_t Random::next() {
  uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

Result<void> Sampler::init(const SamplerOptions& wanted) {
  auto bad = [](const char* name, float value, const char* range) {
    return Error{std::string("the sampler's ") + name + " is " + std::to_string(value) +
                     "; it must be " + range,
                 ErrorCode::OutOfRange};
  };
  if (!(wanted.temperature >= 0 && wanted.temperature < INFINITY))
    return bad("temperature", wanted.temperature, "0 or more");
  if (!(wanted.topP > 0 && wanted.topP <= 1))
    return bad("top-p", wanted.topP, "above 0 and at most 1");
  if (!(wanted.minP >= 0 && wanted.minP <= 1))
    return bad("min-p", wanted.minP, "between 0 and 1");
  if (!(wanted.repeatPenalty > 0 && wanted.repeatPenalty < INFINITY))
    return bad("repetition penalty", wanted.repeatPenalty, "above 0");
  if (wanted.repeatLastN > maxWindow)
    return bad("repetition window", static_cast<float>(wanted.repeatLastN), "at most 1048576");
  options = wanted;
  reset();
  return {};
}

void Sampler::reset() {
  random = Random(options.seed);
  window.clear();
  oldest = 0;
}

void Sampler::accept(int32_t token) {
  if (options.repeatPenalty == 1 || options.repeatLastN == 0)
    return;
  if (window.size() < options.repeatLastN) {
    window.push_back(token);
    return;
  }
  window[oldest] = token;
  oldest = (oldest + 1) % window.size();
}

/// The repetition penalty of Keskar et al. (CTRL, 2019), made to lower negative logits too.
std::span<const float> Sampler::penalize(std::span<const float> logits) {
  if (window.empty())
    return logits;
  adjusted.assign(logits.begin(), logits.end());
  repeated = window;
  std::ranges::sort(repeated);
  auto extra = std::ranges::unique(repeated);
  repeated.erase(extra.begin(), extra.end());
  for (int32_t token : repeated) {
    if (token < 0 || static_cast<size_t>(token) >= adjusted.size())
      continue;
    float& logit = adjusted[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / options.repeatPenalty : logit * options.repeatPenalty;
  }
  return adjusted;
}

void Sampler::keepTopK(std::span<const float> logits, size_t k) {
  if (k != 0 && k < logits.size()) {
    selectTop(logits, k, candidates);
    std::sort_heap(candidates.begin(), candidates.end()); // best first
    return;
  }
  candidates.clear();
  candidates.reserve(logits.size());
  for (size_t i = 0; i != logits.size(); ++i)
    candidates.push_back({logits[i], static_cast<int32_t>(i)});
}

/// Keeps the fewest best candidates whose probabilities sum to at least top-p, and of these the
/// ones that min-p admits. (Those that it does not admit are dropped early, but count in the sum.)
void Sampler::keepTopP(float most) {
  auto weight = [&](const Candidate& each) { return std::exp(double(each.logit) - most); };
  double total = 0;
  if (options.topP < 1)
    for (const Candidate& each : candidates)
      total += weight(each);
  if (options.minP > 0) {
    double least = most + std::log(double(options.minP));
    std::erase_if(candidates, [&](const Candidate& each) { return each.logit < least; });
  }
  if (options.topP == 1)
    return;
  auto worse = [](const Candidate& left, const Candidate& right) { return right < left; };
  std::make_heap(candidates.begin(), candidates.end(), worse); // the best on top
  double sum = 0, wanted = options.topP * total;
  auto rest = candidates.end();
  while (rest != candidates.begin() && sum < wanted) {
    std::pop_heap(candidates.begin(), rest, worse);
    sum += weight(*--rest);
  }
  std::reverse(rest, candidates.end());
  candidates.erase(candidates.begin(), rest);
}

Result<int32_t> Sampler::sample(std::span<const float> given) {
  Result<float> most = checkLogits(given);
  if (!most)
    return most.error();
  std::span<const float> logits = penalize(given);
  if (logits.data() != given.data())
    if (most = checkLogits(logits); !most)
      return most.error();
  if (options.temperature == 0)
    return static_cast<int32_t>(std::ranges::find(logits, *most) - logits.begin());

  keepTopK(logits, options.topK);
  keepTopP(*most);

  auto weight = [&](const Candidate& each) {
    return std::exp((double(each.logit) - *most) / options.temperature);
  };
  double total = 0;
  for (const Candidate& each : candidates)
    total += weight(each);
  double drawn = random.uniform() * total;
  double sum = 0;
  int32_t chosen = candidates.front().token;
  for (const Candidate& each : candidates) {
    double added = weight(each);
    if (added > 0)
      chosen = each.token; // rounding may leave `drawn` at the very end: then the last one is it
    sum += added;
    if (drawn < sum)
      break;
  }
  return chosen;
}

Result<std::vector<TokenLogprob>> topLogprobs(std::span<const float> logits, uint32_t count) {
  Result<float> most = checkLogits(logits);
  if (!most)
    return most.error();
  struct Entry {
    float logit;
    int32_t token;
    bool operator<(const Entry& other) const {
      return logit != other.logit ? logit > other.logit : token < other.token;
    }
  };
  std::vector<Entry> best;
  if (count != 0)
    selectTop(logits, count, best);
  std::sort(best.begin(), best.end());
  double sum = logSumExp(logits, *most);
  std::vector<TokenLogprob> top;
  for (const Entry& each : best)
    top.push_back({each.token, static_cast<float>(each.logit - sum)});
  return top;
}

Result<float> logprobOf(std::span<const float> logits, int32_t token) {
  Result<float> most = checkLogits(logits);
  if (!most)
    return most.error();
  if (token < 0 || static_cast<size_t>(token) >= logits.size())
    return Error{"there is no token " + std::to_string(token) + " among " +
                     std::to_string(logits.size()) + " logits",
                 ErrorCode::OutOfRange};
  return static_cast<float>(logits[static_cast<size_t>(token)] - logSumExp(logits, *most));
}

} // namespace chordal::sample
