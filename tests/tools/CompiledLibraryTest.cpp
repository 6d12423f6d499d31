//===- CompiledLibraryTest.cpp - what libraries are beyond their interface --------------------===//
#include "tests/tools/ApiFixture.h"

#include <cstring>
#include <sstream>

namespace chordal::test {

class CompiledLibrary : public ::testing::Test {
protected:
  void SetUp() override {
    if (!canLink())
      GTEST_SKIP() << "this build has no bundle to link libraries from (no static oneTBB)";
  }
};

TEST_F(CompiledLibrary, exportsTheInterfaceAndNothingElse) {
  Outcome symbols =
      runProgram("/bin/sh", {"-c", "nm -D --defined-only \"$0\" | sed 's/.* //'", taleLibrary()});
  ASSERT_EQ(symbols.code, 0) << symbols.err;
  std::istringstream names(symbols.out);
  size_t count = 0;
  for (std::string name; std::getline(names, name); ++count)
    EXPECT_TRUE(name.starts_with("chordal_") && !name.starts_with("chordal_linked")) << name;
  EXPECT_EQ(count, 17u);
  EXPECT_EQ(readAll(std::filesystem::path(taleLibrary()).parent_path() / "chordal.h"),
            readAll(CHORDAL_SOURCE "/runtime/core/chordal.h"));
}

TEST_F(CompiledLibrary, theDriverReadsItAsAProgram) {
  Outcome own = chordal({"run", taleLibrary(), "-p", "Once", "-n", "8", "--temp", "0"});
  EXPECT_EQ(own.code, 0) << own.err;
  EXPECT_EQ(own.out, chordal({"run", tale, "-p", "Once", "-n", "8", "--temp", "0"}).out);
}

TEST_F(CompiledLibrary, opensTheExecutableOfTheSameModelAndWeightsBesideIt) {
  TemporaryFolder folder;
  std::string model = data("models/llama-q4_k_m/model.gguf");
  for (std::string emit : {"lib", "exe"}) {
    Outcome compiled = chordal(
        {"compile", model, "-o", folder.file(emit), "--emit", emit, "--weights", "external"});
    ASSERT_EQ(compiled.code, 0) << compiled.err;
  }
  Api api(folder.file("lib"));
  ASSERT_NE(api.library, nullptr) << ::dlerror();
  std::string executable = folder.file("exe");
  for (const char* path : {static_cast<const char*>(nullptr), executable.c_str()}) {
    chordal_model* opened = nullptr;
    EXPECT_EQ(api.open(path, nullptr, &opened), CHORDAL_OK) << api.last_error();
    api.close(opened);
  }
  std::filesystem::remove(folder.file("lib.weights"));
  chordal_model* opened = nullptr;
  EXPECT_EQ(api.open(nullptr, nullptr, &opened), CHORDAL_ERROR_MISSING);
  EXPECT_EQ(opened, nullptr);
}

/// The examples, built and run as their texts say.
TEST_F(CompiledLibrary, theExamplesSayWhatTheDriverSays) {
  TemporaryFolder folder;
  const std::string prompt = "Once upon a time";
  Outcome expected = chordal({"run", tale, "-p", prompt, "-n", "20", "--temp", "0"});
  Outcome logits = chordal(
      {"logits", tale, "--tokens", "1 2120 647 261 539", "-o", folder.file("expected.npy")});
  ASSERT_EQ(logits.code, 0) << logits.err;
  Matrix matrix = readNpy(folder.file("expected.npy"));
  std::string bytes(matrix.values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), matrix.values.data(), bytes.size());

  std::string libraryFolder = std::filesystem::path(taleLibrary()).parent_path();
  const std::string examples = CHORDAL_SOURCE "/runtime/api/examples";
  Outcome built =
      runProgram(CHORDAL_C_COMPILER,
                 {"-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I" + libraryFolder,
                  examples + "/generate.c", "-o", folder.file("generate"), "-L" + libraryFolder,
                  "-ltale", "-Wl,-rpath," + libraryFolder});
  ASSERT_EQ(built.code, 0) << built.err;
  Outcome fromC = runProgram(folder.file("generate"), {"-", prompt, "20", folder.file("c.f32")});
  EXPECT_EQ(fromC.code, 0) << fromC.err;
  EXPECT_EQ(fromC.out, expected.out);
  EXPECT_EQ(readAll(folder.file("c.f32")), bytes);
  Outcome fromPython =
      runProgram("/usr/bin/env", {"python3", examples + "/generate.py", taleLibrary(), "-", prompt,
                                  "20", folder.file("python.f32")});
  EXPECT_EQ(fromPython.code, 0) << fromPython.err;
  EXPECT_EQ(fromPython.out, expected.out);
  EXPECT_EQ(readAll(folder.file("python.f32")), bytes);
  // No invalid access to memory, where there is a tool to say so.
  if (std::filesystem::exists("/usr/bin/valgrind")) {
    Outcome watched = runProgram("/usr/bin/valgrind", {"-q", "--error-exitcode=9",
                                                       folder.file("generate"), "-", prompt, "2"});
    EXPECT_EQ(watched.code, 0) << watched.err;
  }
  // With the compiler inside, from the GGUF file.
  fromPython = runProgram(
      "/usr/bin/env", {"python3", examples + "/generate.py", CHORDAL_LIBRARY, tale, prompt, "20"});
  EXPECT_EQ(fromPython.code, 0) << fromPython.err;
  EXPECT_EQ(fromPython.out, expected.out);
  // Errors come through.
  Outcome failing = runProgram(folder.file("generate"), {"/nowhere", prompt, "1"});
  EXPECT_EQ(failing.code, 1);
  EXPECT_NE(failing.err.find("/nowhere"), std::string::npos) << failing.err;
}

} // namespace chordal::test
