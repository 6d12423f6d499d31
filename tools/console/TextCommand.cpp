//===- TextCommand.cpp - texts from a model, on the command line ------------------------------===//
#include "tools/console/TextCommand.h"

#include "runtime/core/generate/ChatTemplate.h"
#include "runtime/core/generate/Conversation.h"
#include "runtime/core/generate/TokenJson.h"
#include "tools/console/Console.h"
#include "tools/console/Interrupt.h"

#include <utility>

#include <sys/random.h>
#include <unistd.h>

namespace chordal {

namespace {

using generate::End;

/// Prompts of fewer bytes are read in no time.
constexpr size_t longPrompt = 1000;

uint64_t randomSeed() {
  uint32_t seed;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) == ssize_t(sizeof seed))
    return seed;
  return uint64_t(std::chrono::system_clock::now().time_since_epoch().count()) & 0xffffffffu;
}

Error badUsage(const char* message) {
  return {message, ErrorCode::OutOfRange};
}

/// True for turns that only say nothing.
bool isBlank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

/// Prints the text of each token, or a JSON object of it.
generate::Receiver printer(const text::Tokenizer& tokenizer, bool asJson, Progress& progress) {
  return [&tokenizer, asJson, &progress](const generate::Token& token) -> Result<bool> {
    progress.clear();
    std::string json;
    if (asJson)
      if (Result<void> made = generate::appendTokenJson(tokenizer, token, json); !made)
        return made.error();
    std::string_view shown = asJson ? std::string_view(json) : token.text;
    if (shown.empty())
      return true;
    Result<void> printed = print(shown);
    return printed ? Result<bool>(true) : printed.error();
  };
}

/// Says why a text ended before the model was done.
void noteEnd(End end, const Session& session) {
  if (end == End::ContextFull)
    note("the context of " + std::to_string(session.contextLength()) +
         " positions is full; -c gives a larger one, up to what the model has");
  else if (end == End::Cancelled)
    note("interrupted");
}

std::string rate(uint64_t tokens, double seconds) {
  return seconds > 0 ? fixed(double(tokens) / seconds, 1) + " tokens/s" : std::string("-");
}

void report(const generate::Generator& generator, const Circumstances& circumstances) {
  constexpr double mebibyte = 1 << 20;
  const generate::Statistics& spent = generator.statistics();
  const sample::SamplerOptions& sampler = generator.options().sampler;
  MemoryUse memory = memoryUse();
  auto line = [](const char* name, uint64_t tokens, double seconds) {
    note(name + std::to_string(tokens) + " tokens in " + fixed(seconds * 1e3, 1) + " ms, " +
         rate(tokens, seconds));
  };
  note("load:    " + fixed(circumstances.loadSeconds * 1e3, 1) + " ms");
  line("prefill: ", spent.prefillTokens, spent.prefillSeconds);
  line("decode:  ", spent.decodeTokens, spent.decodeSeconds);
  note("memory:  " + fixed(double(memory.peak) / mebibyte, 1) + " MiB at most, " +
       fixed(double(memory.anonymous) / mebibyte, 1) + " MiB now besides mapped files");
  note("threads: " + std::to_string(circumstances.threads) + ", " + std::string(circumstances.isa) +
       (sampler.temperature > 0 ? ", seed " + std::to_string(sampler.seed) : ""));
}

} // namespace

Result<void> TextCommand::init(TextOptions given) {
  options = std::move(given);
  atTerminal = !options.prompt && options.file.empty() && isTerminal(STDIN_FILENO);
  if (options.prompt && !options.file.empty())
    return badUsage("--file excludes --prompt");
  if (options.chat && !options.file.empty())
    return badUsage("--chat excludes --file");
  if (options.chat && options.generation.ignoreEos)
    return badUsage("--chat excludes --ignore-eos: answers would not end");
  if (options.chat && options.logprobs)
    return badUsage("--chat excludes --logprobs");
  if (!options.chat && !atTerminal && !options.system.empty())
    return badUsage("--system needs --chat");
  if (!options.chat && !atTerminal && !options.templateFile.empty())
    return badUsage("--template needs --chat");
  options.generation.sampler.seed = options.seed ? *options.seed : randomSeed();
  for (const std::string& stop : options.generation.stops)
    if (stop.empty())
      return badUsage("--stop: the text is empty");
  return sample::Sampler().init(options.generation.sampler);
}

Result<void> TextCommand::readPrompt() {
  if (options.chat || options.prompt || atTerminal)
    return {};
  Result<std::string> text = readFile(options.file.empty() ? "-" : options.file);
  if (!text)
    return text.error();
  if (text->ends_with('\n')) {
    text->pop_back();
    if (text->ends_with('\r'))
      text->pop_back();
  }
  options.prompt = *std::move(text);
  return {};
}

/// Continues one text in an empty sequence.
Result<void> TextCommand::complete(Session& session, const text::Tokenizer& tokenizer,
                                   generate::Generator& generator, SequenceId sequence,
                                   const std::string& text) {
  auto tokens = generate::encodePrompt(tokenizer, text);
  if (!tokens)
    return tokens.error();
  if (tokens->size() > session.contextLength())
    return Error{"the prompt has " + std::to_string(tokens->size()) +
                     " tokens, but the context has room for " +
                     std::to_string(session.contextLength()) +
                     "; shorten it, or give a larger context with -c",
                 ErrorCode::Full};
  InterruptGuard guard(session);
  Progress progress;
  if (text.size() > longPrompt)
    progress.show("reading the " + std::to_string(tokens->size()) + " tokens of the prompt ...");
  Result<void> prefilled = generator.prefill(sequence, *tokens);
  progress.clear();
  Result<End> end =
      prefilled
          ? generator.generate(sequence, printer(tokenizer, options.logprobs, progress),
                               /*atStart=*/text.empty() && tokenizer.vocabulary().addSpacePrefix)
          : prefilled.error();
  if (!end && end.error().code != ErrorCode::Cancelled)
    return end.error();
  // The shell's prompt, or what is noted, begins a line of its own.
  if (isTerminal(STDOUT_FILENO) && !options.logprobs)
    (void)print("\n").ok();
  if (end)
    noteEnd(*end, session);
  else if (!prefilled)
    noteEnd(End::Cancelled, session);
  return {};
}

/// Completes each line that is typed.
Result<void> TextCommand::completeLines(Session& session, const text::Tokenizer& tokenizer,
                                        generate::Generator& generator, SequenceId sequence) {
  LineReader lines;
  std::string line;
  for (;;) {
    Result<bool> more = lines.next(line);
    if (!more)
      return more.error();
    if (!*more)
      return print("\n");
    if (line.empty())
      continue;
    session.clearCancel();
    generator.reset();
    if (Result<void> done = session.truncate(sequence, 0); !done)
      return done;
    if (Result<void> done = complete(session, tokenizer, generator, sequence, line); !done)
      note("error: " + done.error().message);
  }
}

Result<void> TextCommand::converse(Session& session, const text::Tokenizer& tokenizer,
                                   const gguf::View& file, generate::Generator& generator,
                                   SequenceId sequence) {
  Result<jinja::Template> chatTemplate = Error{};
  if (options.templateFile.empty()) {
    chatTemplate = generate::modelTemplate(file);
  } else if (Result<std::string> source = readFile(options.templateFile); source) {
    chatTemplate = generate::parseTemplate(*source, options.templateFile);
  } else {
    return source.error();
  }
  if (!chatTemplate)
    return chatTemplate.error().code == ErrorCode::Missing
               ? Error{chatTemplate.error().message + " with --template", ErrorCode::Missing}
               : chatTemplate.error();
  generate::Conversation conversation(session, tokenizer, *chatTemplate, generator, sequence,
                                      options.system);
  const bool typed = isTerminal(STDIN_FILENO);
  LineReader lines;
  std::optional<std::string> given = options.prompt;
  for (std::string line;;) {
    if (given) {
      line = *std::exchange(given, std::nullopt);
    } else {
      Result<bool> more = lines.next(line);
      if (!more)
        return more.error();
      if (!*more)
        return typed ? print("\n") : Result<void>();
    }
    if (isBlank(line))
      continue;
    Result<End> end = End::Token;
    {
      // Only while the model speaks: at the prompt Ctrl-C ends the process.
      session.clearCancel();
      InterruptGuard guard(session);
      Progress progress;
      if (line.size() > longPrompt)
        progress.show("reading ...");
      end = conversation.turn(line, jinja::Time::local(),
                              printer(tokenizer, options.logprobs, progress));
    }
    if (Result<void> ended = print("\n"); !ended)
      return ended;
    if (end) {
      noteEnd(*end, session);
    } else if (end.error().code == ErrorCode::Cancelled) {
      noteEnd(End::Cancelled, session);
    } else {
      // Whoever types can go on.
      if (!typed)
        return end.error();
      note("error: " + end.error().message);
    }
  }
}

Result<void> TextCommand::run(Session& session, const text::Tokenizer& tokenizer,
                              const gguf::View& file, const Circumstances& circumstances) {
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  generate::Generator generator(session, tokenizer);
  if (Result<void> ready = generator.init(options.generation); !ready)
    return ready;
  const bool hasTemplate = generate::hasTemplate(file) || !options.templateFile.empty();
  Result<void> done;
  if (options.chat || (atTerminal && hasTemplate))
    done = converse(session, tokenizer, file, generator, *sequence);
  else if (atTerminal)
    done = completeLines(session, tokenizer, generator, *sequence);
  else
    done = complete(session, tokenizer, generator, *sequence, *options.prompt);
  if (!done && done.error().code != ErrorCode::Cancelled)
    return done;
  report(generator, circumstances);
  return {};
}

} // namespace chordal
