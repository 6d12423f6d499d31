//===- Chat.cpp - conversations with a model -------------------------------------------------===//
//
// Each turn renders the whole conversation with the chat template, for templates may change what
// they wrote of earlier turns. The tokens that this shares with the KV cache stay there; only the
// rest is computed.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/Chat.h"

#include "runtime/core/text/Utf8Stream.h"
#include "tools/chordal/ChatTemplate.h"
#include "tools/chordal/Console.h"
#include "tools/chordal/StopFilter.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <unistd.h>

namespace chordal::driver {

namespace {

/// Lines of standard input. A terminal shows a prompt before each.
class Lines {
public:
  /// False at the end of the input.
  Result<bool> next(std::string& line) {
    if (isTerminal(STDIN_FILENO))
      if (Result<void> shown = print("> "); !shown)
        return shown.error();
    line.clear();
    for (;;) {
      size_t end = buffer.find('\n');
      if (end != buffer.npos || (ended && !buffer.empty())) {
        line = buffer.substr(0, end);
        buffer.erase(0, end == buffer.npos ? end : end + 1);
        if (line.ends_with('\r'))
          line.pop_back();
        return true;
      }
      if (ended)
        return false;
      char bytes[4096];
      ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return Error{"standard input cannot be read", ErrorCode::Io};
      ended = count == 0;
      buffer.append(bytes, size_t(count));
    }
  }

private:
  std::string buffer;
  bool ended = false;
};

class Conversation {
public:
  Conversation(const ChatOptions& options, Session& session, const text::Tokenizer& tokenizer,
               const jinja::Template& chatTemplate, SequenceId sequence)
      : options(options), session(session), tokenizer(tokenizer), chatTemplate(chatTemplate),
        sequence(sequence), logits(session.vocabulary()),
        messages(nlohmann::ordered_json::array()) {
    if (!options.system.empty())
      add("system", options.system);
  }

  Result<void> init() { return sampler.init(options.sampler); }

  /// Takes a turn and prints the answer. A turn that fails leaves the conversation as it was.
  Result<void> turn(const std::string& text) {
    size_t before = messages.size();
    add("user", text);
    answer.clear();
    Result<void> done = respond();
    if (!done && done.error().code != ErrorCode::Cancelled) {
      messages.erase(messages.begin() + ptrdiff_t(before), messages.end());
      return done;
    }
    add("assistant", answer);
    return done;
  }

private:
  void add(std::string_view role, std::string_view content) {
    messages.push_back({{"role", role}, {"content", content}});
  }

  /// The tokens of the conversation, up to where the model's answer begins.
  Result<std::vector<int32_t>> encode() const {
    jinja::Context context;
    nlohmann::ordered_json variables = {{"messages", messages}, {"add_generation_prompt", true}};
    // What is read from a terminal or generated may be no valid UTF-8.
    std::string json = variables.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (Result<void> added = context.addJson(json); !added)
      return added.error();
    for (const char* name : {"tools", "documents"})
      context.setNone(name);
    addSpecialTokens(context, tokenizer.vocabulary());
    Result<std::string> text = chatTemplate.render(context, localTime());
    if (!text)
      return text.error();
    // Most templates write BOS themselves; where they do not, the vocabulary's rule adds it.
    const text::Vocabulary& vocabulary = tokenizer.vocabulary();
    std::vector<int32_t> tokens;
    if (Result<void> done = tokenizer.encode(*text, {.parseSpecial = true}, tokens); !done)
      return done.error();
    if (vocabulary.addBos && (tokens.empty() || tokens.front() != vocabulary.bos))
      tokens.insert(tokens.begin(), vocabulary.bos);
    if (tokens.empty())
      return Error{"the chat template gives no text"};
    return tokens;
  }

  /// Brings the KV cache to these tokens and computes the logits of the last one.
  Result<void> prefill(const std::vector<int32_t>& tokens) {
    if (tokens.size() >= session.contextLength())
      return Error{fmt::format("the conversation has {} tokens, but the context has room for {}; "
                               "give a larger context with -c, or begin a new conversation",
                               tokens.size(), session.contextLength()),
                   ErrorCode::Full};
    cached.resize(session.positions(sequence));
    size_t shared =
        size_t(std::mismatch(cached.begin(), cached.end(), tokens.begin(), tokens.end()).first -
               cached.begin());
    // At least the last token is computed: its logits are wanted.
    shared = std::min(shared, tokens.size() - 1);
    // Layers with a sliding window may have lost what they need there: then from the start.
    shared = session.retainable(sequence, uint32_t(shared));
    if (Result<void> cut = session.truncate(sequence, uint32_t(shared)); !cut)
      return cut;
    cached = tokens;
    std::span<const int32_t> rest = std::span(tokens).subspan(shared);
    for (int32_t token : rest)
      sampler.accept(token);
    Progress progress;
    if (rest.size() > 256)
      progress.show(fmt::format("reading {} tokens ...", rest.size()));
    return session.prefill(sequence, rest, logits.data());
  }

  Result<void> respond() {
    Result<std::vector<int32_t>> tokens = encode();
    if (!tokens)
      return tokens.error();
    if (Result<void> ready = prefill(*tokens); !ready)
      return ready;
    StopFilter filter(options.stops);
    text::Utf8Stream characters;
    std::string piece, decided;
    auto show = [&]() -> Result<void> {
      answer += decided;
      std::string whole;
      characters.push(decided, whole);
      decided.clear();
      return whole.empty() ? Result<void>() : print(whole);
    };
    Result<void> end;
    for (uint32_t made = 0; !options.count || made != *options.count; ++made) {
      Result<int32_t> token = sampler.sample(logits);
      if (!token)
        return token.error();
      if (tokenizer.vocabulary().isEndOfGeneration(*token))
        break;
      sampler.accept(*token);
      piece.clear();
      tokenizer.appendPiece(*token, /*showSpecial=*/false, piece);
      bool stop = filter.push(piece, decided);
      if (end = show(); !end || stop)
        return end;
      if (session.positions(sequence) == session.contextLength()) {
        note(fmt::format("the context of {} positions is full; -c gives a larger one",
                         session.contextLength()));
        break;
      }
      if (end = session.decode(sequence, *token, logits.data()); !end)
        break;
      cached.push_back(*token);
    }
    filter.flush(decided);
    Result<void> shown = show();
    std::string rest;
    characters.flush(rest);
    if (shown && !rest.empty())
      shown = print(rest);
    return end ? shown : end;
  }

  const ChatOptions& options;
  Session& session;
  const text::Tokenizer& tokenizer;
  const jinja::Template& chatTemplate;
  SequenceId sequence;
  sample::Sampler sampler;
  std::vector<float> logits;
  std::vector<int32_t> cached; ///< the tokens in the KV cache
  nlohmann::ordered_json messages;
  std::string answer;
};

/// True for turns that only say nothing.
bool isBlank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

} // namespace

Result<void> chat(const ChatOptions& options) {
  auto loaded = options.common.load();
  if (!loaded)
    return loaded.error();
  Model& model = **loaded;
  Result<text::Tokenizer> tokenizer = readTokenizer(model.file());
  if (!tokenizer)
    return tokenizer.error();
  Result<jinja::Template> chatTemplate = options.templateFile.empty()
                                             ? modelTemplate(model.file())
                                             : readTemplate(options.templateFile);
  if (!chatTemplate)
    return chatTemplate.error().code == ErrorCode::Missing && options.templateFile.empty()
               ? Error{chatTemplate.error().message + " with --template", ErrorCode::Missing}
               : chatTemplate.error();
  Session& session = model.session();
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  Conversation conversation(options, session, *tokenizer, *chatTemplate, *sequence);
  if (Result<void> ready = conversation.init(); !ready)
    return ready;

  Lines lines;
  std::optional<std::string> given = options.first;
  for (std::string line;;) {
    if (given) {
      line = *std::exchange(given, std::nullopt);
    } else {
      Result<bool> more = lines.next(line);
      if (!more)
        return more.error();
      if (!*more)
        break;
    }
    if (isBlank(line))
      continue;
    Result<void> done;
    {
      // Only while the model speaks: at the prompt Ctrl-C ends the process.
      session.clearCancel();
      InterruptGuard guard(session);
      done = conversation.turn(line);
    }
    if (Result<void> ended = print("\n"); !ended)
      return ended;
    if (!done && done.error().code != ErrorCode::Cancelled) {
      // On a terminal the conversation can go on.
      if (!isTerminal(STDIN_FILENO))
        return done;
      note("error: " + done.error().message);
    }
  }
  return isTerminal(STDIN_FILENO) ? print("\n") : Result<void>();
}

} // namespace chordal::driver
