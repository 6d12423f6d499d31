//===- Main.cpp - the command line of chordal -------------------------------------------------===//
//
// Chooses the command. Exit codes: 0, 1 (it failed), 2 (bad usage).
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/CommonOptions.h"
#include "tools/console/Console.h"

#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <new>

namespace {

constexpr const char* about = "Chordal compiles GGUF language models into programs and runs them.";

constexpr const char* examples = R"(Examples:
  chordal run model.gguf -p "Once upon a time"
  chordal run model.gguf --file prompt.txt -n 200 --temp 0
  chordal compile model.gguf -o tale
  chordal inspect model.gguf --phase graph
  chordal bench model.gguf -p 512 -n 128
  chordal perplexity model.gguf text.txt

'chordal COMMAND --help' describes the options of a command. Results go to standard
output, everything else to standard error. Exit codes: 0, 1 (it failed), 2 (bad usage).)";

} // namespace

int main(int argc, char** argv) {
  // A reader that goes away shows as an error of write(), which commands end on in good order.
  std::signal(SIGPIPE, SIG_IGN);
  // So does a limit on the size of files.
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App app(about, "chordal");
  app.footer(examples);
  app.set_version_flag("--version", "chordal " CHORDAL_VERSION);
  app.require_subcommand(1);
  chordal::driver::Action action;
  chordal::driver::addRun(app, action);
  chordal::driver::addCompile(app, action);
  chordal::driver::addLogits(app, action);
  chordal::driver::addTokenize(app, action);
  chordal::driver::addTemplate(app, action);
  chordal::driver::addPerplexity(app, action);
  chordal::driver::addBench(app, action);
  chordal::driver::addInspect(app, action);

  try {
    app.parse(argc, argv);
    chordal::Result<void> done = action();
    if (done.ok() || done.error().code == chordal::ErrorCode::Cancelled)
      return 0;
    chordal::note("error: " + done.error().message);
    return 1;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // prints the help or the version
    auto used = app.get_subcommands();
    chordal::note(fmt::format("error: {}", error.what()));
    chordal::note(
        fmt::format("see 'chordal {}--help'", used.empty() ? "" : used.front()->get_name() + " "));
    return 2;
  } catch (const std::bad_alloc&) {
    chordal::note("error: out of memory");
  } catch (const std::exception& error) {
    chordal::note(fmt::format("error: {}", error.what()));
  }
  return 1;
}
