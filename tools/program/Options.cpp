//===- Options.cpp - the command line of a compiled program -----------------------------------===//
#include "tools/program/Options.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace chordal::program {

namespace {

struct Option {
  std::string_view shortName, longName;
  std::string_view value; ///< what its value is called; "" for a flag
  std::string_view help;
};

constexpr Option table[] = {
    {"-p", "--prompt", "TEXT", "The text to continue"},
    {"-f", "--file", "FILE", "A file with the text to continue, - for stdin"},
    {"-n", "--count", "N", "Most tokens to generate (default: no limit)"},
    {"-c", "--context", "N", "Positions of the context (default: all that it was compiled for)"},
    {"-t", "--threads", "N", "Worker threads; results do not depend on it"},
    {"", "--isa", "LEVEL", "Instruction-set level to use (default: the best)"},
    {"", "--kv-type", "TYPE", "Fail unless the KV cache is of this type (f16, f32)"},
    {"", "--ubatch", "N", "Most tokens of one step (default: 512)"},
    {"", "--temp", "X", "Temperature; 0: always the likeliest token (default: 0.8)"},
    {"", "--top-k", "K", "Choose among the K likeliest tokens; 0: all (default: 40)"},
    {"", "--top-p", "P", "Choose among the likeliest tokens that sum to P; 1: all (default: 0.95)"},
    {"", "--min-p", "P",
     "Drop tokens less likely than this share of the likeliest (default: 0.05)"},
    {"", "--repeat-penalty", "X", "Penalty on the last 64 tokens; 1: none (default: 1)"},
    {"", "--seed", "N", "Seed of the sampling (default: a random one)"},
    {"", "--stop", "TEXT", "Text to stop before; may be given several times"},
    {"", "--ignore-eos", "", "Never choose a token that ends the text"},
    {"", "--logprobs", "",
     "Print a JSON object for each token: id, text, log probability, likeliest"},
    {"", "--chat", "", "Converse, a line for each turn"},
    {"", "--system", "TEXT", "The system message of a conversation"},
    {"", "--template", "FILE", "A chat template (Jinja) to use instead of the model's own"},
    {"", "--info", "", "Print what this program is: model, sizes, kernels, memory"},
    {"", "--verify", "", "Check the checksums of the whole program"},
    {"-h", "--help", "", "Print this"},
    {"", "--version", "", "Print the version of the compiler"},
};

const Option* find(std::string_view name) {
  for (const Option& option : table)
    if (!name.empty() && (name == option.shortName || name == option.longName))
      return &option;
  return nullptr;
}

template <typename T>
Result<void> parseNumber(const Option& option, std::string_view text, T least, T most, T& value) {
  T parsed{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  // Written so that a NaN is refused.
  if (error != std::errc() || end != text.data() + text.size() ||
      !(parsed >= least && parsed <= most))
    return Error{std::string(option.longName) + ": '" + std::string(text) +
                 "' is not what is wanted there: " + std::string(option.help)};
  value = parsed;
  return {};
}

Result<void> set(Options& options, const Option& option, std::string_view value) {
  constexpr uint32_t noLimit = 0xffffffffu;
  TextOptions& text = options.text;
  generate::Options& generation = text.generation;
  sample::SamplerOptions& sampler = generation.sampler;
  std::string_view name = option.longName;
  auto number = [&](auto least, auto most, auto& target) {
    return parseNumber(option, value, least, most, target);
  };
  auto real = [&](float most, float& target) { return number(0.0f, most, target); };
  if (name == "--prompt")
    text.prompt = value;
  else if (name == "--file")
    text.file = value;
  else if (name == "--count")
    return number(0u, noLimit, generation.count.emplace());
  else if (name == "--context")
    return number(1u, 1u << 30, options.context);
  else if (name == "--threads")
    return number(1u, 1024u, options.threads);
  else if (name == "--isa")
    options.isa = value;
  else if (name == "--kv-type") {
    if (value != "f16" && value != "f32")
      return Error{"--kv-type: '" + std::string(value) + "' is neither f16 nor f32"};
    options.kvType = value;
  } else if (name == "--ubatch")
    return number(1u, 1u << 20, options.microBatch);
  else if (name == "--temp")
    return real(1e6f, sampler.temperature);
  else if (name == "--top-k")
    return number(0u, noLimit, sampler.topK);
  else if (name == "--top-p")
    return real(1, sampler.topP);
  else if (name == "--min-p")
    return real(1, sampler.minP);
  else if (name == "--repeat-penalty")
    return real(1e6f, sampler.repeatPenalty);
  else if (name == "--seed")
    return number(uint64_t(0), ~uint64_t(0), text.seed.emplace());
  else if (name == "--ignore-eos")
    generation.ignoreEos = true;
  else if (name == "--logprobs")
    text.logprobs = true;
  else if (name == "--chat")
    text.chat = true;
  else if (name == "--system")
    text.system = value;
  else if (name == "--template")
    text.templateFile = value;
  else if (name == "--stop")
    generation.stops.emplace_back(value);
  else if (name == "--info")
    options.mode = Options::Mode::Info;
  else if (name == "--verify")
    options.mode = Options::Mode::Verify;
  else if (name == "--help")
    options.mode = Options::Mode::Help;
  else if (name == "--version")
    options.mode = Options::Mode::Version;
  return {};
}

} // namespace

Result<Options> parseOptions(std::span<const char* const> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i], name = argument;
    std::optional<std::string_view> value;
    if (argument.starts_with("--")) {
      if (size_t equals = argument.find('='); equals != std::string_view::npos) {
        name = argument.substr(0, equals);
        value = argument.substr(equals + 1);
      }
    } else if (argument.size() > 2 && argument[0] == '-') {
      name = argument.substr(0, 2);
      value = argument.substr(2);
    }
    const Option* option = find(name);
    if (!option)
      return Error{"unknown argument '" + std::string(argument) + "'"};
    if (option->value.empty() && value)
      return Error{std::string(name) + " takes no value"};
    if (!option->value.empty() && !value) {
      if (++i == arguments.size())
        return Error{std::string(name) + " needs a value, " + std::string(option->value)};
      value = arguments[i];
    }
    if (Result<void> done = set(options, *option, value.value_or("")); !done)
      return done.error();
  }
  return options;
}

std::string helpText(const std::string& programName) {
  std::string text =
      "A language model, compiled by Chordal: continues a text, or converses.\n\nUsage: " +
      programName +
      " [OPTIONS]\n\nWithout -p and --file the text is read from standard input. From a terminal "
      "each line is\na turn of a conversation or, if the model has no chat template, a text to "
      "continue;\nCtrl-C ends an answer, Ctrl-D the program. Standard output gets what the model "
      "says and\nnothing else. Exit codes: 0, 1 (it failed), 2 (bad usage).\n\n";
  for (const Option& option : table) {
    std::string line = "  ";
    if (!option.shortName.empty())
      line += std::string(option.shortName) + ",";
    line += std::string(option.longName) + " " + std::string(option.value);
    line.resize(std::max<size_t>(line.size() + 1, 26), ' ');
    text += line + std::string(option.help) + "\n";
  }
  return text;
}

} // namespace chordal::program
