//===- ChatTemplate.cpp - the chat template of a model ---------------------------------------===//
#include "tools/chordal/ChatTemplate.h"

#include "tools/chordal/Console.h"

#include <ctime>

namespace chordal::driver {

namespace {

Result<jinja::Template> parseFrom(std::string_view source, const std::string& name) {
  Result<jinja::Template> made = jinja::Template::parse(source);
  if (!made)
    return Error{name + ": " + made.error().message, made.error().code};
  return made;
}

} // namespace

Result<jinja::Template> readTemplate(const std::string& path) {
  Result<std::string> source = readFile(path);
  return source ? parseFrom(*source, path) : Result<jinja::Template>(source.error());
}

Result<jinja::Template> modelTemplate(const gguf::View& file) {
  constexpr std::string_view key = "tokenizer.chat_template";
  if (!file.has(key))
    return Error{file.name() + " carries no chat template (tokenizer.chat_template); give one as a "
                               "file",
                 ErrorCode::Missing};
  Result<std::string_view> source = file.getString(key);
  return source ? parseFrom(*source, file.name()) : Result<jinja::Template>(source.error());
}

void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary) {
  for (auto [name, id] :
       {std::pair("bos_token", vocabulary.bos), std::pair("eos_token", vocabulary.eos)})
    if (!context.has(name))
      context.set(name, vocabulary.contains(id) ? vocabulary.tokens[size_t(id)] : "");
}

jinja::Time localTime() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
          parts.tm_hour,        parts.tm_min,     parts.tm_sec};
}

} // namespace chordal::driver
