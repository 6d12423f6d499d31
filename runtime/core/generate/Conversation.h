//===- Conversation.h - turns and answers -----------------------------------------------------===//
//
// Each turn renders the whole conversation with the chat template, for templates may change what
// they wrote of earlier turns. The tokens that this shares with the KV cache stay there; only the
// rest is computed.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/generate/Generator.h"
#include "runtime/core/template/Template.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::generate {

class Conversation {
public:
  /// All must outlive this; the sequence is the conversation's own. `system`: the message that the
  /// conversation begins with; empty: none.
  Conversation(Session& session, const text::Tokenizer& tokenizer,
               const jinja::Template& chatTemplate, Generator& generator, SequenceId sequence,
               std::string_view system);

  /// Takes a turn and generates the answer. `now`: what the template sees as the time. A turn that
  /// fails leaves the conversation as it was; an answer that was ended (Cancelled, Receiver) stays
  /// in it as far as it came. Errors: those of the template; ErrorCode::Full when the conversation
  /// is too long for the context; as Generator::generate.
  Result<End> turn(std::string_view text, std::optional<jinja::Time> now, const Receiver& receiver);

private:
  struct Message {
    std::string_view role;
    std::string content;
  };

  Result<std::vector<text::TokenId>> encode(std::optional<jinja::Time> now) const;
  Result<void> prefill(std::vector<text::TokenId> tokens);
  Result<End> answer(std::optional<jinja::Time> now, const Receiver& receiver, std::string& text);

  Session& session;
  const text::Tokenizer& tokenizer;
  const jinja::Template& chatTemplate;
  Generator& generator;
  SequenceId sequence;
  std::vector<Message> messages;
  std::vector<text::TokenId> cached; ///< the tokens in the KV cache, and perhaps more behind them
};

} // namespace chordal::generate
