//===- Template.cpp - chordal template: conversations as texts --------------------------------===//
#include "runtime/core/generate/ChatTemplate.h"
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Compiled.h"
#include "tools/console/Console.h"

#include <fmt/format.h>

#include <fstream>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal template model.gguf --context conversation.json
  chordal template template.jinja --context conversation.json

The context is a JSON object of the template's variables, such as
  {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": true}
Its "strftime_now", if it has one, is the time that the template sees:
"2025-07-04T12:30:45". bos_token and eos_token are those of the model, unless the context
has them. Standard output gets the rendered text and nothing else.)";

struct TemplateOptions {
  std::string source;
  std::string context;
};

bool isModel(const std::string& path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == "GGUF" || ProgramFile::isProgram(path);
}

Result<void> renderTemplate(const TemplateOptions& options) {
  Result<std::string> json = readFile(options.context);
  if (!json)
    return json.error();
  auto render = [&](const Result<jinja::Template>& made,
                    const text::Vocabulary* vocabulary) -> Result<void> {
    if (!made)
      return made.error();
    Result<std::string> text = generate::render(*made, *json, vocabulary);
    return text ? print(*text) : Result<void>(text.error());
  };
  if (!isModel(options.source)) {
    Result<std::string> source = readFile(options.source);
    return source ? render(generate::parseTemplate(*source, options.source), nullptr)
                  : Result<void>(source.error());
  }
  Result<ModelFile> file = ModelFile::open(options.source);
  if (!file)
    return file.error();
  Result<jinja::Template> own = generate::modelTemplate(file->view);
  if (!own)
    return own.error();
  Result<text::Tokenizer> tokenizer = readTokenizer(file->view);
  return tokenizer ? render(own, &tokenizer->vocabulary()) : Result<void>(tokenizer.error());
}

} // namespace

void addTemplate(CLI::App& app, Action& action) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App& command = *app.add_subcommand("template", "Render a chat template");
  command.footer(details);
  command.add_option("model", options->source, "A model that carries a template, or a template")
      ->type_name("MODEL|FILE")
      ->required();
  command.add_option("--context", options->context, "A JSON file of the variables, - for stdin")
      ->type_name("FILE")
      ->required();
  command.callback([&action, options] { action = [options] { return renderTemplate(*options); }; });
}

} // namespace chordal::driver
