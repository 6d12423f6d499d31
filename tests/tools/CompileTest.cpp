//===- CompileTest.cpp - compiled programs, from the outside ----------------------------------===//
//
// Compiles models as a user does and runs what comes out: the same text as `chordal run`, the same
// logits, in an empty root directory, damaged, and where it cannot be written.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Container.h"
#include "tests/tools/Command.h"
#include "tests/tools/Terminal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <csignal>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chordal::test {
namespace {

constexpr const char* dense = "models/llama-q4_k_m/model.gguf";

/// A folder with a program compiled from a model of tests/data.
class Compiled : public ::testing::Test {
protected:
  void SetUp() override {
    if (!std::filesystem::exists(CHORDAL_BUNDLE "/chordal.map"))
      GTEST_SKIP() << "this build has no bundle to link executables from (no static oneTBB)";
  }

  std::string compile(const std::string& model, const std::string& name,
                      std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"compile", data(model), "-o", folder.file(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Outcome outcome = chordal(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return folder.file(name);
  }

  TemporaryFolder folder;
};

TEST_F(Compiled, SaysWhatTheDriverSays) {
  std::string program = compile("fairytale-q4_k_m.gguf", "tale");
  uint32_t seed = std::random_device()();
  std::vector<std::string> options{"-p", "Once upon a time", "-n",
                                   "40", "--seed",           std::to_string(seed)};
  for (std::string isa : {"x86-64-v2", "x86-64-v3", "avx512vnni"}) {
    std::vector<std::string> arguments{"run", data("fairytale-q4_k_m.gguf"), "--isa", isa};
    arguments.insert(arguments.end(), options.begin(), options.end());
    Outcome expected = chordal(arguments);
    if (expected.err.find("this machine has not") != std::string::npos)
      continue;
    ASSERT_EQ(expected.code, 0) << expected.err;
    arguments.assign({"--isa", isa});
    arguments.insert(arguments.end(), options.begin(), options.end());
    Outcome own = runProgram(program, arguments);
    EXPECT_EQ(own.code, 0) << own.err;
    EXPECT_EQ(own.out, expected.out) << isa << ", seed " << seed;
    EXPECT_FALSE(own.out.empty());
    // The driver, too, runs compiled programs.
    arguments.assign({"run", program, "--isa", isa});
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(chordal(arguments).out, expected.out) << isa << ", seed " << seed;
  }
}

/// Older processors get the level that they have; where there is none, one line says so.
TEST_F(Compiled, ChoosesTheLevelOfTheProcessor) {
  if (!std::filesystem::exists(CHORDAL_QEMU_X86_64))
    GTEST_SKIP() << "there is no qemu-x86_64 (package qemu-user)";
  std::string program = compile("fairytale-q4_k_m.gguf", "tale", {"--target", "x86-64"});
  std::vector<std::string> options{"-p", "Once upon a time", "-n", "16", "--temp", "0", "-t", "1"};
  auto emulate = [&](const std::string& processor) {
    std::vector<std::string> arguments{"-cpu", processor, program};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return runProgram(CHORDAL_QEMU_X86_64, arguments);
  };
  std::vector<std::string> arguments{"run", data("fairytale-q4_k_m.gguf")};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Outcome expected = chordal(arguments);
  ASSERT_EQ(expected.code, 0) << expected.err;
  Outcome older = emulate("Nehalem");
  EXPECT_EQ(older.code, 0) << older.err;
  EXPECT_EQ(older.out, expected.out);
  EXPECT_NE(older.err.find("x86-64-v2"), std::string::npos) << older.err;
  Outcome oldest = emulate("core2duo");
  EXPECT_EQ(oldest.code, 1);
  EXPECT_EQ(oldest.out, "");
  EXPECT_NE(oldest.err.find("compiled for the instruction-set levels x86-64-v2, x86-64-v3"),
            std::string::npos)
      << oldest.err;
  EXPECT_NE(oldest.err.find("has only scalar\n"), std::string::npos) << oldest.err;
}

/// Every command that takes a model takes a program, in whatever it is: an executable, a library,
/// or the container alone.
TEST_F(Compiled, CommandsTakeProgramsAsTheyTakeModels) {
  std::string model = folder.write(
      "model.gguf",
      withTemplate(data(dense), "{% for m in messages %}[{{ m.content }}]{% endfor %}"));
  std::string program = folder.file("program"), library = folder.file("library.so"),
              alone = folder.file("container");
  for (const auto& [emit, path] :
       {std::pair("exe", program), std::pair("lib", library), std::pair("container", alone)}) {
    Outcome outcome = chordal({"compile", model, "-o", path, "--emit", emit});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "the king and the queen of " + std::to_string(i * 7919) + "; ";
  std::string words = folder.write("words.txt", text);
  std::string messages = folder.write("messages.json", R"({"messages": [{"content": "Hello"}]})");
  const std::vector<std::vector<std::string>> commands{
      {"tokenize", "", "--text", text, "--add-special"},
      {"tokenize", "", "--decode", "5 6 7"},
      {"template", "", "--context", messages},
      {"perplexity", "", words, "-c", "32", "--chunks", "2"},
      {"logits", "", "--tokens", "1 5 9 2 7", "-o", folder.file("logits.npy")},
      {"logits", "", "--tokens", "1 5 9 2 7", "-o", folder.file("logits.npy"), "--isa",
       "x86-64-v2"},
      {"inspect", "", "--isa", "x86-64-v2"},
      {"inspect", "", "--isa", "x86-64-v2", "--format", "json"},
      {"run", "", "-p", "the king", "-n", "5", "--temp", "0"},
  };
  for (std::vector<std::string> command : commands) {
    SCOPED_TRACE(command[0]);
    auto run = [&](const std::string& on) {
      command[1] = on;
      Outcome outcome = chordal(command);
      EXPECT_EQ(outcome.code, 0) << on << ": " << outcome.err;
      // The JSON names its model.
      if (size_t at = outcome.out.find(on); at != outcome.out.npos)
        outcome.out.erase(at, on.size());
      return outcome.out + (command[0] == "logits" ? readAll(folder.file("logits.npy")) : "");
    };
    std::string expected = run(model);
    EXPECT_FALSE(expected.empty());
    for (const std::string& on : {program, library, alone})
      EXPECT_TRUE(run(on) == expected) << on;
  }
  for (const std::string& on : {program, library, alone}) {
    Outcome bench = chordal({"bench", on, "-p", "16", "-n", "4", "-r", "1", "--json"});
    EXPECT_EQ(bench.code, 0) << bench.err;
    EXPECT_NE(bench.out.find("\"tg4\""), std::string::npos) << bench.out;
    Outcome phase = chordal({"inspect", on, "--phase", "graph"});
    EXPECT_EQ(phase.code, 1);
    EXPECT_NE(phase.err.find("is compiled"), std::string::npos) << phase.err;
  }
}

/// The object and the container make an executable on the system's own libraries.
TEST_F(Compiled, MayBeLinkedByHand) {
  std::string object = compile("fairytale-q4_k_m.gguf", "tale.o", {"--emit", "object"});
  compile("fairytale-q4_k_m.gguf", "tale.container", {"--emit", "container"});
  Outcome linked = runProgram(
      "/bin/sh",
      {"-e", "-c",
       "cd \"$3\"; \"$1\" -fuse-ld=lld tale.o -Wl,--start-group \"$2\"/libchordal_*.a "
       "-Wl,--end-group -ltbb -o tale; truncate -s %64K tale; cat tale.container >> tale",
       "sh", CHORDAL_CXX_COMPILER, CHORDAL_BUNDLE, folder.file("")});
  ASSERT_EQ(linked.code, 0) << linked.err;
  std::vector<std::string> options{"-p", "Once upon a time", "-n", "20", "--temp", "0"};
  Outcome own = runProgram(folder.file("tale"), options);
  EXPECT_EQ(own.code, 0) << own.err;
  options.insert(options.begin(), {"run", data("fairytale-q4_k_m.gguf")});
  EXPECT_EQ(own.out, chordal(options).out);
}

TEST_F(Compiled, SameInputGivesTheSameBytes) {
  std::string first = readAll(compile(dense, "a"));
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(readAll(compile(dense, "b")) == first);
  // A library has its own name in it.
  std::filesystem::create_directory(folder.file("1"));
  std::filesystem::create_directory(folder.file("2"));
  EXPECT_TRUE(readAll(compile(dense, "1/lib.so", {"--emit", "lib"})) ==
              readAll(compile(dense, "2/lib.so", {"--emit", "lib"})));
  EXPECT_TRUE(readAll(compile(dense, "a.o", {"--emit", "object"})) ==
              readAll(compile(dense, "b.o", {"--emit", "object"})));
}

TEST_F(Compiled, IsSmall) {
  std::string program = compile("fairytale-q4_k_m.gguf", "tale");
  std::string bytes = readAll(program);
  auto container = Container::open(std::as_bytes(std::span(bytes)), "tale");
  ASSERT_TRUE(container.ok()) << container.error().message;
  EXPECT_LE(bytes.size() - container->size(), 3000000u);
  uint64_t weights = container->find(SectionKind::Weights)->bytes;
  uint64_t metadata = container->find(SectionKind::Metadata)->bytes;
  EXPECT_LE(container->size() - weights, metadata + (1 << 20));
}

TEST_F(Compiled, WeightsMayBeBesideIt) {
  std::string program = compile(dense, "dense", {"--weights", "external", "--target", "native"});
  std::string weights = program + ".weights";
  Outcome outcome = runProgram(program, {"--verify"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(chordal({"logits", program, "--tokens", "1 2", "-o", folder.file("a.npy")}).code, 0);
  // Those of another program, then none.
  compile("models/llama-f32/model.gguf", "other", {"--weights", "external"});
  std::filesystem::rename(folder.file("other.weights"), weights);
  outcome = runProgram(program, {"-p", "a"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("are not the weights"), std::string::npos) << outcome.err;
  std::filesystem::remove(weights);
  outcome = runProgram(program, {"-p", "a"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("missing"), std::string::npos) << outcome.err;
}

TEST_F(Compiled, RunsInAnEmptyRoot) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root may change the root directory";
  std::filesystem::create_directory(folder.file("root"));
  compile("fairytale-q4_k_m.gguf", "root/tale");
  Outcome inside = runProgram(
      "/usr/sbin/chroot", {folder.file("root"), "/tale", "-p", "Once", "-n", "8", "--temp", "0"});
  EXPECT_EQ(inside.code, 0) << inside.err;
  Outcome outside =
      chordal({"run", data("fairytale-q4_k_m.gguf"), "-p", "Once", "-n", "8", "--temp", "0"});
  EXPECT_EQ(inside.out, outside.out);
}

TEST_F(Compiled, DamageIsDetectedAtTheStart) {
  std::string program = compile(dense, "dense");
  std::string bytes = readAll(program);
  auto write = [&](const std::string& content) {
    std::string path = folder.write("damaged", content);
    ::chmod(path.c_str(), 0755);
    return path;
  };
  auto container = Container::open(std::as_bytes(std::span(bytes)), "dense");
  ASSERT_TRUE(container.ok());
  size_t begin = bytes.size() - container->size();
  for (size_t keep : {begin, begin + 1000, bytes.size() - 64, bytes.size() - 1}) {
    Outcome outcome = runProgram(write(bytes.substr(0, keep)), {"-p", "a", "-n", "1"});
    EXPECT_EQ(outcome.code, 1) << keep;
    EXPECT_NE(outcome.err.find("truncated"), std::string::npos) << outcome.err;
  }
  // A bit of the vocabulary, of the directory.
  size_t places[] = {begin + size_t(container->find(SectionKind::Metadata)->offset) + 100,
                     bytes.size() - 80};
  for (size_t place : places) {
    std::string changed = bytes;
    changed[place] ^= 4;
    Outcome outcome = runProgram(write(changed), {"-p", "a", "-n", "1"});
    EXPECT_EQ(outcome.code, 1) << place;
    EXPECT_NE(outcome.err.find("changed"), std::string::npos) << outcome.err;
  }
  // A bit of a weight is found by --verify.
  std::string changed = bytes;
  changed[begin + size_t(container->find(SectionKind::Weights)->offset) + 40] ^= 1;
  Outcome outcome = runProgram(write(changed), {"--verify"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("weight '"), std::string::npos) << outcome.err;
  EXPECT_EQ(runProgram(program, {"--verify"}).code, 0);
}

TEST_F(Compiled, ItsCommandLine) {
  std::string program = compile(dense, "dense");
  EXPECT_EQ(runProgram(program, {"--nonsense"}).code, 2);
  EXPECT_EQ(runProgram(program, {"-n"}).code, 2);
  EXPECT_EQ(runProgram(program, {"--temp", "nan"}).code, 2);
  EXPECT_EQ(runProgram(program, {"-c", "1000000000", "-p", "a"}).code, 1);
  Outcome info = runProgram(program, {"--info"});
  EXPECT_EQ(info.code, 0);
  for (const char* part : {"kernels", "memory", "compiled for", "weights"})
    EXPECT_NE(info.out.find(part), std::string::npos) << part;
  EXPECT_NE(runProgram(program, {"--help"}).out.find("--top-k"), std::string::npos);
  // The prompt from a pipe is that of the option.
  std::vector<std::string> rest{"-n", "3", "--temp", "0"};
  Outcome piped = runProgram(program, rest, "ab\n");
  rest.insert(rest.end(), {"-p", "ab"});
  EXPECT_EQ(piped.out, runProgram(program, rest).out);
  EXPECT_EQ(piped.code, 0) << piped.err;
}

TEST_F(Compiled, NothingIsLeftWhereItCannotBeWritten) {
  Outcome outcome = chordal({"compile", data(dense), "-o", folder.file("no/such/folder")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("no/such/folder"), std::string::npos) << outcome.err;
  std::filesystem::create_directory(folder.file("is-a-folder"));
  EXPECT_EQ(chordal({"compile", data(dense), "-o", folder.file("is-a-folder")}).code, 1);
  // No room: a limit on the size of files stands in for a full disk.
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit{8 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  outcome = chordal({"compile", data("fairytale-q4_k_m.gguf"), "-o", folder.file("full")});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("cannot write"), std::string::npos) << outcome.err;
  EXPECT_EQ(folder.list(), std::vector<std::string>{"is-a-folder"});
  // A device without room, and a folder that takes no files.
  outcome = chordal({"compile", data(dense), "-o", "/dev/full"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("No space left"), std::string::npos) << outcome.err;
  std::filesystem::create_directory(folder.file("sealed"));
  ::chmod(folder.file("sealed").c_str(), 0555);
  // Root may write there all the same, but not to the kernel's files.
  std::string sealed = ::geteuid() == 0 ? "/proc/tale" : folder.file("sealed/tale");
  outcome = chordal({"compile", data(dense), "-o", sealed});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("cannot create " + sealed), std::string::npos) << outcome.err;
}

/// The weights go to a pipe that nobody empties at first: the command is still writing when it is
/// told to end.
TEST_F(Compiled, ASignalLeavesNothingBehind) {
  for (int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    std::string weights = folder.file("tale.weights");
    ASSERT_EQ(::mkfifo(weights.c_str(), 0600), 0);
    // Opened for both, so that neither side waits for the other.
    int reader = ::open(weights.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    Terminal terminal(CHORDAL_DRIVER, {"compile", data("fairytale-q4_k_m.gguf"), "-o",
                                       folder.file("tale"), "--weights", "external"});
    for (int held = 0; held < 4096;) {
      std::this_thread::yield();
      ASSERT_EQ(::ioctl(reader, FIONREAD, &held), 0);
    }
    ASSERT_EQ(::kill(terminal.id(), signal), 0);
    // Only now is there room for the rest.
    std::atomic<bool> ended{false};
    std::thread emptier([&] {
      std::vector<char> buffer(1 << 16);
      ::fcntl(reader, F_SETFL, O_NONBLOCK);
      while (!ended)
        if (::read(reader, buffer.data(), buffer.size()) <= 0)
          std::this_thread::yield();
    });
    EXPECT_EQ(terminal.finish(), 1);
    ended = true;
    emptier.join();
    ::close(reader);
    EXPECT_NE(terminal.shown().find("interrupted; nothing was written"), std::string::npos)
        << terminal.shown();
    EXPECT_EQ(folder.list(), std::vector<std::string>{"tale.weights"});
    std::filesystem::remove(weights);
  }
}

TEST_F(Compiled, ShowsHowFarItIs) {
  Terminal terminal(CHORDAL_DRIVER,
                    {"compile", data("fairytale-q4_k_m.gguf"), "-o", folder.file("tale")});
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
  for (const char* part : {"compiling ", "writing ", " 100 % ..."})
    EXPECT_NE(terminal.shown().find(part), std::string::npos) << part << terminal.shown();
  EXPECT_TRUE(terminal.shown().ends_with("\r\033[K")) << terminal.shown();
}

} // namespace
} // namespace chordal::test
