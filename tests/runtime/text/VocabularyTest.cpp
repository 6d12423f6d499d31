//===- VocabularyTest.cpp - vocabularies and how files give them ------------------------------===//
//
// Tests which tokens end a generation, what a file may leave out, and that every wrong key gives an
// error that names it.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Vocabulary.h"

#include "ir/gguf/View.h"
#include "runtime/core/text/VocabularyFromGguf.h"

#include <gtest/gtest.h>

#include <deque>

using namespace chordal;
using namespace chordal::text;

namespace {

/// Writes a GGUF file of metadata only.
class FileBuilder {
public:
  void u32(std::string_view key, uint32_t value) { header(key, 4), number(value); }
  void boolean(std::string_view key, bool value) { header(key, 7), number<uint8_t>(value); }
  void text(std::string_view key, std::string_view value) { header(key, 8), string(value); }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    header(key, 9), number<uint32_t>(8), number<uint64_t>(values.size());
    for (const std::string& value : values)
      string(value);
  }
  template <typename T> void numbers(std::string_view key, uint32_t type, std::vector<T> values) {
    header(key, 9), number(type), number<uint64_t>(values.size());
    for (T value : values)
      number(value);
  }
  std::string bytes() const {
    std::string file("GGUF");
    auto append = [&](auto value) {
      file.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    append(uint32_t(3));
    append(uint64_t(0));
    append(count);
    return file + body;
  }

private:
  template <typename T> void number(T value) {
    body.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(std::string_view value) { number<uint64_t>(value.size()), body.append(value); }
  void header(std::string_view key, uint32_t type) { string(key), number(type), ++count; }

  std::string body;
  uint64_t count = 0;
};

/// A small SentencePiece file; `skip` is a key to leave out.
FileBuilder smallFile(std::string_view skip = {}) {
  FileBuilder file;
  if (skip != "tokenizer.ggml.model")
    file.text("tokenizer.ggml.model", "llama");
  if (skip != "tokenizer.ggml.tokens")
    file.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a"});
  return file;
}

/// Reads a vocabulary; the message if that fails.
std::string read(const FileBuilder& file, Vocabulary* result = nullptr) {
  static std::deque<std::string> kept; // strings of the vocabulary lie in the file
  const std::string& bytes = kept.emplace_back(file.bytes());
  auto view = gguf::View::parse(std::as_bytes(std::span(bytes)));
  if (!view)
    return "view: " + view.error().message;
  auto vocabulary = readVocabulary(*view);
  if (!vocabulary)
    return vocabulary.error().message;
  if (result)
    *result = *vocabulary;
  return {};
}

} // namespace

TEST(Vocabulary, FindsEndMarkers) {
  Vocabulary vocab;
  vocab.tokens = {"a", "<|im_end|>", "</s>", "<|eom_id|>", "<|other|>", "\u010A"};
  vocab.eos = 2;
  ASSERT_TRUE(vocab.finish().ok());
  EXPECT_EQ(vocab.endOfGeneration, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(vocab.eot, 1);
  EXPECT_EQ(vocab.eom, 3);
  EXPECT_EQ(vocab.newline, 5);
  EXPECT_EQ(vocab.typeOf(1), TokenType::Control);
  EXPECT_EQ(vocab.typeOf(4), TokenType::Normal);
  EXPECT_TRUE(vocab.isEndOfGeneration(2));
  EXPECT_FALSE(vocab.isEndOfGeneration(0));
  EXPECT_FALSE(vocab.isEndOfGeneration(noToken));
}

TEST(Vocabulary, InHarmonyEndClosesOnlyAMessage) {
  Vocabulary vocab;
  vocab.tokens = {"<|return|>", "<|call|>", "<|end|>", "<|channel|>"};
  ASSERT_TRUE(vocab.finish().ok());
  EXPECT_EQ(vocab.endOfGeneration, (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(vocab.typeOf(2), TokenType::UserDefined);
  vocab.tokens[1] = "x";
  ASSERT_TRUE(vocab.finish().ok());
  EXPECT_TRUE(vocab.isEndOfGeneration(2));
}

TEST(Vocabulary, ChecksWhatItIsGiven) {
  auto refused = [](auto change) {
    Vocabulary vocab;
    vocab.tokens = {"a", "b"};
    EXPECT_TRUE(Vocabulary(vocab).finish().ok());
    change(vocab);
    return !vocab.finish().ok();
  };
  EXPECT_TRUE(refused([](Vocabulary& v) { v.tokens.clear(); }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.scores = {1}; }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.types = {TokenType::Normal}; }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.eos = 2; }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.pad = -2; }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.addBos = true; }));
  EXPECT_TRUE(refused([](Vocabulary& v) { v.addEos = true; }));
}

TEST(VocabularyFromGguf, FillsInDefaults) {
  Vocabulary vocab;
  ASSERT_EQ(read(smallFile(), &vocab), "");
  EXPECT_EQ(vocab.kind, VocabularyKind::SentencePiece);
  EXPECT_EQ(vocab.size(), 4);
  EXPECT_EQ(vocab.tokens[3], "a");
  EXPECT_EQ(vocab.unk, 0);
  EXPECT_EQ(vocab.bos, 1);
  EXPECT_EQ(vocab.eos, 2);
  EXPECT_TRUE(vocab.addBos && vocab.addSpacePrefix && !vocab.addEos);

  FileBuilder file = smallFile();
  file.boolean("tokenizer.ggml.add_space_prefix", false);
  file.boolean("tokenizer.ggml.add_bos_token", false);
  file.boolean("tokenizer.ggml.add_eos_token", true);
  file.u32("tokenizer.ggml.eos_token_id", 3);
  file.u32("tokenizer.ggml.unknown_token_id", 0xFFFFFFFF);
  ASSERT_EQ(read(file, &vocab), "");
  EXPECT_TRUE(!vocab.addBos && !vocab.addSpacePrefix && vocab.addEos);
  EXPECT_EQ(vocab.eos, 3);
  EXPECT_EQ(vocab.unk, noToken);
}

TEST(VocabularyFromGguf, ErrorsNameTheKey) {
  auto expectError = [](const FileBuilder& file, std::string_view part) {
    std::string message = read(file);
    EXPECT_NE(message.find(part), std::string::npos)
        << "\"" << message << "\" does not say \"" << part << '"';
  };
  for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.tokens"})
    expectError(smallFile(key), key);
  {
    FileBuilder file = smallFile("tokenizer.ggml.model");
    file.text("tokenizer.ggml.model", "morse");
    expectError(file, "\"morse\"");
  }
  {
    FileBuilder file = smallFile("tokenizer.ggml.model");
    file.text("tokenizer.ggml.model", "gpt2");
    expectError(file, "tokenizer.ggml.merges");
  }
  {
    FileBuilder file = smallFile("tokenizer.ggml.tokens");
    file.texts("tokenizer.ggml.tokens", {});
    expectError(file, "tokenizer.ggml.tokens");
  }
  {
    FileBuilder file = smallFile("tokenizer.ggml.tokens");
    file.u32("tokenizer.ggml.tokens", 1);
    expectError(file, "tokenizer.ggml.tokens");
  }
  {
    FileBuilder file = smallFile();
    file.numbers<float>("tokenizer.ggml.scores", 6, {0, 0, 0});
    expectError(file, "tokenizer.ggml.scores has 3");
  }
  {
    FileBuilder file = smallFile();
    file.numbers<int32_t>("tokenizer.ggml.token_type", 5, {1, 1, 7, 1});
    expectError(file, "tokenizer.ggml.token_type[2] is 7");
  }
  {
    FileBuilder file = smallFile();
    file.u32("tokenizer.ggml.eot_token_id", 4);
    expectError(file, "tokenizer.ggml.eot_token_id is 4");
  }
  {
    FileBuilder file = smallFile();
    file.u32("tokenizer.ggml.add_bos_token", 1);
    expectError(file, "tokenizer.ggml.add_bos_token");
  }
}
