//===- Tokenize.cpp - chordal tokenize: texts to token ids and back ---------------------------===//
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Compiled.h"
#include "tools/console/Console.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>

#include <unistd.h>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal tokenize model.gguf --text "Once upon a time" --add-special
  chordal tokenize model.gguf --jsonl texts.jsonl
  chordal tokenize model.gguf --decode "1 15 27"

Prints the ids of each text as a JSON array on a line of its own. A line of --jsonl is an
object such as {"text": "...", "add_special": true, "parse_special": false}; what it does
not say is as the options say. Without --text, --file and --jsonl the text is read from
standard input. Works on files that hold a vocabulary only.)";

struct TokenizeOptions {
  CommonOptions common;
  std::optional<std::string> text;
  std::string file;
  std::string jsonl;
  std::optional<std::string> decode;
  text::EncodeOptions encode;
};

Result<std::string> encodeLine(const text::Tokenizer& tokenizer, std::string_view text,
                               text::EncodeOptions options) {
  std::vector<int32_t> ids;
  if (Result<void> encoded = tokenizer.encode(text, options, ids); !encoded)
    return encoded.error();
  return nlohmann::json(ids).dump() + "\n";
}

Result<void> printEncoded(const text::Tokenizer& tokenizer, std::string_view text,
                          text::EncodeOptions options) {
  Result<std::string> line = encodeLine(tokenizer, text, options);
  return line ? print(*line) : Result<void>(line.error());
}

/// The text of one line of --jsonl; its other members go to `encode`.
Result<std::string> readObject(std::string_view line, text::EncodeOptions& encode) {
  nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    return Error{"is no JSON object", ErrorCode::Malformed};
  auto text = object.find("text");
  if (text == object.end() || !text->is_string())
    return Error{"has no string \"text\"", ErrorCode::Malformed};
  for (auto [name, flag] : {std::pair("add_special", &encode.addSpecial),
                            std::pair("parse_special", &encode.parseSpecial)}) {
    auto found = object.find(name);
    if (found == object.end())
      continue;
    if (!found->is_boolean())
      return Error{fmt::format("has a \"{}\" that is neither true nor false", name),
                   ErrorCode::Malformed};
    *flag = found->get<bool>();
  }
  return text->get<std::string>();
}

Result<void> tokenizeLines(const text::Tokenizer& tokenizer, const TokenizeOptions& options) {
  Result<std::string> content = readFile(options.jsonl);
  if (!content)
    return content.error();
  std::string_view rest = *content;
  std::string out;
  for (size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    text::EncodeOptions encode = options.encode;
    Result<std::string> text = readObject(line, encode);
    if (!text)
      return Error{fmt::format("{}: line {} {}", options.jsonl, number, text.error().message),
                   text.error().code};
    Result<std::string> ids = encodeLine(tokenizer, *text, encode);
    if (!ids)
      return ids.error();
    out += *ids;
    if (out.size() >= 1 << 16) {
      if (Result<void> printed = print(out); !printed)
        return printed;
      out.clear();
    }
  }
  return print(out);
}

Result<void> decode(const text::Tokenizer& tokenizer, std::string_view list) {
  std::vector<int32_t> ids = parseTokens("--decode", list);
  for (int32_t id : ids)
    if (!tokenizer.vocabulary().contains(id))
      return Error{fmt::format("token {} is outside the vocabulary, which has {} tokens", id,
                               tokenizer.vocabulary().size()),
                   ErrorCode::OutOfRange};
  std::string bytes;
  tokenizer.decode(ids, {}, bytes);
  return print(bytes + "\n");
}

Result<void> tokenize(const TokenizeOptions& options) {
  bool standard = !options.text && options.file.empty() && options.jsonl.empty() && !options.decode;
  if (standard && isTerminal(STDIN_FILENO))
    throw CLI::RequiredError("a text (--text, --file, --jsonl, or standard input)");
  Result<ModelFile> file = ModelFile::open(options.common.model);
  if (!file)
    return file.error();
  Result<text::Tokenizer> tokenizer = readTokenizer(file->view);
  if (!tokenizer)
    return tokenizer.error();
  if (options.decode)
    return decode(*tokenizer, *options.decode);
  if (options.text)
    return printEncoded(*tokenizer, *options.text, options.encode);
  if (!options.jsonl.empty())
    return tokenizeLines(*tokenizer, options);
  Result<std::string> text = readFile(standard ? "-" : options.file);
  if (!text)
    return text.error();
  return printEncoded(*tokenizer, *text, options.encode);
}

} // namespace

void addTokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& command = *app.add_subcommand("tokenize", "Turn texts into token ids, or back");
  command.footer(details);
  options->common.addModel(command);
  auto* text = command.add_option("--text", options->text, "The text")->type_name("TEXT");
  auto* file = command.add_option("--file", options->file, "A file with one text, - for stdin")
                   ->type_name("FILE")
                   ->excludes(text);
  auto* jsonl =
      command.add_option("--jsonl", options->jsonl, "A file with a JSON object on each line")
          ->type_name("FILE")
          ->excludes(text)
          ->excludes(file);
  command.add_option("--decode", options->decode, "Ids to turn into text")
      ->type_name("IDS")
      ->excludes(text)
      ->excludes(file)
      ->excludes(jsonl);
  command.add_flag("--add-special", options->encode.addSpecial,
                   "Add the tokens that begin and end texts, as the vocabulary says");
  command.add_flag("--parse-special", options->encode.parseSpecial,
                   "Read the names of control tokens in the text as these tokens");
  command.callback([&action, options] { action = [options] { return tokenize(*options); }; });
}

} // namespace chordal::driver
