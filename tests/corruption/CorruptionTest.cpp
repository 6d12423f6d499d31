//===- CorruptionTest.cpp - a broken model file gives an error, and nothing worse -------------===//
//
// Corrupts valid model files at random. Whatever is wrong with a file, loading it and computing a
// few tokens must succeed or fail with a message, within ten seconds of a processor and 1 GiB of
// memory.
//
// Most cases run in a child that is forked from this process, which has its libraries loaded
// already; some run the `chordal` program itself. All cases follow from the seed that is printed:
//
//   corruption-test [--cases N] [--exec N] [--seed N] [--only CASE] [--chordal FILE] MODEL...
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Tokenizer.h"
#include "runtime/core/text/VocabularyFromGguf.h"
#include "tests/corruption/Corrupt.h"
#include "tools/chordal/Model.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHORDAL_UNDER_ASAN 1
// What the sanitizers find must not look like an ordinary failure. MLIR and LLVM are not
// instrumented, so containers that they and we share have no bounds to check.
extern "C" const char* __asan_default_options();
extern "C" const char* __ubsan_default_options();
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1:detect_leaks=0:detect_container_overflow=0";
}
extern "C" const char* __ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1:halt_on_error=1";
}
#endif
#endif

namespace chordal::corruption {
namespace {

#ifdef CHORDAL_UNDER_ASAN
// Shadow memory and freed blocks in quarantine count too.
constexpr uint64_t memoryLimit = uint64_t(3) << 30;
constexpr int timeLimit = 60; // seconds of a processor
#else
constexpr uint64_t memoryLimit = uint64_t(1) << 30;
constexpr int timeLimit = 10;
#endif
// A machine that is busy with other things is no fault of ours; a deadlock uses no processor.
constexpr int wallLimit = 30 * timeLimit;

struct Options {
  uint64_t cases = 300;
  uint64_t exec = 20;
  uint64_t seed = std::random_device()();
  int64_t only = -1;
  std::string chordal;
  std::vector<std::string> models;
};

/// How a child ended.
struct Outcome {
  int status = 0;
  std::string output; ///< of standard error, at most 64 KiB
  uint64_t memory = 0;
  double seconds = 0;
  bool timedOut = false;

  /// What is wrong with it; empty if nothing is.
  std::string fault() const {
    if (timedOut)
      return "was not done after " + std::to_string(wallLimit) + " s";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
      return "was not done after " + std::to_string(timeLimit) + " s of a processor";
    if (memory > memoryLimit)
      return "used " + std::to_string(memory >> 20) + " MiB of memory";
    if (WIFSIGNALED(status))
      return "ended by signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) > 1)
      return "ended with exit code " + std::to_string(WEXITSTATUS(status));
    if (WEXITSTATUS(status) == 1 && output.find_first_not_of(" \n") == std::string::npos)
      return "failed without a message";
    return "";
  }
};

uint64_t residentBytes(pid_t child) {
  std::ifstream file("/proc/" + std::to_string(child) + "/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

/// Runs `body` in a child; its result is the exit code.
template <typename Body> Outcome inChild(Body body) {
  int ends[2];
  if (pipe(ends) != 0)
    throw std::runtime_error("no pipe");
  auto start = std::chrono::steady_clock::now();
  pid_t child = fork();
  if (child < 0)
    throw std::runtime_error("no process");
  if (child == 0) {
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    rlimit time{timeLimit, timeLimit + 5};
    setrlimit(RLIMIT_CPU, &time);
    dup2(open("/dev/null", O_WRONLY), 1);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    _exit(body());
  }
  close(ends[1]);
  Outcome outcome;
  auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // The pipe ends when the child does.
  for (bool open = true; open;) {
    pollfd ready{ends[0], POLLIN, 0};
    if (poll(&ready, 1, 50) > 0) {
      char buffer[4096];
      ssize_t count = read(ends[0], buffer, sizeof buffer);
      open = count > 0;
      if (count > 0 && outcome.output.size() < 65536)
        outcome.output.append(buffer, size_t(count));
    }
    outcome.memory = std::max(outcome.memory, residentBytes(child));
    outcome.timedOut = outcome.timedOut || elapsed() > wallLimit;
    if (outcome.timedOut || outcome.memory > memoryLimit)
      kill(child, SIGKILL);
  }
  close(ends[0]);
  rusage usage{};
  wait4(child, &outcome.status, 0, &usage);
  outcome.seconds = elapsed();
  outcome.memory = std::max(outcome.memory, uint64_t(usage.ru_maxrss) * 1024);
  return outcome;
}

Result<void> loadAndRun(const std::string& path, unsigned threads) {
  ModelOptions options;
  options.contextLength = 64;
  options.threads = threads;
  auto loaded = Model::load(path, options);
  if (!loaded)
    return loaded.error();
  Session& session = (*loaded)->session();
  auto sequence = session.createSequence();
  if (!sequence)
    return sequence.error();
  const int32_t tokens[] = {1, 2, 3};
  std::vector<float> logits(std::size(tokens) * session.vocabulary());
  if (auto done = session.prefillAll(*sequence, tokens, logits.data()); !done)
    return done;
  auto next = int32_t(std::max_element(logits.begin(), logits.begin() + session.vocabulary()) -
                      logits.begin());
  if (auto done = session.decode(*sequence, next, logits.data()); !done)
    return done;

  auto vocabulary = text::readVocabulary((*loaded)->file());
  if (!vocabulary)
    return vocabulary.error();
  text::Tokenizer tokenizer;
  if (auto made = tokenizer.init(std::move(*vocabulary)); !made)
    return made;
  std::vector<text::TokenId> ids;
  for (bool special : {false, true})
    if (auto done = tokenizer.encode("Once upon a time, <s>\xE4\xBD\xA0\xE5\xA5\xBD \xFF 123\n\n",
                                     {.addSpecial = special, .parseSpecial = special}, ids);
        !done)
      return done;
  for (int32_t id : {-1, 0, next, 1 << 30})
    ids.push_back(id);
  std::string text;
  tokenizer.decode(ids, {}, text);
  return {};
}

int runForked(const std::string& path, unsigned threads) {
  Result<void> done = loadAndRun(path, threads);
  if (done)
    return 0;
  std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return 1;
}

/// The program itself, with one of its commands.
int runProgram(const Options& options, const std::string& path, uint64_t which) {
  std::string output = path + ".npy";
  std::vector<const char*> arguments = {options.chordal.c_str()};
  auto add = [&](std::initializer_list<const char*> more) {
    arguments.insert(arguments.end(), more);
  };
  switch (which % 4) {
  case 0:
    add({"logits", path.c_str(), "--tokens", "1 2 3", "-o", output.c_str(), "-c", "64"});
    break;
  case 1:
    add({"run", path.c_str(), "-p", "Once upon", "-n", "2", "-c", "64", "--seed", "1"});
    break;
  case 2:
    add({"tokenize", path.c_str(), "--text", "Once upon a time", "--add-special"});
    break;
  default:
    add({"inspect", path.c_str(), "--phase", "plan"});
  }
  arguments.push_back(nullptr);
  // What a sanitizer finds ends with a status of its own; its other options are in the environment.
  for (const char* options : {"ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
    const char* given = std::getenv(options);
    setenv(options, (std::string(given ? given : "") + ":exitcode=99").c_str(), 1);
  }
  execv(options.chordal.c_str(), const_cast<char**>(arguments.data()));
  std::fprintf(stderr, "cannot run %s\n", options.chordal.c_str());
  return 126;
}

class Test {
public:
  explicit Test(Options o) : options(std::move(o)) {
    for (const std::string& path : options.models)
      sources.emplace_back(path);
    folder =
        std::filesystem::temp_directory_path() / ("chordal-corruption-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
  }
  ~Test() { std::filesystem::remove_all(folder); }

  bool run() {
    std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
    // Were the test itself broken, all files would fail: the valid ones must not.
    for (const Source& source : sources)
      judge(inChild([&] { return runForked(source.path(), 2); }), "forked", source.path(),
            "nothing is wrong with the file", true);
    for (uint64_t i = 0; i < options.cases && faults < 20; ++i)
      if (options.only < 0 || uint64_t(options.only) == i)
        runCase(i);
    std::printf("%llu cases: %llu ran, %llu failed with a message, %llu faults; at most %.1f s, "
                "%llu MiB\n",
                static_cast<unsigned long long>(succeeded + failed + faults),
                static_cast<unsigned long long>(succeeded), static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(faults), maxSeconds,
                static_cast<unsigned long long>(maxMemory >> 20));
    return faults == 0;
  }

private:
  void runCase(uint64_t index) {
    std::mt19937_64 random(options.seed * 1000003 + index);
    const Source& source = sources[random() % sources.size()];
    std::string what;
    std::vector<uint8_t> bytes = source.corrupt(random, what);
    std::string path = folder / "model.gguf";
    {
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    }
    what = "case " + std::to_string(index) + ": " + what;
    judge(inChild([&] { return runForked(path, 1 + unsigned(index % 2)); }), "forked",
          source.path(), what);
    // Spread evenly among the cases.
    bool isSample =
        options.exec * (index + 1) / options.cases > options.exec * index / options.cases;
    if (!options.chordal.empty() && (isSample || options.only >= 0))
      judge(inChild([&] { return runProgram(options, path, random()); }), "program", source.path(),
            what);
  }

  void judge(const Outcome& outcome, const char* how, const std::string& path,
             const std::string& what, bool mustSucceed = false) {
    std::string fault = outcome.fault();
    if (fault.empty() && mustSucceed && WEXITSTATUS(outcome.status) != 0)
      fault = "failed";
    maxSeconds = std::max(maxSeconds, outcome.seconds);
    maxMemory = std::max(maxMemory, outcome.memory);
    if (fault.empty()) {
      ++(WEXITSTATUS(outcome.status) == 0 ? succeeded : failed);
      if (options.only >= 0)
        std::printf("%s, %s: %s\n", path.c_str(), what.c_str(), outcome.output.c_str());
      return;
    }
    ++faults;
    std::printf("%s, %s\n  (%s) %s\n%s\n", path.c_str(), what.c_str(), how, fault.c_str(),
                outcome.output.c_str());
    std::fflush(stdout);
  }

  Options options;
  std::vector<Source> sources;
  std::filesystem::path folder;
  uint64_t succeeded = 0, failed = 0, faults = 0, maxMemory = 0;
  double maxSeconds = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      options.models.emplace_back(argument);
      continue;
    }
    if (++i == argc)
      throw std::runtime_error(std::string(argument) + " wants a value");
    std::string value = argv[i];
    if (argument == "--cases")
      options.cases = std::stoull(value);
    else if (argument == "--exec")
      options.exec = std::stoull(value);
    else if (argument == "--seed")
      options.seed = std::stoull(value);
    else if (argument == "--only")
      options.only = std::stoll(value);
    else if (argument == "--chordal")
      options.chordal = value;
    else
      throw std::runtime_error("unknown option " + std::string(argument));
  }
  if (options.models.empty())
    throw std::runtime_error("no models are given");
  return options;
}

} // namespace
} // namespace chordal::corruption

int main(int argc, char** argv) {
  using namespace chordal::corruption;
  try {
    return Test(parse(argc, argv)).run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "corruption-test: %s\n", error.what());
    return 2;
  }
}
