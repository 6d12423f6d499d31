//===- ChatTemplate.cpp - the chat template of a model ---------------------------------------===//
#include "runtime/core/generate/ChatTemplate.h"

#include <utility>

namespace chordal::generate {

static constexpr std::string_view key = "tokenizer.chat_template";

Result<jinja::Template> parseTemplate(std::string_view source, const std::string& name) {
  Result<jinja::Template> made = jinja::Template::parse(source);
  if (!made)
    return Error{name + ": " + made.error().message, made.error().code};
  return made;
}

bool hasTemplate(const gguf::View& file) {
  return file.has(key);
}

Result<jinja::Template> modelTemplate(const gguf::View& file) {
  if (!file.has(key))
    return Error{file.name() + " carries no chat template (tokenizer.chat_template); give one as a "
                               "file",
                 ErrorCode::Missing};
  Result<std::string_view> source = file.getString(key);
  return source ? parseTemplate(*source, file.name()) : Result<jinja::Template>(source.error());
}

void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary) {
  for (auto [name, id] :
       {std::pair("bos_token", vocabulary.bos), std::pair("eos_token", vocabulary.eos)})
    if (!context.has(name))
      context.set(name, vocabulary.contains(id) ? vocabulary.tokens[size_t(id)] : "");
}

} // namespace chordal::generate
