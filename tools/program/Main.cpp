//===- Main.cpp - the main function of compiled programs --------------------------------------===//
//
// Finds the container in its own file, chooses the best instruction-set level that both the machine
// and the program have, and continues texts. Exit codes: 0, 1 (it failed), 2 (bad usage).
//
//===------------------------------------------------------------------------------------------===//
#include "tools/program/Generate.h"
#include "tools/program/Info.h"
#include "tools/program/Options.h"
#include "tools/program/Output.h"

#include <csignal>
#include <exception>
#include <new>
#include <span>

namespace chordal::program {

namespace {

Result<void> execute(const Options& options) {
  auto program = Loaded::open(options);
  if (!program)
    return program.error();
  switch (options.mode) {
  case Options::Mode::Info:
    return printInfo(**program);
  case Options::Mode::Verify:
    return verify(**program);
  default:
    return run(**program, options);
  }
}

int start(std::span<const char* const> arguments) {
  std::string name = arguments.empty() ? "program" : arguments[0];
  setProgramName(name.substr(name.rfind('/') + 1));
  auto options = parseOptions(arguments.empty() ? arguments : arguments.subspan(1));
  if (!options) {
    note("error: " + options.error().message);
    note("see '" + name + " --help'");
    return 2;
  }
  if (options->mode == Options::Mode::Help || options->mode == Options::Mode::Version) {
    auto printed = print(options->mode == Options::Mode::Help ? helpText(name)
                                                              : "chordal " CHORDAL_VERSION "\n");
    return printed.ok() || printed.error().code == ErrorCode::Cancelled ? 0 : 1;
  }
  Result<void> done = execute(*options);
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
    chordal::program::note("error: out of memory");
  } catch (const std::exception& error) {
    chordal::program::note(std::string("error: ") + error.what());
  }
  return 1;
}
