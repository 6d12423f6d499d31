//===- Run.cpp - chordal run: text from a prompt ----------------------------------------------===//
//
// Compiles in memory and does what compiled programs do: see TextCommand.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Trace.h"
#include "tools/console/Console.h"
#include "tools/console/TextCommand.h"

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Examples:
  chordal run model.gguf -p "Once upon a time" -n 120 --temp 0
  echo "Once upon a time" | chordal run model.gguf --stop "The end"
  chordal run model.gguf --chat --system "Answer briefly."

Standard output gets the continuation and nothing else; standard error the speed, the
memory used and the seed, with which a run can be repeated. Without -p and --file the
prompt is read from standard input. One line break at the end of a file is dropped.
Generation ends at an end-of-generation token, a stop text, after -n tokens, when the
context is full, or with Ctrl-C.

--chat converses: each line of standard input is a turn, which the model's chat template
puts into words for it. Without a prompt on a terminal it converses, too, or, if the model
has no template, continues each line. Ctrl-C ends an answer, Ctrl-D the conversation.)";

struct RunOptions {
  CommonOptions common;
  TextOptions text;
  std::string trace;
};

Result<void> run(const RunOptions& options) {
  TextCommand command;
  if (Result<void> good = command.init(options.text); !good)
    throw CLI::ValidationError(good.error().message);
  if (Result<void> read = command.readPrompt(); !read)
    return read;
  Stopwatch watch;
  auto loaded = TracedModel::load(options.common, options.trace);
  if (!loaded)
    return loaded.error();
  Model& model = (*loaded)->model();
  Result<text::Tokenizer> tokenizer = readTokenizer(model.file());
  if (!tokenizer)
    return tokenizer.error();
  Result<void> done =
      command.run(model.session(), *tokenizer, model.file(),
                  {.loadSeconds = watch.seconds(), .threads = model.threads(), .isa = model.isa()});
  Result<void> traced = (*loaded)->flush();
  return done ? traced : done;
}

} // namespace

void addRun(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command = *app.add_subcommand("run", "Continue a text");
  command.footer(details);
  options->common.addAll(command);
  TextOptions& text = options->text;
  generate::Options& generation = text.generation;
  sample::SamplerOptions& sampler = generation.sampler;
  command.add_option("-p,--prompt", text.prompt, "The text to continue")->type_name("TEXT");
  command.add_option("-f,--file", text.file, "A file with the text to continue, - for stdin")
      ->type_name("FILE");
  command.add_option("-n,--count", generation.count, "Most tokens to generate (default: no limit)")
      ->check(between(0, ~uint32_t(0)))
      ->type_name("N");
  command.add_option("--temp", sampler.temperature,
                     "Temperature; 0: always the likeliest token (default: 0.8)");
  command.add_option("--top-k", sampler.topK,
                     "Choose among the K likeliest tokens; 0: all (default: 40)");
  command.add_option("--top-p", sampler.topP,
                     "Choose among the likeliest tokens that sum to P; 1: all (default: 0.95)");
  command.add_option("--min-p", sampler.minP,
                     "Drop tokens less likely than this share of the likeliest (default: 0.05)");
  command.add_option("--repeat-penalty", sampler.repeatPenalty,
                     "Penalty on the last 64 tokens; 1: none (default: 1)");
  command.add_option("--seed", text.seed, "Seed of the sampling (default: a random one)");
  command.add_option("--stop", generation.stops, "Text to stop before; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command.add_flag("--ignore-eos", generation.ignoreEos, "Never choose a token that ends the text");
  command.add_flag("--logprobs", text.logprobs,
                   "Print a JSON object for each token instead of the text: its id, its text, the "
                   "logarithm of its probability, and the likeliest tokens there");
  command.add_flag("--chat", text.chat, "Converse, a line for each turn");
  command.add_option("--system", text.system, "The system message of a conversation")
      ->type_name("TEXT");
  command
      .add_option("--template", text.templateFile,
                  "A chat template (Jinja) to use instead of the model's own")
      ->type_name("FILE");
  command
      .add_option("--trace", options->trace,
                  "Write what the threads do to this file, as JSON for ui.perfetto.dev")
      ->type_name("FILE");
  command.callback([&action, options] { action = [options] { return run(*options); }; });
}

} // namespace chordal::driver
