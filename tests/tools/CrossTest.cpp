//===- CrossTest.cpp - programs compiled for aarch64, in an emulator --------------------------===//
//
// Compiles on this machine for another one and runs what comes out in qemu, as processors of each
// instruction-set level: the text is that of the driver.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>

namespace chordal::test {
namespace {

constexpr const char* model = "fairytale-q4_k_m.gguf";

class Cross : public ::testing::Test {
protected:
  void SetUp() override {
    if (!std::filesystem::exists(CHORDAL_BUNDLE "/static/crt1.o"))
      GTEST_SKIP() << "this build has no bundle to link programs for aarch64 from";
  }

  Outcome compile(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> arguments{"compile", data(model), "-o", folder.file(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return chordal(arguments);
  }

  Outcome emulate(const std::string& cpu, const std::string& name,
                  std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-cpu", cpu, folder.file(name)});
    return runProgram(CHORDAL_QEMU, arguments);
  }

  /// ELF's machine number in the file.
  int machine(const std::string& name) {
    std::string bytes = readAll(folder.file(name));
    uint16_t number = 0;
    if (bytes.size() > 20)
      std::memcpy(&number, bytes.data() + 18, 2);
    return number;
  }

  TemporaryFolder folder;
};

constexpr int aarch64 = 183; // EM_AARCH64

TEST_F(Cross, ProgramsSayWhatTheDriverSays) {
  Outcome made = compile("tale", {"--target", "aarch64"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(machine("tale"), aarch64);
  std::vector<std::string> options{"-p", "Once upon a time", "-n", "20", "--temp", "0", "-t", "1"};
  std::vector<std::string> arguments{"run", data(model)};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Outcome expected = chordal(arguments);
  ASSERT_EQ(expected.code, 0) << expected.err;
  const std::pair<const char*, const char*> processors[] = {
      {"max", "neon-i8mm"}, {"cortex-a76", "neon-dotprod"}, {"cortex-a53", "neon"}};
  for (auto [cpu, level] : processors) {
    Outcome own = emulate(cpu, "tale", options);
    EXPECT_EQ(own.code, 0) << cpu << ": " << own.err;
    EXPECT_EQ(own.out, expected.out) << cpu;
    EXPECT_NE(own.err.find(std::string("threads: 1, ") + level + "\n"), std::string::npos)
        << cpu << ": " << own.err;
  }
  // A level that the processor lacks is refused, a lower one may be asked for; threads change
  // nothing.
  Outcome refused = emulate("cortex-a53", "tale", {"-p", "a", "--isa", "neon-dotprod"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("has not"), std::string::npos) << refused.err;
  Outcome several =
      emulate("max", "tale",
              {"-p", "Once upon a time", "-n", "4", "--temp", "0", "--isa", "neon", "-t", "3"});
  EXPECT_EQ(several.code, 0) << several.err;
  EXPECT_FALSE(several.out.empty());
  EXPECT_TRUE(expected.out.starts_with(several.out)) << several.out;
}

TEST_F(Cross, TheDriverLooksIntoThemButDoesNotRunThem) {
  Outcome made = compile("tale", {"--target", "neon-dotprod"});
  ASSERT_EQ(made.code, 0) << made.err;
  Outcome inspected = chordal({"inspect", folder.file("tale")});
  EXPECT_EQ(inspected.code, 0) << inspected.err;
  EXPECT_NE(inspected.out.find("neon-dotprod"), std::string::npos);
  Outcome run = chordal({"run", folder.file("tale"), "-p", "a"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("another architecture, aarch64"), std::string::npos) << run.err;
}

TEST_F(Cross, ObjectsAndLibraries) {
  for (std::string kind : {"object", "lib"}) {
    Outcome made = compile(kind, {"--target", "aarch64", "--emit", kind});
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_EQ(machine(kind), aarch64) << kind;
  }
}

TEST_F(Cross, OneArchitectureOnly) {
  Outcome made = compile("tale", {"--target", "x86-64-v3,neon"});
  EXPECT_EQ(made.code, 1);
  EXPECT_NE(made.err.find("one architecture"), std::string::npos) << made.err;
  EXPECT_EQ(compile("tale", {"--target", "vax"}).code, 2);
  EXPECT_TRUE(folder.list().empty());
}

} // namespace
} // namespace chordal::test
