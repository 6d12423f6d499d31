//===- ToolsTest.cpp - chordal logits, tokenize, perplexity, bench, from the outside ----------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <sstream>

namespace chordal::test {
namespace {

const std::string model = data("fairytale-q4_k_m.gguf");

std::string join(const std::vector<int32_t>& tokens) {
  std::string text;
  for (int32_t token : tokens)
    text += std::to_string(token) + " ";
  return text;
}

//===--- logits -------------------------------------------------------------------------------===//

Matrix logits(const std::string& path, const std::vector<int32_t>& tokens,
              const std::vector<std::string>& more) {
  TemporaryFolder folder;
  std::vector<std::string> arguments = {"logits",     path, "--tokens",
                                        join(tokens), "-o", folder.file("logits.npy")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Outcome run = chordal(arguments);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(folder.list(), std::vector<std::string>{"logits.npy"}); // and no temporary file
  return readNpy(folder.file("logits.npy"));
}

double deviation(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += double(value) * value;
  }
  double mean = sum / double(values.size());
  return std::sqrt(squares / double(values.size()) - mean * mean);
}

/// The largest difference, infinite if a number is none.
double maxDifference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size())
    return INFINITY;
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double difference = std::abs(double(a[i]) - double(b[i]));
    if (!(difference <= most))
      most = std::isfinite(difference) ? difference : INFINITY;
  }
  return most;
}

std::vector<int32_t> someTokens(size_t count) {
  unsigned seed = std::random_device()();
  std::cout << "tokens from seed " << seed << "\n";
  std::mt19937 random(seed);
  std::vector<int32_t> tokens = {1};
  while (tokens.size() < count)
    tokens.push_back(int32_t(3 + random() % 4000));
  return tokens;
}

TEST(Logits, areTheSameBitsForAnyNumberOfThreads) {
  std::vector<int32_t> tokens = someTokens(70);
  Matrix one = logits(model, tokens, {"-t", "1"});
  ASSERT_EQ(one.rows, 70u);
  ASSERT_EQ(one.columns, 4096u);
  for (const char* threads : {"2", "3"}) {
    Matrix other = logits(model, tokens, {"-t", threads});
    ASSERT_EQ(other.values.size(), one.values.size());
    EXPECT_EQ(std::memcmp(other.values.data(), one.values.data(), one.values.size() * 4), 0)
        << threads << " threads";
  }
}

TEST(Logits, tokenByTokenDiffersByRoundingOnly) {
  // Float32 throughout: any order of the same sums.
  std::string exact = data("models/llama-f32/model.gguf");
  std::vector<int32_t> tokens = someTokens(40);
  for (int32_t& token : tokens)
    token %= 352;
  Matrix all = logits(exact, tokens, {"--kv-type", "f32"});
  for (const char* batch : {"1", "7"}) {
    Matrix steps = logits(exact, tokens, {"--kv-type", "f32", "--ubatch", batch});
    EXPECT_LE(maxDifference(all.values, steps.values), 1e-4 * deviation(all.values)) << batch;
  }
  // Quantised activations: a rounding that falls the other way moves a logit, but little.
  tokens = someTokens(40);
  all = logits(model, tokens, {});
  Matrix steps = logits(model, tokens, {"--ubatch", "1"});
  EXPECT_LE(maxDifference(all.values, steps.values), 0.2 * deviation(all.values));
}

TEST(Logits, areThoseOfTheReference) {
  std::string folder = "models/llama-f32/";
  auto tokens = nlohmann::json::parse(readAll(data(folder + "tokens.json")))
                    .at("tokens")
                    .get<std::vector<int32_t>>();
  std::string bytes = readAll(data(folder + "logits.f32"));
  std::vector<float> reference(bytes.size() / 4);
  std::memcpy(reference.data(), bytes.data(), bytes.size());
  for (const char* isa : {"", "scalar"}) {
    std::vector<std::string> more = {"--kv-type", "f32", "-c", "256"};
    if (*isa)
      more.insert(more.end(), {"--isa", isa});
    Matrix ours = logits(data(folder + "model.gguf"), tokens, more);
    EXPECT_LE(maxDifference(ours.values, reference), 1e-3 * deviation(reference)) << isa;
  }
}

TEST(Logits, writesToADeviceWithoutReplacingIt) {
  EXPECT_EQ(chordal({"logits", model, "--tokens", "1 2", "-o", "/dev/null"}).code, 0);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

//===--- tokenize -----------------------------------------------------------------------------===//

TEST(Tokenize, readsTextFromAllSources) {
  TemporaryFolder folder;
  std::string text = "Once upon a time";
  Outcome plain = chordal({"tokenize", model, "--text", text});
  ASSERT_EQ(plain.code, 0) << plain.err;
  auto ids = nlohmann::json::parse(plain.out).get<std::vector<int32_t>>();
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_EQ(chordal({"tokenize", model, "--file", folder.write("a.txt", text)}).out, plain.out);
  EXPECT_EQ(chordal({"tokenize", model}, text).out, plain.out);
  EXPECT_EQ(chordal({"tokenize", model, "--decode", join(ids)}).out, text + "\n");
  ids.insert(ids.begin(), 1);
  EXPECT_EQ(chordal({"tokenize", model, "--text", text, "--add-special"}).out,
            nlohmann::json(ids).dump() + "\n");
}

TEST(Tokenize, worksOnVocabularyOnlyFilesAndJsonLines) {
  TemporaryFolder folder;
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data("vocab"))) {
    if (entry.path().extension() != ".jsonl")
      continue;
    std::string name = entry.path().stem().stem().string();
    SCOPED_TRACE(name);
    std::istringstream lines(readAll(entry.path().string()));
    std::string input, expected;
    for (std::string line; std::getline(lines, line);) {
      auto test = nlohmann::json::parse(line);
      if (!test.contains("text") || !test.contains("ids"))
        continue;
      input += nlohmann::json({{"text", test["text"]}}).dump() + "\n\n"; // empty lines are skipped
      expected += test["ids"].dump() + "\n";
    }
    Outcome run = chordal({"tokenize", data("vocab/" + name + ".gguf"), "--jsonl",
                           folder.write("texts.jsonl", input)});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_TRUE(run.out == expected);
    ++files;
  }
  EXPECT_GT(files, 3u);
}

TEST(Tokenize, jsonLinesHaveOptionsOfTheirOwn) {
  TemporaryFolder folder;
  std::string file = folder.write("texts.jsonl", R"({"text": "<s>"}
{"text": "<s>", "parse_special": true}
{"text": "a", "add_special": true}
{"text": "a", "add_special": false})");
  Outcome run = chordal({"tokenize", model, "--jsonl", file});
  ASSERT_EQ(run.code, 0) << run.err;
  std::istringstream lines(run.out);
  std::vector<std::vector<int32_t>> ids;
  for (std::string line; std::getline(lines, line);)
    ids.push_back(nlohmann::json::parse(line).get<std::vector<int32_t>>());
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_GT(ids[0].size(), 1u);
  EXPECT_EQ(ids[1], std::vector<int32_t>{1});
  ASSERT_FALSE(ids[2].empty());
  EXPECT_EQ(ids[2].front(), 1);
  EXPECT_EQ(std::vector<int32_t>(ids[2].begin() + 1, ids[2].end()), ids[3]);
}

TEST(Tokenize, namesTheLineThatIsWrong) {
  TemporaryFolder folder;
  for (auto [line, message] :
       {std::pair("{\"text\": 3}", "line 2 has no string \"text\""),
        std::pair("[1]", "line 2 is no JSON object"), std::pair("{", "line 2 is no JSON object"),
        std::pair("{\"text\": \"a\", \"add_special\": 1}", "line 2 has a \"add_special\"")}) {
    std::string file = folder.write("texts.jsonl", std::string("{\"text\": \"a\"}\n") + line);
    Outcome run = chordal({"tokenize", model, "--jsonl", file});
    EXPECT_EQ(run.code, 1);
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  }
}

//===--- perplexity ---------------------------------------------------------------------------===//

/// The last number of the last line.
double perplexityOf(const Outcome& run) {
  double value = NAN;
  size_t line = run.out.rfind("perplexity: ");
  if (line != std::string::npos)
    std::sscanf(run.out.c_str() + line, "perplexity: %lf\n", &value);
  return value;
}

TEST(Perplexity, isWhatTheLogitsSay) {
  TemporaryFolder folder;
  std::string text = "There was once a king who had three sons. The youngest was called Simpleton, "
                     "and he was laughed at by all the world. One day the king became so ill that "
                     "no one thought he could be cured, and his sons were very sad and went down "
                     "into the garden of the palace, where they wept. ";
  std::string file = folder.write("text.txt", text + text);
  Outcome run = chordal({"perplexity", model, file, "-c", "32", "--chunks", "2"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.err.find("chunk 2 of 2"), std::string::npos) << run.err;

  auto ids =
      nlohmann::json::parse(chordal({"tokenize", model, "--file", file, "--add-special"}).out)
          .get<std::vector<int32_t>>();
  double sum = 0;
  int scored = 0;
  for (size_t chunk = 0; chunk < 2; ++chunk) {
    std::vector<int32_t> part(ids.begin() + chunk * 32, ids.begin() + (chunk + 1) * 32);
    part[0] = 1;
    Matrix rows = logits(model, part, {});
    for (size_t i = 16; i < 31; ++i, ++scored) {
      const float* row = rows.values.data() + i * rows.columns;
      double total = 0;
      for (size_t c = 0; c < rows.columns; ++c)
        total += std::exp(double(row[c]));
      sum += std::log(total) - row[part[i + 1]];
    }
  }
  double expected = std::exp(sum / scored);
  EXPECT_NEAR(perplexityOf(run), expected, 0.01 * expected);
}

TEST(Perplexity, isNearTheReferenceOnUnseenText) {
  std::string file = std::string(CHORDAL_SHARED_DATA) + "/models/valid.txt";
  if (!*CHORDAL_SHARED_DATA || !std::filesystem::exists(file))
    GTEST_SKIP() << "the shared data with the text is not here";
  // llama.cpp has 14.841 over 100 chunks; its first ten, and so ours, scatter more.
  Outcome run = chordal({"perplexity", model, file, "--chunks", "10"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NEAR(perplexityOf(run), 14.8, 3);
}

} // namespace
} // namespace chordal::test
