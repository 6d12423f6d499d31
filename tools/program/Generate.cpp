//===- Generate.cpp - continues texts ---------------------------------------------------------===//
//
// The same steps as `chordal run`, so that the same seed gives the same text.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/program/Generate.h"

#include "kernels/catalogue/Catalogue.h"
#include "runtime/core/text/Utf8Stream.h"
#include "runtime/tbb/Threads.h"
#include "tools/chordal/StopFilter.h"
#include "tools/program/Output.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <limits>

#include <sys/random.h>
#include <unistd.h>

namespace chordal::program {

namespace {

std::atomic<Session*> interruptible{nullptr};

void onInterrupt(int) {
  // The handler was reset when it was called: the next Ctrl-C has its usual effect.
  if (Session* session = interruptible.load())
    session->cancel();
}

void catchInterrupts(Session& session) {
  interruptible.store(&session);
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  action.sa_flags = int(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

uint64_t randomSeed() {
  uint32_t seed;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) == ssize_t(sizeof seed))
    return seed;
  return uint64_t(std::chrono::system_clock::now().time_since_epoch().count()) & 0xffffffffu;
}

/// Where the text goes: what is certain to come before any stop text, in whole characters.
class Continuation {
public:
  Continuation(const text::Tokenizer& tokenizer, const std::vector<std::string>& stops,
               bool dropSpace)
      : tokenizer(tokenizer), filter(stops), dropSpace(dropSpace) {}

  /// True if a stop text is complete.
  Result<bool> push(int32_t token) {
    std::string piece, decided;
    tokenizer.appendPiece(token, /*showSpecial=*/false, piece);
    if (dropSpace && !piece.empty()) {
      // Without a prompt the space that SentencePiece begins a text with is no part of it.
      if (piece.front() == ' ')
        piece.erase(0, 1);
      dropSpace = false;
    }
    bool stop = filter.push(piece, decided);
    if (Result<void> printed = show(decided); !printed)
      return printed.error();
    return stop;
  }

  Result<void> finish() {
    std::string decided;
    filter.flush(decided);
    if (Result<void> printed = show(decided); !printed)
      return printed;
    std::string rest;
    characters.flush(rest);
    return print(rest);
  }

private:
  Result<void> show(const std::string& text) {
    std::string whole;
    characters.push(text, whole);
    return whole.empty() ? Result<void>() : print(whole);
  }

  const text::Tokenizer& tokenizer;
  driver::StopFilter filter;
  text::Utf8Stream characters;
  bool dropSpace;
};

class Generator {
public:
  Generator(Session& session, const text::Tokenizer& tokenizer, const Options& options,
            sample::Sampler& sampler)
      : session(session), tokenizer(tokenizer), options(options), sampler(sampler),
        logits(session.vocabulary()) {}

  /// Continues one text in an empty sequence.
  Result<void> complete(SequenceId sequence, const std::string& prompt) {
    const text::Vocabulary& vocabulary = tokenizer.vocabulary();
    std::vector<int32_t> tokens;
    if (auto done = tokenizer.encode(prompt, {.addSpecial = true, .parseSpecial = true}, tokens);
        !done)
      return done;
    if (vocabulary.addEos && !tokens.empty() && tokens.back() == vocabulary.eos)
      tokens.pop_back(); // the text goes on
    if (tokens.empty())
      return Error{"the prompt is empty and the vocabulary begins texts with no token of its own, "
                   "so there is nothing to continue; give a prompt"};
    if (tokens.size() > session.contextLength())
      return Error{"the prompt has " + std::to_string(tokens.size()) +
                       " tokens, but the context has room for " +
                       std::to_string(session.contextLength()) + "; shorten it",
                   ErrorCode::Full};
    for (int32_t token : tokens)
      sampler.accept(token);
    double begin = now();
    if (auto done = session.prefill(sequence, tokens, logits.data()); !done)
      return done;
    prefillSeconds += now() - begin;
    prefillTokens += tokens.size();
    Continuation continuation(tokenizer, options.stops,
                              prompt.empty() && vocabulary.addSpacePrefix);
    auto stopped = generate(sequence, continuation);
    if (!stopped)
      return stopped.error();
    return *stopped ? Result<void>() : continuation.finish();
  }

  void report() const {
    auto rate = [](size_t tokens, double seconds) {
      return seconds > 0 ? fixed(double(tokens) / seconds, 1) + " tokens/s" : std::string("-");
    };
    note("prefill: " + std::to_string(prefillTokens) + " tokens in " +
         fixed(prefillSeconds * 1e3, 1) + " ms, " + rate(prefillTokens, prefillSeconds));
    note("decode:  " + std::to_string(decodeTokens) + " tokens in " +
         fixed(decodeSeconds * 1e3, 1) + " ms, " + rate(decodeTokens, decodeSeconds));
  }

private:
  /// True if a stop text ended it.
  Result<bool> generate(SequenceId sequence, Continuation& continuation) {
    const text::Vocabulary& vocabulary = tokenizer.vocabulary();
    for (uint32_t made = 0; !options.count || made < *options.count; ++made) {
      if (options.ignoreEos)
        for (int32_t id : vocabulary.endOfGeneration)
          logits[size_t(id)] = -std::numeric_limits<float>::infinity();
      auto token = sampler.sample(logits);
      if (!token)
        return token.error();
      if (vocabulary.isEndOfGeneration(*token))
        return false;
      sampler.accept(*token);
      auto stop = continuation.push(*token);
      if (!stop || *stop)
        return stop;
      if (options.count && made + 1 == *options.count)
        return false;
      if (session.positions(sequence) == session.contextLength()) {
        note("the context of " + std::to_string(session.contextLength()) + " positions is full");
        return false;
      }
      double begin = now();
      if (auto done = session.decode(sequence, *token, logits.data()); !done) {
        if (done.error().code != ErrorCode::Cancelled)
          return done.error();
        note("interrupted");
        return false;
      }
      decodeSeconds += now() - begin;
      ++decodeTokens;
    }
    return false;
  }

  Session& session;
  const text::Tokenizer& tokenizer;
  const Options& options;
  sample::Sampler& sampler;
  std::vector<float> logits;
  double prefillSeconds = 0, decodeSeconds = 0;
  size_t prefillTokens = 0, decodeTokens = 0;
};

/// Completes each line that is typed.
Result<void> converse(Generator& generator, Session& session, SequenceId sequence,
                      sample::Sampler& sampler) {
  std::string line;
  for (;;) {
    if (auto shown = print("> "); !shown)
      return shown;
    auto more = readLine(line);
    if (!more)
      return more.error();
    if (!*more)
      return print("\n");
    if (line.empty())
      continue;
    catchInterrupts(session);
    sampler.reset();
    if (auto done = session.truncate(sequence, 0); !done)
      return done;
    if (auto done = generator.complete(sequence, line); !done) {
      if (done.error().code != ErrorCode::Full && done.error().code != ErrorCode::Cancelled)
        return done;
      note(done.error().message);
    }
    session.clearCancel();
    if (auto shown = print("\n"); !shown)
      return shown;
  }
}

} // namespace

Result<void> run(const Loaded& program, const Options& options) {
  bool interactive = !options.prompt && options.file.empty() && ::isatty(STDIN_FILENO) == 1;
  std::string prompt;
  if (options.prompt) {
    prompt = *options.prompt;
  } else if (!interactive) {
    auto text = readFile(options.file.empty() ? "-" : options.file);
    if (!text)
      return text.error();
    prompt = std::move(*text);
    if (prompt.ends_with('\n'))
      prompt.pop_back();
    if (prompt.ends_with('\r'))
      prompt.pop_back();
  }
  double begin = now();
  sample::SamplerOptions sampling = options.sampler;
  sampling.seed = options.seed ? *options.seed : randomSeed();
  sample::Sampler sampler;
  if (Result<void> made = sampler.init(sampling); !made)
    return made;
  unsigned threads = options.threads ? options.threads : availableThreads();
  auto session = program.createSession(options, threads);
  if (!session)
    return session.error();
  auto tokenizer = program.createTokenizer();
  if (!tokenizer)
    return tokenizer.error();
  auto sequence = (*session)->createSequence();
  if (!sequence)
    return sequence.error();
  double load = now() - begin;

  Generator generator(**session, *tokenizer, options, sampler);
  Result<void> done;
  if (interactive) {
    done = converse(generator, **session, *sequence, sampler);
  } else {
    catchInterrupts(**session);
    done = generator.complete(*sequence, prompt);
    // The shell's prompt, or the statistics, begin a line of their own.
    if (done && ::isatty(STDOUT_FILENO) == 1)
      (void)print("\n").ok();
  }
  if (!done)
    return done;
  note("load:    " + fixed(load * 1e3, 1) + " ms");
  generator.report();
  note("threads: " + std::to_string(threads) + ", " +
       std::string(kernels::isaName(kernels::Isa(program.level().level))) +
       (sampling.temperature > 0 ? ", seed " + std::to_string(sampling.seed) : ""));
  return {};
}

} // namespace chordal::program
