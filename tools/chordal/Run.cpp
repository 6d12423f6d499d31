//===- Run.cpp - chordal run: text from a prompt ---------------------------------------------===//
//
// Compiles in memory, runs the prompt through the model and prints what the model adds, character
// by character as it comes.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/sample/Sampler.h"
#include "runtime/core/text/Utf8Stream.h"
#include "tools/chordal/Chat.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Console.h"
#include "tools/chordal/StopFilter.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include <unistd.h>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal run model.gguf -p "Once upon a time" -n 120 --temp 0
  echo "Once upon a time" | chordal run model.gguf --stop "The end"
  chordal run model.gguf --chat --system "Answer briefly."

Standard output gets the continuation and nothing else; standard error the speed, the
memory used and the seed, with which a run can be repeated. Without -p and --file the
prompt is read from standard input. One line break at the end of a file is dropped.
Generation ends at an end-of-generation token, a stop text, after -n tokens, when the
context is full, or with Ctrl-C.

--chat converses: each line of standard input is a turn, which the model's chat template
puts into words for it. Ctrl-C ends an answer, Ctrl-D the conversation.)";

/// How many likely alternatives --logprobs shows.
constexpr uint32_t shownAlternatives = 5;

struct RunOptions {
  CommonOptions common;
  std::optional<std::string> prompt;
  std::string file;
  std::optional<uint32_t> count;
  sample::SamplerOptions sampler;
  std::optional<uint64_t> seed;
  std::vector<std::string> stops;
  bool ignoreEos = false;
  bool logprobs = false;
  bool chat = false;
  std::string system;
  std::string templateFile;
};

/// Why generation ended.
enum class End { Count, Token, StopText, ContextFull, Interrupted, ReaderGone };

struct Statistics {
  double load = 0, prefill = 0, decode = 0; ///< seconds
  size_t prefillTokens = 0, decodeTokens = 0;
};

/// What a run prints: text as it becomes certain, or a JSON object for each token.
class Continuation {
public:
  Continuation(const text::Tokenizer& tokenizer, const RunOptions& options, bool dropSpace)
      : tokenizer(tokenizer), options(options), filter(options.stops), dropSpace(dropSpace) {}

  /// Takes the next token, chosen from these logits. True if a stop text is complete.
  Result<bool> push(int32_t token, std::span<const float> logits) {
    piece.clear();
    tokenizer.appendPiece(token, /*showSpecial=*/options.logprobs, piece);
    if (dropSpace && !piece.empty()) {
      // The text has no prompt before it: the space that SentencePiece begins a text with is no
      // part of it.
      if (piece.front() == ' ')
        piece.erase(0, 1);
      dropSpace = false;
    }
    decided.clear();
    bool stop = filter.push(piece, decided);
    if (options.logprobs)
      if (Result<void> printed = printObject(token, logits); !printed)
        return printed.error();
    if (Result<void> printed = printText(); !printed)
      return printed.error();
    return stop;
  }

  /// The end of the text: prints what was held back.
  Result<void> finish() {
    decided.clear();
    filter.flush(decided);
    if (Result<void> printed = printText(); !printed)
      return printed;
    if (options.logprobs)
      return {};
    std::string rest;
    characters.flush(rest);
    return print(rest);
  }

private:
  Result<void> printText() {
    std::string whole;
    characters.push(decided, whole);
    return options.logprobs || whole.empty() ? Result<void>() : print(whole);
  }

  Result<void> printObject(int32_t token, std::span<const float> logits) {
    Result<float> own = sample::logprobOf(logits, token);
    if (!own)
      return own.error();
    auto likely = sample::topLogprobs(logits, shownAlternatives);
    if (!likely)
      return likely.error();
    nlohmann::ordered_json object = {{"token", token}, {"text", piece}, {"logprob", *own}};
    object["top"] = nlohmann::ordered_json::array();
    for (const sample::TokenLogprob& other : *likely) {
      std::string text;
      tokenizer.appendPiece(other.token, true, text);
      object["top"].push_back({{"token", other.token}, {"text", text}, {"logprob", other.logprob}});
    }
    // A token may be part of a character; such text is shown with replacement characters.
    return print(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  const text::Tokenizer& tokenizer;
  const RunOptions& options;
  StopFilter filter;
  text::Utf8Stream characters;
  bool dropSpace;
  std::string piece, decided;
};

Result<std::string> readPrompt(const RunOptions& options) {
  if (options.prompt)
    return *options.prompt;
  if (options.file.empty() && isTerminal(STDIN_FILENO))
    throw CLI::RequiredError("a prompt (-p TEXT, --file FILE, or text on standard input)");
  Result<std::string> text = readFile(options.file.empty() ? "-" : options.file);
  if (text && text->ends_with('\n')) {
    text->pop_back();
    if (text->ends_with('\r'))
      text->pop_back();
  }
  return text;
}

/// The prompt's tokens, with BOS by the vocabulary's rule. An end that the vocabulary would add is
/// left out: the text goes on.
Result<std::vector<int32_t>> encodePrompt(const text::Tokenizer& tokenizer,
                                          const std::string& prompt) {
  std::vector<int32_t> tokens;
  Result<void> encoded =
      tokenizer.encode(prompt, {.addSpecial = true, .parseSpecial = true}, tokens);
  if (!encoded)
    return encoded.error();
  const text::Vocabulary& vocabulary = tokenizer.vocabulary();
  if (vocabulary.addEos && !tokens.empty() && tokens.back() == vocabulary.eos)
    tokens.pop_back();
  if (tokens.empty())
    return Error{"the prompt is empty and the vocabulary begins texts with no token of its own, so "
                 "there is nothing to continue; give a prompt"};
  return tokens;
}

std::string rate(size_t tokens, double seconds) {
  return seconds > 0 ? fmt::format("{:.1f} tokens/s", double(tokens) / seconds) : "-";
}

void report(const Statistics& s, Model& model, const RunOptions& options) {
  constexpr double mebibyte = 1 << 20;
  MemoryUse memory = memoryUse();
  note(fmt::format("load:    {:.1f} ms", s.load * 1e3));
  note(fmt::format("prefill: {} tokens in {:.1f} ms, {}", s.prefillTokens, s.prefill * 1e3,
                   rate(s.prefillTokens, s.prefill)));
  note(fmt::format("decode:  {} tokens in {:.1f} ms, {}", s.decodeTokens, s.decode * 1e3,
                   rate(s.decodeTokens, s.decode)));
  note(fmt::format("memory:  {:.1f} MiB at most, {:.1f} MiB now besides mapped files",
                   double(memory.peak) / mebibyte, double(memory.anonymous) / mebibyte));
  std::string seed =
      options.sampler.temperature > 0 ? fmt::format(", seed {}", options.sampler.seed) : "";
  note(fmt::format("threads: {}, {}{}", model.threads(), model.isa(), seed));
}

/// Generates until something ends it.
Result<End> generate(Session& session, SequenceId sequence, sample::Sampler& sampler,
                     const text::Vocabulary& vocabulary, Continuation& continuation,
                     std::vector<float>& logits, const RunOptions& options,
                     Statistics& statistics) {
  for (uint32_t made = 0;; ++made) {
    if (options.count && made == *options.count)
      return End::Count;
    if (options.ignoreEos)
      for (int32_t id : vocabulary.endOfGeneration)
        if (size_t(id) < logits.size()) // a file may list tokens that the model has no row for
          logits[size_t(id)] = -std::numeric_limits<float>::infinity();
    Result<int32_t> token = sampler.sample(logits);
    if (!token)
      return token.error();
    if (vocabulary.isEndOfGeneration(*token))
      return End::Token;
    sampler.accept(*token);
    Result<bool> stop = continuation.push(*token, logits);
    if (!stop)
      return stop.error().code == ErrorCode::Cancelled ? Result<End>(End::ReaderGone)
                                                       : Result<End>(stop.error());
    if (*stop)
      return End::StopText;
    if (options.count && made + 1 == *options.count)
      return End::Count;
    if (session.positions(sequence) == session.contextLength())
      return End::ContextFull;
    Stopwatch watch;
    Result<void> decoded = session.decode(sequence, *token, logits.data());
    if (!decoded)
      return decoded.error().code == ErrorCode::Cancelled ? Result<End>(End::Interrupted)
                                                          : Result<End>(decoded.error());
    statistics.decode += watch.seconds();
    ++statistics.decodeTokens;
  }
}

Result<void> run(RunOptions& options) {
  for (const std::string& stop : options.stops)
    if (stop.empty())
      throw CLI::ValidationError("--stop", "the text is empty");
  options.sampler.seed = options.seed ? *options.seed : std::random_device()();
  sample::Sampler sampler;
  if (Result<void> made = sampler.init(options.sampler); !made)
    throw CLI::ValidationError("sampling", made.error().message);
  if (options.chat)
    return chat({.common = options.common,
                 .system = options.system,
                 .templateFile = options.templateFile,
                 .first = options.prompt,
                 .count = options.count,
                 .sampler = options.sampler,
                 .stops = options.stops});
  Result<std::string> prompt = readPrompt(options);
  if (!prompt)
    return prompt.error();

  Statistics statistics;
  Stopwatch watch;
  auto loaded = options.common.load();
  if (!loaded)
    return loaded.error();
  Model& model = **loaded;
  Result<text::Tokenizer> tokenizer = readTokenizer(model.file());
  if (!tokenizer)
    return tokenizer.error();
  statistics.load = watch.seconds();

  Result<std::vector<int32_t>> tokens = encodePrompt(*tokenizer, *prompt);
  if (!tokens)
    return tokens.error();
  Session& session = model.session();
  if (tokens->size() > session.contextLength())
    return Error{fmt::format("the prompt has {} tokens, but the context has room for {}; shorten "
                             "it, or give a larger context with -c",
                             tokens->size(), session.contextLength()),
                 ErrorCode::Full};
  for (int32_t token : *tokens)
    sampler.accept(token);

  InterruptGuard guard(session);
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  std::vector<float> logits(session.vocabulary());
  Progress progress(fmt::format("reading the {} tokens of the prompt ...", tokens->size()));
  watch.restart();
  Result<void> prefilled = session.prefill(*sequence, *tokens, logits.data());
  progress.clear();
  statistics.prefill = watch.seconds();
  statistics.prefillTokens = session.positions(*sequence);

  End end = End::Interrupted;
  if (prefilled) {
    Continuation continuation(*tokenizer, options,
                              prompt->empty() && tokenizer->vocabulary().addSpacePrefix);
    Result<End> generated = generate(session, *sequence, sampler, tokenizer->vocabulary(),
                                     continuation, logits, options, statistics);
    if (!generated)
      return generated.error();
    end = *generated;
    if (end != End::ReaderGone && end != End::StopText) {
      Result<void> finished = continuation.finish();
      if (!finished && finished.error().code != ErrorCode::Cancelled)
        return finished;
    }
    // The shell's prompt, or the statistics, begin a line of their own.
    if (isTerminal(STDOUT_FILENO) && !options.logprobs)
      (void)print("\n").ok();
  } else if (prefilled.error().code != ErrorCode::Cancelled) {
    return prefilled;
  }

  if (end == End::ContextFull)
    note(fmt::format("the context of {} positions is full; -c gives a larger one",
                     session.contextLength()));
  else if (end == End::Interrupted)
    note("interrupted");
  report(statistics, model, options);
  return {};
}

} // namespace

void addRun(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command = *app.add_subcommand("run", "Continue a text");
  command.footer(details);
  options->common.addAll(command);
  auto* prompt =
      command.add_option("-p,--prompt", options->prompt, "The text to continue")->type_name("TEXT");
  auto* file =
      command
          .add_option("-f,--file", options->file, "A file with the text to continue, - for stdin")
          ->type_name("FILE")
          ->excludes(prompt);
  command.add_option("-n,--count", options->count, "Most tokens to generate (default: no limit)")
      ->check(between(0, ~uint32_t(0)))
      ->type_name("N");
  sample::SamplerOptions& sampler = options->sampler;
  command.add_option("--temp", sampler.temperature,
                     "Temperature; 0: always the likeliest token (default: 0.8)");
  command.add_option("--top-k", sampler.topK,
                     "Choose among the K likeliest tokens; 0: all (default: 40)");
  command.add_option("--top-p", sampler.topP,
                     "Choose among the likeliest tokens that sum to P; 1: all (default: 0.95)");
  command.add_option("--min-p", sampler.minP,
                     "Drop tokens less likely than this share of the likeliest (default: 0.05)");
  command.add_option("--repeat-penalty", sampler.repeatPenalty,
                     "Penalty on the last 64 tokens; 1: none (default: 1)");
  command.add_option("--seed", options->seed, "Seed of the sampling (default: a random one)");
  command.add_option("--stop", options->stops, "Text to stop before; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  auto* ignoreEos = command.add_flag("--ignore-eos", options->ignoreEos,
                                     "Never choose a token that ends the text");
  auto* logprobs = command.add_flag(
      "--logprobs", options->logprobs,
      "Print a JSON object for each token instead of the text: its id, its text, the "
      "logarithm of its probability, and the likeliest tokens there");
  auto* chat = command.add_flag("--chat", options->chat, "Converse, a line for each turn")
                   ->excludes(file)
                   ->excludes(ignoreEos)
                   ->excludes(logprobs);
  command.add_option("--system", options->system, "The system message of a conversation")
      ->type_name("TEXT")
      ->needs(chat);
  command
      .add_option("--template", options->templateFile,
                  "A chat template (Jinja) to use instead of the model's own")
      ->type_name("FILE")
      ->needs(chat);
  command.callback([&action, options] { action = [options] { return run(*options); }; });
}

} // namespace chordal::driver
