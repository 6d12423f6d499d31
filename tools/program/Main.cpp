//===- Main.cpp - the main function of compiled programs --------------------------------------===//
//
// Finds the container in its own file, chooses the best instruction-set level that both the machine
// and the program have, and does what `chordal run` does. Exit codes: 0, 1 (it failed), 2 (bad
// usage).
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/catalogue/Catalogue.h"
#include "runtime/tbb/Threads.h"
#include "tools/console/Console.h"
#include "tools/program/Info.h"
#include "tools/program/LinkedProgram.h"
#include "tools/program/Options.h"

#include <csignal>
#include <exception>
#include <new>
#include <span>

namespace chordal::program {

namespace {

/// `watch` runs since the process began.
Result<void> runText(const LinkedProgram& program, TextCommand& command, const Options& options,
                     const Stopwatch& watch) {
  auto model = program.load(options.kvType);
  if (!model)
    return model.error();
  if (options.context > model->program.model.context_length)
    return Error{"-c: this program was compiled for a context of " +
                 std::to_string(model->program.model.context_length) + " positions at most"};
  unsigned threads = options.threads ? options.threads : availableThreads();
  SessionOptions memory;
  memory.contextLength = options.context;
  memory.microBatch = options.microBatch;
  auto session = model->createSession(memory, {threads, nullptr});
  if (!session)
    return session.error();
  auto tokenizer = readTokenizer(model->file);
  if (!tokenizer)
    return tokenizer.error();
  return command.run(**session, *tokenizer, model->file,
                     {.loadSeconds = watch.seconds(),
                      .threads = threads,
                      .isa = kernels::isaName(kernels::Isa(model->level))});
}

Result<void> execute(const Options& options, TextCommand& command) {
  if (options.mode == Options::Mode::Run)
    if (Result<void> read = command.readPrompt(); !read)
      return read;
  Stopwatch watch;
  auto file = ProgramFile::openSelf();
  if (!file)
    return file.error();
  auto program = LinkedProgram::open(*std::move(file), options.isa);
  if (!program)
    return program.error();
  switch (options.mode) {
  case Options::Mode::Info:
    return printInfo(*program);
  case Options::Mode::Verify:
    return verify(*program);
  default:
    return runText(*program, command, options, watch);
  }
}

int start(std::span<const char* const> arguments) {
  std::string name = arguments.empty() ? "program" : arguments[0];
  setProgramName(name.substr(name.rfind('/') + 1));
  auto options = parseOptions(arguments.empty() ? arguments : arguments.subspan(1));
  TextCommand command;
  Result<void> good = options ? command.init(options->text) : Result<void>(options.error());
  if (!good) {
    note("error: " + good.error().message);
    note("see '" + name + " --help'");
    return 2;
  }
  Result<void> done;
  if (options->mode == Options::Mode::Help)
    done = print(helpText(name));
  else if (options->mode == Options::Mode::Version)
    done = print("chordal " CHORDAL_VERSION "\n");
  else
    done = execute(*options, command);
  if (done.ok() || done.error().code == ErrorCode::Cancelled)
    return 0;
  note("error: " + done.error().message);
  return 1;
}

} // namespace

} // namespace chordal::program

int main(int argc, char** argv) {
  // A reader that goes away shows as an error of write().
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return chordal::program::start(std::span<const char* const>(argv, size_t(argc)));
  } catch (const std::bad_alloc&) {
    chordal::note("error: out of memory");
  } catch (const std::exception& error) {
    chordal::note(std::string("error: ") + error.what());
  }
  return 1;
}
