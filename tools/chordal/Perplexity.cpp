//===- Perplexity.cpp - chordal perplexity: how well a model expects a text -------------------===//
//
// The method of llama-perplexity, so that numbers compare: the text is cut into chunks of the
// context's length, each chunk's first token is replaced by BOS, and the tokens of its second half
// are scored, each from all before it in the chunk.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/CommonOptions.h"
#include "tools/console/Console.h"
#include "tools/console/Interrupt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Example:
  chordal perplexity model.gguf text.txt --chunks 100

The text is cut into chunks of -c tokens (512 unless given); what is left at its end is
not used. Each chunk's first token is replaced by BOS and its second half is scored. The
running value goes to standard error; standard output ends with a line 'perplexity: 14.841'.)";

/// The negative logarithm of the probability of `token` under softmax(logits), in float64.
double negativeLogLikelihood(std::span<const float> logits, int32_t token) {
  float most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - double(most));
  return std::log(sum) + double(most) - double(logits[size_t(token)]);
}

struct PerplexityOptions {
  CommonOptions common;
  std::string text;
  std::optional<uint32_t> chunks;
};

Result<std::vector<int32_t>> encodeFile(const text::Tokenizer& tokenizer, const std::string& path) {
  Result<std::string> text = readFile(path);
  if (!text)
    return text.error();
  std::vector<int32_t> tokens;
  if (Result<void> encoded = tokenizer.encode(*text, {.addSpecial = true}, tokens); !encoded)
    return encoded.error();
  return tokens;
}

Result<void> perplexity(const PerplexityOptions& options) {
  auto loaded = options.common.load();
  if (!loaded)
    return loaded.error();
  Session& session = (*loaded)->session();
  Result<text::Tokenizer> tokenizer = readTokenizer((*loaded)->file());
  if (!tokenizer)
    return tokenizer.error();
  Result<std::vector<int32_t>> tokens = encodeFile(*tokenizer, options.text);
  if (!tokens)
    return tokens.error();

  const size_t length = options.common.context;
  if (session.contextLength() < length)
    return Error{fmt::format("the model's context has room for {} tokens, but chunks have {}; give "
                             "a smaller size with -c",
                             session.contextLength(), length)};
  size_t chunks = tokens->size() / length;
  if (chunks == 0)
    return Error{fmt::format("{} has {} tokens, but a chunk needs {}; give a longer text, or a "
                             "smaller chunk with -c",
                             options.text, tokens->size(), length)};
  if (options.chunks)
    chunks = std::min<size_t>(chunks, *options.chunks);

  // Row i has the logits of token first + i, which predict the token after it.
  const size_t first = length / 2;
  std::vector<int32_t> rows(length - 1 - first);
  std::iota(rows.begin(), rows.end(), int32_t(first));
  const size_t vocabulary = session.vocabulary();
  std::vector<float> logits(rows.size() * vocabulary);
  const text::Vocabulary& text = tokenizer->vocabulary();
  const bool begin = text.addBos && text.bos != text::noToken;

  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  InterruptGuard guard(session);
  Progress progress;
  Stopwatch watch;
  double sum = 0;
  size_t scored = 0;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    std::span<int32_t> part = std::span(*tokens).subspan(chunk * length, length);
    if (begin)
      part.front() = text.bos;
    if (Result<void> emptied = session.truncate(*sequence, 0); !emptied)
      return emptied;
    if (Result<void> done = session.prefill(*sequence, part, rows, logits.data()); !done)
      return done.error().code == ErrorCode::Cancelled ? Error{"interrupted"} : done.error();
    for (size_t row = 0; row < rows.size(); ++row)
      sum += negativeLogLikelihood(std::span(logits).subspan(row * vocabulary, vocabulary),
                                   part[first + row + 1]);
    scored += rows.size();
    std::string running = fmt::format("chunk {} of {}: perplexity {:.4f}, {:.1f} s", chunk + 1,
                                      chunks, std::exp(sum / double(scored)), watch.seconds());
    if (isTerminal(2))
      progress.show(running);
    else
      note(running);
  }
  progress.clear();
  double value = std::exp(sum / double(scored));
  if (!std::isfinite(value))
    return Error{fmt::format("the perplexity is {}: the model's logits are not finite", value)};
  return print(fmt::format("perplexity: {:.3f}\n", value));
}

} // namespace

void addPerplexity(CLI::App& app, Action& action) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App& command = *app.add_subcommand("perplexity", "Measure how well a model expects a text");
  command.footer(details);
  CommonOptions& common = options->common;
  common.addModel(command);
  command.add_option("FILE", options->text, "The text")->required();
  command.add_option("--chunks", options->chunks, "Score this many chunks only")
      ->check(between(1, ~uint32_t(0)))
      ->type_name("N");
  common.context = 512;
  command.add_option("-c,--context", common.context, "Tokens of a chunk (default: 512)")
      ->check(between(4, 1u << 30))
      ->type_name("N");
  common.addThreads(command);
  common.addIsa(command);
  common.addKvType(command);
  common.addMicroBatch(command);
  command.callback([&action, options] { action = [options] { return perplexity(*options); }; });
}

} // namespace chordal::driver
