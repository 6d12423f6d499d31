//===- GoldenTest.cpp - tokenizers against reference vectors ----------------------------------===//
//
// Tests that every text of the reference vectors gives the reference's ids, and that the ids give
// back the reference's bytes. A few small vocabularies lie with the tests; the rest is reference
// data.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/View.h"
#include "runtime/core/text/Tokenizer.h"
#include "runtime/core/text/VocabularyFromGguf.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace chordal;
using namespace chordal::text;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path ownData = fs::path(CHORDAL_TEST_DATA) / "vocab";

fs::path sharedData() {
  fs::path golden = fs::path(CHORDAL_SHARED_DATA) / "golden";
  return std::string_view(CHORDAL_SHARED_DATA).empty() || !fs::exists(golden) ? fs::path() : golden;
}

std::string readFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string toHex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : bytes)
    hex.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  return hex;
}

/// A tokenizer and the file that its strings lie in.
struct Loaded {
  std::optional<gguf::View> file;
  Tokenizer tokenizer;
  bool ready = false;

  explicit Loaded(const fs::path& path) {
    auto view = gguf::View::open(path.string());
    if (!view) {
      ADD_FAILURE() << view.error().message;
      return;
    }
    file.emplace(*std::move(view));
    auto vocabulary = readVocabulary(*file);
    if (!vocabulary) {
      ADD_FAILURE() << path << ": " << vocabulary.error().message;
      return;
    }
    auto done = tokenizer.init(*std::move(vocabulary));
    ready = done.ok();
    EXPECT_TRUE(ready) << path << ": " << (done ? "" : done.error().message);
  }

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const {
    std::vector<TokenId> ids;
    auto done = tokenizer.encode(text, options, ids);
    EXPECT_TRUE(done.ok()) << (done ? "" : done.error().message);
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, bool clean) const {
    std::string bytes;
    tokenizer.decode(ids, {.cleanSpaces = clean}, bytes);
    return bytes;
  }
};

using Ids = std::vector<TokenId>;

/// `ids` of plain encoding decode to the text, or to what the vectors say.
void checkDecode(const Loaded& loaded, const Ids& ids, const std::string& text, const json& line) {
  std::string expected =
      line.contains("detok_hex") ? line["detok_hex"].get<std::string>() : toHex(text);
  EXPECT_EQ(toHex(loaded.decode(ids, /*clean=*/true)), expected) << "decoding " << json(text);
}

/// Checks NAME.tests.jsonl against a vocabulary; the number of texts.
int checkJsonLines(const fs::path& gguf, const fs::path& tests) {
  Loaded loaded(gguf);
  if (!loaded.ready)
    return 0;
  std::istringstream lines(readFile(tests));
  std::string line;
  std::getline(lines, line);
  json header = json::parse(line)["header"];
  const Vocabulary& vocab = loaded.tokenizer.vocabulary();
  EXPECT_EQ(vocab.size(), header["n_vocab"].get<TokenId>());
  EXPECT_EQ(vocab.bos, header["bos"].get<TokenId>());
  EXPECT_EQ(vocab.eos, header["eos"].get<TokenId>());
  // Which of several end markers the reference calls eot is a matter of its hash table's order.
  auto eot = header["eot"].get<TokenId>();
  EXPECT_EQ(vocab.eot == noToken, eot == noToken);
  EXPECT_TRUE(eot == noToken || vocab.isEndOfGeneration(vocab.eot));
  EXPECT_EQ(vocab.newline, header["newline"].get<TokenId>());
  EXPECT_EQ(vocab.addBos, header["add_bos"].get<bool>());
  EXPECT_EQ(vocab.addEos, header["add_eos"].get<bool>());
  auto before = header["added_before"].get<Ids>(), after = header["added_after"].get<Ids>();

  int count = 0;
  while (std::getline(lines, line)) {
    json test = json::parse(line);
    auto text = test["text"].get<std::string>();
    auto ids = test["ids"].get<Ids>();
    EXPECT_EQ(loaded.encode(text, {}), ids) << json(text);
    auto special = test.contains("ids_special") ? test["ids_special"].get<Ids>() : ids;
    EXPECT_EQ(loaded.encode(text, {.parseSpecial = true}), special) << json(text);
    Ids added = before;
    added.insert(added.end(), ids.begin(), ids.end());
    added.insert(added.end(), after.begin(), after.end());
    if (test.contains("ids_added"))
      added = test["ids_added"].get<Ids>();
    EXPECT_EQ(loaded.encode(text, {.addSpecial = true}), added) << json(text);
    checkDecode(loaded, ids, text, test);
    ++count;
  }
  return count;
}

/// Checks texts and ids in the form of NAME.inp and NAME.out; the number of texts.
int checkInpOut(const fs::path& gguf, const fs::path& inp, const fs::path& out) {
  Loaded loaded(gguf);
  if (!loaded.ready)
    return 0;
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::string texts = readFile(inp);
  std::istringstream answers(readFile(out));
  int count = 0;
  for (size_t at = 0; at < texts.size(); ++count) {
    size_t end = texts.find(separator, at);
    if (end == std::string::npos)
      break;
    std::string text = texts.substr(at, end - at), line;
    at = end + separator.size();
    EXPECT_TRUE(std::getline(answers, line));
    std::istringstream numbers(line);
    Ids expected(std::istream_iterator<TokenId>(numbers), {});
    EXPECT_EQ(loaded.encode(text, {}), expected) << json(text);
  }
  return count;
}

/// All vocabularies in a folder that have test vectors beside them.
int checkFolder(const fs::path& folder) {
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    const std::string suffix = ".tests.jsonl";
    if (!name.ends_with(suffix))
      continue;
    name.resize(name.size() - suffix.size());
    fs::path gguf;
    for (const std::string& candidate :
         {name + ".gguf", "ggml-vocab-" + name + ".gguf", "vocab-" + name + ".gguf"})
      if (fs::exists(folder / candidate))
        gguf = folder / candidate;
    if (gguf.empty())
      continue;
    SCOPED_TRACE(gguf.string());
    EXPECT_GE(checkJsonLines(gguf, entry.path()), 100);
    ++checked;
  }
  return checked;
}

} // namespace

TEST(Golden, OwnVocabularies) {
  EXPECT_GE(checkFolder(ownData), 4);
}

TEST(Golden, SyntheticVocabularies) {
  if (sharedData().empty())
    GTEST_SKIP() << "there is no reference data (CHORDAL_SHARED_DATA)";
  EXPECT_GE(checkFolder(sharedData() / "vocab" / "synthetic"), 17);
}

TEST(Golden, RealVocabularies) {
  if (sharedData().empty())
    GTEST_SKIP() << "there is no reference data (CHORDAL_SHARED_DATA)";
  EXPECT_GE(checkFolder(sharedData() / "vocab"), 8);
}

TEST(Golden, TextsOfRealVocabularies) {
  if (sharedData().empty())
    GTEST_SKIP() << "there is no reference data (CHORDAL_SHARED_DATA)";
  fs::path folder = sharedData() / "vocab";
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".inp")
      continue;
    fs::path gguf = fs::path(entry.path()).replace_extension(); // drops .inp
    fs::path out = gguf.string() + ".out";
    if (!fs::exists(gguf))
      gguf = folder / gguf.filename().string().substr(5); // without "ggml-"
    SCOPED_TRACE(gguf.string());
    EXPECT_EQ(checkInpOut(gguf, entry.path(), out), 46);
    ++checked;
  }
  EXPECT_EQ(checked, 7);
}

/// The ids that the released BERT tokenizers give.
TEST(Golden, BertVocabulary) {
  if (sharedData().empty())
    GTEST_SKIP() << "there is no reference data (CHORDAL_SHARED_DATA)";
  Loaded loaded(sharedData() / "vocab" / "extra" / "ggml-vocab-bert-bge.gguf");
  ASSERT_TRUE(loaded.ready);
  struct Case {
    const char* text;
    Ids ids;
    const char* decoded;
  };
  for (const Case& each : {Case{"Hello, World!", {7592, 1010, 2088, 999}, "hello, world!"},
                           Case{"Caf\u00E9 na\u00EFve \u4E2D\u6587 unaffable",
                                {7668, 15743, 1746, 1861, 14477, 20961, 3468},
                                "cafe naive \u4E2D \u6587 unaffable"},
                           Case{"I'm here. you've won't",
                                {1045, 1005, 1049, 2182, 1012, 2017, 1005, 2310, 2180, 1005, 1056},
                                "i'm here. you've won't"}}) {
    EXPECT_EQ(loaded.encode(each.text, {}), each.ids) << each.text;
    EXPECT_EQ(loaded.decode(each.ids, /*clean=*/true), each.decoded);
    Ids added = {101};
    added.insert(added.end(), each.ids.begin(), each.ids.end());
    added.push_back(102);
    EXPECT_EQ(loaded.encode(each.text, {.addSpecial = true}), added) << each.text;
  }
}

TEST(Golden, VocabulariesInModels) {
  if (sharedData().empty())
    GTEST_SKIP() << "there is no reference data (CHORDAL_SHARED_DATA)";
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(sharedData() / "models")) {
    fs::path tests = entry.path() / "tokenize.json";
    if (!fs::exists(tests))
      continue;
    SCOPED_TRACE(tests.string());
    Loaded loaded(entry.path() / "model.gguf");
    json all = json::parse(readFile(tests));
    for (const json& test : all["tests"]) {
      auto text = test["text"].get<std::string>();
      auto ids = test["ids"].get<Ids>();
      EXPECT_EQ(loaded.encode(text, {}), ids) << json(text);
      EXPECT_EQ(loaded.encode(text, {.addSpecial = true}), test["ids_bos"].get<Ids>())
          << json(text);
      EXPECT_EQ(loaded.encode(text, {.parseSpecial = true}), test["ids_special"].get<Ids>())
          << json(text);
      EXPECT_EQ(loaded.encode(text, {.addSpecial = true, .parseSpecial = true}),
                test["ids_bos_special"].get<Ids>())
          << json(text);
      if (test.contains("detok_hex"))
        EXPECT_EQ(toHex(loaded.decode(ids, /*clean=*/true)), test["detok_hex"].get<std::string>())
            << json(text);
    }
    ++checked;
  }
  EXPECT_GE(checked, 50);
}
