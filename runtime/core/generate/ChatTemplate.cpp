//===- ChatTemplate.cpp - the chat template of a model ----------------------------------------===//
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

Result<std::string> render(const jinja::Template& chatTemplate, std::string_view variables,
                           const text::Vocabulary* vocabulary) {
  jinja::Context context;
  if (Result<void> added = context.addJson(variables); !added)
    return added.error();
  constexpr const char* clock = "strftime_now";
  jinja::Time time = jinja::Time::local();
  if (context.has(clock)) {
    auto text = context.text(clock);
    auto fixed = text ? jinja::Time::parse(*text) : std::nullopt;
    if (!fixed)
      return Error{"\"strftime_now\" must be a time such as \"2025-07-04T12:30:45\"",
                   ErrorCode::Malformed};
    time = *fixed;
    context.remove(clock); // the name belongs to the function
  }
  if (vocabulary)
    addSpecialTokens(context, *vocabulary);
  return chatTemplate.render(context, time);
}

void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary) {
  for (auto [name, id] :
       {std::pair("bos_token", vocabulary.bos), std::pair("eos_token", vocabulary.eos)})
    if (!context.has(name))
      context.set(name, vocabulary.contains(id) ? vocabulary.tokens[size_t(id)] : "");
}

} // namespace chordal::generate
