//===- Conversation.cpp - turns and answers ---------------------------------------------------===//
#include "runtime/core/generate/Conversation.h"

#include "runtime/core/generate/ChatTemplate.h"

#include <algorithm>
#include <span>
#include <utility>

namespace chordal::generate {

Conversation::Conversation(Session& session, const text::Tokenizer& tokenizer,
                           const jinja::Template& chatTemplate, Generator& generator,
                           SequenceId sequence, std::string_view system)
    : session(session), tokenizer(tokenizer), chatTemplate(chatTemplate), generator(generator),
      sequence(sequence) {
  if (!system.empty())
    messages.push_back({"system", std::string(system)});
}

Result<End> Conversation::turn(std::string_view text, std::optional<jinja::Time> now,
                               const Receiver& receiver) {
  messages.push_back({"user", std::string(text)});
  std::string said;
  Result<End> end = answer(now, receiver, said);
  if (end)
    messages.push_back({"assistant", std::move(said)});
  else
    messages.pop_back();
  return end;
}

/// The tokens of the conversation, up to where the model's answer begins.
Result<std::vector<text::TokenId>> Conversation::encode(std::optional<jinja::Time> now) const {
  std::string json = "{\"messages\":[";
  for (const Message& message : messages) {
    if (&message != &messages.front())
      json += ',';
    // What is read from a terminal or generated may be no valid UTF-8, which this replaces.
    json += "{\"role\":" + jinja::jsonString(message.role) +
            ",\"content\":" + jinja::jsonString(message.content) + "}";
  }
  json += "],\"add_generation_prompt\":true}";
  jinja::Context context;
  if (Result<void> added = context.addJson(json); !added)
    return added.error();
  for (const char* name : {"tools", "documents"})
    context.setNone(name);
  addSpecialTokens(context, tokenizer.vocabulary());
  Result<std::string> text = chatTemplate.render(context, now);
  if (!text)
    return text.error();
  // Most templates write BOS themselves; where they do not, the vocabulary's rule adds it.
  const text::Vocabulary& vocabulary = tokenizer.vocabulary();
  std::vector<text::TokenId> tokens;
  if (Result<void> done = tokenizer.encode(*text, {.parseSpecial = true}, tokens); !done)
    return done.error();
  if (vocabulary.addBos && (tokens.empty() || tokens.front() != vocabulary.bos))
    tokens.insert(tokens.begin(), vocabulary.bos);
  if (tokens.empty())
    return Error{"the chat template gives no text"};
  return tokens;
}

/// Brings the KV cache to these tokens and computes the logits of the last one.
Result<void> Conversation::prefill(std::vector<text::TokenId> tokens) {
  if (tokens.size() >= session.contextLength())
    return Error{"the conversation has " + std::to_string(tokens.size()) +
                     " tokens, but the context has room for " +
                     std::to_string(session.contextLength()) +
                     "; give a larger context with -c, or begin a new conversation",
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
  cached = std::move(tokens);
  return generator.prefill(sequence, std::span(cached).subspan(shared));
}

Result<End> Conversation::answer(std::optional<jinja::Time> now, const Receiver& receiver,
                                 std::string& said) {
  Result<std::vector<text::TokenId>> tokens = encode(now);
  if (!tokens)
    return tokens.error();
  if (Result<void> ready = prefill(*std::move(tokens)); !ready)
    return ready.error();
  return generator.generate(sequence, [&](const Token& token) {
    said += token.text;
    if (token.id != text::noToken)
      cached.push_back(token.id);
    return receiver(token);
  });
}

} // namespace chordal::generate
