//===- Generator.cpp - tokens one after another -----------------------------------------------===//
#include "runtime/core/generate/Generator.h"

#include "runtime/core/generate/StopFilter.h"
#include "runtime/core/text/Utf8Stream.h"

#include <chrono>
#include <limits>
#include <utility>

namespace chordal::generate {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Bytes of tokens on their way to text that is certain.
class TextStream {
public:
  TextStream(const text::Tokenizer& tokenizer, const std::vector<std::string>& stops, bool atStart)
      : tokenizer(tokenizer), filter(stops), atStart(atStart) {}

  /// Replaces `text` by what becomes certain with this token. True if a stop text is complete.
  bool push(text::TokenId token, std::string& text) {
    piece.clear();
    tokenizer.appendPiece(token, /*showSpecial=*/false, piece);
    if (atStart && !piece.empty()) {
      if (piece.front() == ' ')
        piece.erase(0, 1);
      atStart = false;
    }
    decided.clear();
    bool stop = filter.push(piece, decided);
    text.clear();
    characters.push(decided, text);
    return stop;
  }

  /// Replaces `text` by what was held back.
  void flush(std::string& text) {
    decided.clear();
    filter.flush(decided);
    text.clear();
    characters.push(decided, text);
    characters.flush(text);
  }

private:
  const text::Tokenizer& tokenizer;
  StopFilter filter;
  text::Utf8Stream characters;
  bool atStart;
  std::string piece, decided;
};

} // namespace

Result<std::vector<text::TokenId>> encodePrompt(const text::Tokenizer& tokenizer,
                                                std::string_view prompt) {
  std::vector<text::TokenId> tokens;
  if (Result<void> encoded =
          tokenizer.encode(prompt, {.addSpecial = true, .parseSpecial = true}, tokens);
      !encoded)
    return encoded.error();
  const text::Vocabulary& vocabulary = tokenizer.vocabulary();
  if (vocabulary.addEos && !tokens.empty() && tokens.back() == vocabulary.eos)
    tokens.pop_back();
  if (tokens.empty())
    return Error{"the prompt is empty and the vocabulary begins texts with no token of its own, so "
                 "there is nothing to continue; give a prompt"};
  return tokens;
}

Result<void> Generator::init(Options options) {
  for (const std::string& stop : options.stops)
    if (stop.empty())
      return Error{"a text to stop before is empty", ErrorCode::OutOfRange};
  settings = std::move(options);
  return sampler.init(settings.sampler);
}

Result<void> Generator::prefill(SequenceId sequence, std::span<const text::TokenId> tokens) {
  for (text::TokenId token : tokens)
    sampler.accept(token);
  uint32_t before = session.positions(sequence);
  double begin = now();
  Result<void> done = session.prefill(sequence, tokens, logits.data());
  spent.prefillSeconds += now() - begin;
  spent.prefillTokens += session.positions(sequence) - before;
  return done;
}

Result<End> Generator::generate(SequenceId sequence, const Receiver& receiver, bool atStart) {
  const text::Vocabulary& vocabulary = tokenizer.vocabulary();
  TextStream stream(tokenizer, settings.stops, atStart);
  std::string text;
  auto finish = [&](End end) -> Result<End> {
    stream.flush(text);
    if (!text.empty())
      if (Result<bool> taken = receiver({text::noToken, text, {}}); !taken)
        return taken.error();
    return end;
  };
  text::TokenId last = text::noToken;
  for (uint32_t made = 0;; ++made) {
    if (settings.count && made == *settings.count)
      return finish(End::Count);
    if (made > 0) { // not before now: the last token of a text needs no successor
      if (session.positions(sequence) == session.contextLength())
        return finish(End::ContextFull);
      double begin = now();
      Result<void> decoded = session.decode(sequence, last, logits.data());
      if (!decoded)
        return decoded.error().code == ErrorCode::Cancelled ? finish(End::Cancelled)
                                                            : decoded.error();
      spent.decodeSeconds += now() - begin;
      ++spent.decodeTokens;
    }
    if (settings.ignoreEos)
      for (text::TokenId id : vocabulary.endOfGeneration)
        if (size_t(id) < logits.size()) // a file may list tokens that the model has no row for
          logits[size_t(id)] = -std::numeric_limits<float>::infinity();
    Result<int32_t> token = sampler.sample(logits);
    if (!token)
      return token.error();
    if (vocabulary.isEndOfGeneration(*token))
      return finish(End::Token);
    sampler.accept(*token);
    bool stop = stream.push(*token, text);
    Result<bool> more = receiver({*token, text, logits});
    if (!more)
      return more.error();
    if (stop)
      return End::StopText;
    if (!*more)
      return End::Receiver;
    last = *token;
  }
}

} // namespace chordal::generate
