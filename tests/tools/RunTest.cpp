//===- RunTest.cpp - chordal run, from the outside --------------------------------------------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <sstream>

#include <csignal>

namespace chordal::test {
namespace {

const std::string model = data("fairytale-q4_k_m.gguf");
const std::string tale = "there was a great feast in the palace, and the king and queen were "
                         "sitting at table";

std::vector<std::string> greedy(std::vector<std::string> more) {
  std::vector<std::string> all = {"run", model, "--temp", "0"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Run, continuesATale) {
  Outcome run = chordal(greedy({"-p", "Once upon a time", "-n", "120"}));
  ASSERT_EQ(run.code, 0) << run.err;
  size_t begin = run.out.find(tale);
  ASSERT_NE(begin, std::string::npos) << run.out;
  // Only the continuation: the prompt is not repeated, nothing stands before the tale but what
  // links it to the prompt.
  EXPECT_LE(begin, 2u) << run.out;
  for (const char* part : {"load:", "prefill: 5 tokens", "decode:  119 tokens", "MiB"})
    EXPECT_NE(run.err.find(part), std::string::npos) << part << " is not in\n" << run.err;
}

TEST(Run, doesNotDependOnThreadsOrOnWhereThePromptComesFrom) {
  TemporaryFolder folder;
  std::string file = folder.write("prompt.txt", "Once upon a time\n");
  Outcome first = chordal(greedy({"-p", "Once upon a time", "-n", "60", "-t", "1"}));
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(chordal(greedy({"--file", file, "-n", "60", "-t", "2"})).out, first.out);
  EXPECT_EQ(chordal(greedy({"-n", "60", "-t", "3"}), "Once upon a time\n").out, first.out);
  EXPECT_EQ(chordal(greedy({"--file", "-", "-n", "60"}), "Once upon a time").out, first.out);
}

TEST(Run, theSeedDecidesWhatIsSampled) {
  auto sampled = [](const std::string& seed) {
    return chordal({"run", model, "-p", "Once upon a time", "-n", "40", "--seed", seed}).out;
  };
  EXPECT_EQ(sampled("7"), sampled("7"));
  EXPECT_NE(sampled("7"), sampled("8"));
}

TEST(Run, stopsBeforeAStopText) {
  // Begins and ends within words: no boundary of tokens.
  Outcome run = chordal(greedy(
      {"-p", "Once upon a time", "-n", "120", "--stop", "never", "--stop", "east in the pal"}));
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out.substr(run.out.find("there")), "there was a great f");
}

TEST(Run, generatesNothingWhenNothingIsAskedFor) {
  Outcome run = chordal(greedy({"-p", "Once upon a time", "-n", "0"}));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "");
}

TEST(Run, endsWhenTheContextIsFull) {
  Outcome run = chordal(greedy({"-p", "Once upon a time", "-c", "16", "--ignore-eos"}));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.err.find("the context of 16 positions is full"), std::string::npos) << run.err;
  // The token chosen at the last position is shown; what follows it is not computed.
  EXPECT_NE(run.err.find("decode:  11 tokens"), std::string::npos) << run.err;
}

TEST(Run, refusesAPromptThatIsTooLong) {
  Outcome run = chordal(greedy({"-p", "Once upon a time", "-c", "4"}));
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("chordal: error: the prompt has 5 tokens, but the context has room for 4"),
            std::string::npos)
      << run.err;
}

TEST(Run, printsLogprobsAsJson) {
  Outcome run = chordal(greedy({"-p", "Once upon a time", "-n", "8", "--logprobs"}));
  ASSERT_EQ(run.code, 0) << run.err;
  std::istringstream lines(run.out);
  std::string text;
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    auto object = nlohmann::json::parse(line);
    text += object.at("text").get<std::string>();
    double logprob = object.at("logprob").get<double>();
    EXPECT_TRUE(logprob <= 0 && logprob > -20) << line;
    // Greedy: the token is the likeliest one.
    EXPECT_EQ(object.at("top").at(0).at("token"), object.at("token"));
    EXPECT_EQ(object.at("top").at(0).at("logprob"), object.at("logprob"));
    double sum = 0;
    for (const auto& other : object.at("top"))
      sum += std::exp(other.at("logprob").get<double>());
    EXPECT_TRUE(sum > 0 && sum <= 1.0001) << line;
  }
  EXPECT_EQ(count, 8u);
  EXPECT_NE(text.find("there was a great"), std::string::npos) << text;
}

TEST(Run, anInterruptEndsItInGoodOrder) {
  bool sent = false;
  Outcome run = chordal(greedy({"-p", "Once upon a time", "--ignore-eos"}), "",
                        [&](pid_t process, const std::string& out) {
                          if (!sent && out.size() > 20)
                            sent = ::kill(process, SIGINT) == 0;
                        });
  EXPECT_TRUE(sent);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.err.find("interrupted"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("decode:"), std::string::npos) << run.err;
}

TEST(Run, aReaderThatGoesAwayEndsIt) {
  Outcome run =
      runProgram("/bin/sh", {"-c", "\"$0\" \"$@\" | head -c 10", CHORDAL_DRIVER, "run", model,
                             "--temp", "0", "-p", "Once upon a time", "--ignore-eos"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out.size(), 10u);
  EXPECT_EQ(run.err.find("error"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("decode:"), std::string::npos) << run.err;
}

//===--- usage --------------------------------------------------------------------------------===//

struct Misuse {
  std::vector<std::string> arguments;
  int code;
  const char* message;
};

TEST(Usage, errorsSayWhatIsWrong) {
  TemporaryFolder folder;
  std::string garbage = folder.write("garbage.gguf", "this is no model");
  const Misuse misuses[] = {
      {{}, 2, "subcommand is required"},
      {{"fly"}, 2, "error: "},
      {{"run"}, 2, "MODEL is required"},
      {{"run", model, "--no-such-option"}, 2, "--no-such-option"},
      {{"run", model, "-p", "x", "--isa", "vax"}, 2, "vax"},
      {{"run", model, "-p", "x", "-t", "0"}, 2, "--threads"},
      {{"run", model, "-p", "x", "--kv-type", "q8"}, 2, "--kv-type"},
      {{"run", model, "-p", "x", "--temp", "nan"}, 2, "temperature"},
      {{"run", model, "-p", "x", "--stop", ""}, 2, "--stop: the text is empty"},
      {{"run", model, "-p", "x", "--file", "y"}, 2, "excludes"},
      {{"run", "/nowhere/model.gguf", "-p", "x"}, 1, "/nowhere/model.gguf"},
      {{"run", garbage, "-p", "x"}, 1, "garbage.gguf"},
      {{"run", model, "--file", "/nowhere/prompt.txt"}, 1, "/nowhere/prompt.txt"},
      {{"logits", model, "--tokens", "1 2 three", "-o", "x.npy"}, 2, "'three' is no token id"},
      {{"logits", model, "--tokens", " ", "-o", "x.npy"}, 2, "--tokens"},
      {{"logits", model, "--tokens", "1"}, 2, "--output is required"},
      {{"logits", model, "--tokens", "1 4096", "-o", folder.file("x.npy")}, 1, "4096"},
      {{"logits", model, "--tokens", "1", "-o", "/nowhere/x.npy"}, 1, "/nowhere/x.npy"},
      {{"tokenize", model, "--decode", "4096"}, 1, "token 4096 is outside the vocabulary"},
      {{"tokenize", model, "--jsonl", "/nowhere/x.jsonl"}, 1, "/nowhere/x.jsonl"},
      {{"perplexity", model, "/nowhere/text.txt"}, 1, "/nowhere/text.txt"},
      {{"perplexity", model, garbage}, 1, "a chunk needs 512"},
      {{"bench", model, "-p", "0", "-n", "0"}, 2, "nothing to measure"},
      {{"inspect", model, "--phase", "waning"}, 2, "waning"},
      {{"inspect", model, "--compile-from", "graph"}, 2, "--compile-from"},
      {{"inspect", "/nowhere/x.mlir"}, 1, "/nowhere/x.mlir"},
  };
  for (const Misuse& misuse : misuses) {
    std::string line;
    for (const std::string& argument : misuse.arguments)
      line += " " + argument;
    SCOPED_TRACE("chordal" + line);
    Outcome run = chordal(misuse.arguments);
    EXPECT_EQ(run.code, misuse.code) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(run.err.starts_with("chordal: error: ")) << run.err;
    EXPECT_NE(run.err.find(misuse.message), std::string::npos) << run.err;
  }
  // A failed command leaves no files.
  EXPECT_EQ(folder.list(), std::vector<std::string>{"garbage.gguf"});
}

TEST(Usage, helpAndVersionGoToStandardOutput) {
  for (const char* command : {"", "run", "logits", "tokenize", "perplexity", "bench", "inspect"}) {
    SCOPED_TRACE(command);
    std::vector<std::string> arguments = {"--help"};
    if (*command)
      arguments.insert(arguments.begin(), command);
    Outcome run = chordal(arguments);
    EXPECT_EQ(run.code, 0);
    EXPECT_NE(run.out.find("Example"), std::string::npos) << run.out;
    EXPECT_EQ(run.err, "");
  }
  EXPECT_TRUE(chordal({"--version"}).out.starts_with("chordal "));
}

} // namespace
} // namespace chordal::test
