//===- TokenizerTest.cpp - the rules of the tokenizers ----------------------------------------===//
//
// Tests the rules one by one on vocabularies of a few tokens, the merging against a slow and
// obvious one, and that long texts take time in proportion.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/runtime/text/VocabularyBuilder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

using namespace chordal;
using namespace chordal::text;

namespace {

struct Builder : VocabularyBuilder {
  void addMerge(std::string_view left, std::string_view right) {
    vocab.merges.push_back(keep(std::string(left).append(" ").append(right)));
    std::string both = std::string(left).append(right);
    if (std::ranges::find(vocab.tokens, both) == vocab.tokens.end())
      add(both);
  }
};

/// SentencePiece with the unknown, bos, eos and all bytes; scores fall with the id.
Builder sentencePiece() {
  Builder builder;
  builder.vocab.kind = VocabularyKind::SentencePiece;
  builder.vocab.addSpacePrefix = true;
  builder.vocab.addBos = true;
  builder.vocab.unk = builder.add("<unk>", TokenType::Unknown);
  builder.vocab.bos = builder.add("<s>", TokenType::Control);
  builder.vocab.eos = builder.add("</s>", TokenType::Control);
  builder.addBytes();
  return builder;
}

/// Byte-level BPE with the printable ASCII bytes, and space and newline.
Builder byteLevel(std::string_view preTokenizer) {
  Builder builder;
  builder.vocab.kind = VocabularyKind::ByteLevelBpe;
  builder.vocab.preTokenizer = preTokenizer;
  for (char byte = 0x21; byte != 0x7F; ++byte)
    builder.add(std::string(1, byte));
  builder.add("\u0120");
  builder.add("\u010A");
  return builder;
}

using Texts = std::vector<std::string>;

/// The definition of merging: the best pair, leftmost first, until none is left.
Texts mergeSlowly(Texts symbols, const auto& rankOf) {
  for (;;) {
    std::optional<std::pair<double, size_t>> best;
    for (size_t i = 0; i + 1 < symbols.size(); ++i)
      if (std::optional<double> rank = rankOf(symbols[i], symbols[i + 1]))
        if (!best || *rank < best->first)
          best = {*rank, i};
    if (!best)
      return symbols;
    symbols[best->second] += symbols[best->second + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best->second) + 1);
  }
}

double seconds(auto&& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

TEST(SentencePiece, PutsASpaceInFrontAndFallsBackToBytes) {
  Builder builder = sentencePiece();
  builder.add("\u2581");
  builder.add("a");
  builder.add("\u2581a");
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(pieces(tokenizer, "a"), (Texts{"\u2581a"}));
  EXPECT_EQ(pieces(tokenizer, " a"), (Texts{"\u2581", "\u2581a"}));
  EXPECT_EQ(pieces(tokenizer, "\u00E9"), (Texts{"\u2581", "<0xC3>", "<0xA9>"}));
  EXPECT_EQ(pieces(tokenizer, "\xFF"), (Texts{"\u2581", "<0xFF>"}));
  EXPECT_EQ(pieces(tokenizer, "", {.addSpecial = true}), (Texts{"<s>"}));
  EXPECT_EQ(pieces(tokenizer, "a", {.addSpecial = true}), (Texts{"<s>", "\u2581a"}));
  for (const char* text : {"a", " a", "\u00E9", "  ", "", "\xFF\xC3"})
    EXPECT_EQ(decode(tokenizer, encode(tokenizer, text)), text);
  EXPECT_EQ(decode(tokenizer, encode(tokenizer, "a"), {.dropSpacePrefix = false}), " a");
}

TEST(SentencePiece, ParsesSpecialTokensOnlyWhenAsked) {
  Builder builder = sentencePiece();
  builder.add("\u2581");
  builder.add("a");
  TokenId user = builder.add("<user>", TokenType::UserDefined);
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(pieces(tokenizer, "a</s>a", {.parseSpecial = true}),
            (Texts{"\u2581", "a", "</s>", "\u2581", "a"}));
  EXPECT_EQ(encode(tokenizer, "</s>").size(), 5u); // a space and four bytes
  EXPECT_EQ(encode(tokenizer, "<user>"), Ids{user});
  EXPECT_EQ(decode(tokenizer, {1, user, 2}), "<s><user></s>");
  EXPECT_EQ(decode(tokenizer, {1, user, 2}, {.showSpecial = false}), "<user>");
  EXPECT_EQ(decode(tokenizer, {-1, 1 << 30}), "");
}

TEST(SentencePiece, LongerSpecialTokensWin) {
  Builder builder = sentencePiece();
  builder.add("a");
  builder.add("<x>", TokenType::UserDefined);
  builder.add("a<x>b", TokenType::UserDefined);
  builder.vocab.addSpacePrefix = false;
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(pieces(tokenizer, "<x>a<x>b<x>"), (Texts{"<x>", "a<x>b", "<x>"}));
  EXPECT_EQ(pieces(tokenizer, "<x>a<x>"), (Texts{"<x>", "a", "<x>"}));
}

TEST(SentencePiece, Phi3SwallowsSpaceBehindSpecialTokens) {
  for (bool phi : {false, true}) {
    Builder builder = sentencePiece();
    builder.vocab.modelName = phi ? "My-Phi3-mini" : "phi-2";
    builder.vocab.addSpacePrefix = false;
    builder.add("\u2581");
    builder.add("a");
    builder.add("<|user|>", TokenType::Control);
    Tokenizer tokenizer = builder.make();
    EncodeOptions parse{.parseSpecial = true};
    Texts kept = phi ? Texts{"<|user|>", "a"} : Texts{"<|user|>", "\u2581", "<0x0A>", "a"};
    EXPECT_EQ(pieces(tokenizer, "<|user|> \na", parse), kept);
    EXPECT_EQ(pieces(tokenizer, "<s> a", parse), (Texts{"<s>", "\u2581", "a"}));
  }
}

TEST(SentencePiece, MergesAsTheDefinitionSays) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round != 200; ++round) {
    Builder builder = sentencePiece();
    builder.vocab.addSpacePrefix = false;
    const Texts letters{"a", "b", "c", "\u4E2D"};
    Texts known = letters;
    for (const std::string& letter : letters)
      builder.add(letter);
    for (int i = 0; i != 20; ++i) {
      std::string text = known[random() % known.size()] + known[random() % known.size()];
      if (std::ranges::find(known, text) != known.end())
        continue;
      known.push_back(text);
      // Few different scores, so that ties matter.
      builder.add(text, TokenType::Normal, static_cast<float>(random() % 8) - 4);
    }
    Tokenizer tokenizer = builder.make();
    auto rankOf = [&](const std::string& left, const std::string& right) -> std::optional<double> {
      TokenId id = tokenizer.find(left + right);
      if (id == noToken)
        return std::nullopt;
      return -tokenizer.vocabulary().scores[static_cast<size_t>(id)];
    };
    Texts symbols;
    std::string text;
    for (size_t i = random() % 40; i != 0; --i)
      text += symbols.emplace_back(letters[random() % letters.size()]);
    ASSERT_EQ(pieces(tokenizer, text), mergeSlowly(symbols, rankOf)) << text;
  }
}

TEST(ByteLevel, MergesAsTheDefinitionSays) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round != 200; ++round) {
    Builder builder = byteLevel("gpt-2");
    Texts known{"a", "b", "c"};
    for (int i = 0; i != 20; ++i) {
      std::string left = known[random() % known.size()], right = known[random() % known.size()];
      builder.addMerge(left, right);
      known.push_back(left + right);
    }
    Tokenizer tokenizer = builder.make();
    const auto& merges = builder.vocab.merges;
    auto rankOf = [&](const std::string& left, const std::string& right) -> std::optional<double> {
      auto found = std::ranges::find(merges, left + " " + right);
      if (found == merges.end())
        return std::nullopt;
      return static_cast<double>(found - merges.begin());
    };
    Texts symbols;
    std::string text;
    for (size_t i = random() % 40; i != 0; --i)
      text += symbols.emplace_back(1, "abc"[random() % 3]);
    ASSERT_EQ(pieces(tokenizer, text), mergeSlowly(symbols, rankOf)) << text;
  }
}

TEST(ByteLevel, WholeWordsNeedNoMerges) {
  for (const char* name : {"llama-bpe", "gpt-2"}) {
    Builder builder = byteLevel(name);
    TokenId word = builder.add("word");
    builder.vocab.bos = 0;
    Tokenizer tokenizer = builder.make();
    if (name == std::string_view("llama-bpe"))
      EXPECT_EQ(encode(tokenizer, "word"), Ids{word});
    else
      EXPECT_EQ(encode(tokenizer, "word").size(), 4u);
    EXPECT_EQ(decode(tokenizer, encode(tokenizer, "word a\nb")), "word a\nb");
  }
}

TEST(ByteLevel, LeavesOutBytesThatTheVocabularyLacks) {
  Builder builder = byteLevel("gpt-2");
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(pieces(tokenizer, "a\x01"
                              "b"),
            (Texts{"a", "b"}));
}

TEST(ByteLevel, CleansSpacesOnlyWhenAsked) {
  Builder builder = byteLevel("gpt-2");
  Tokenizer tokenizer = builder.make();
  const std::string text = "a , b . c ! d ? it 's we 're I 'm you 've don 't x ' y ' ' z";
  Ids ids = encode(tokenizer, text);
  EXPECT_EQ(decode(tokenizer, ids), text);
  EXPECT_EQ(decode(tokenizer, ids, {.cleanSpaces = true}),
            "a, b. c! d? it's we're I'm you've don 't x'y'' z");
}

TEST(Tokenizer, ErrorsNameTheCause) {
  Builder builder = byteLevel("gpt-17");
  Vocabulary vocab = builder.vocab;
  ASSERT_TRUE(vocab.finish().ok());
  Tokenizer tokenizer;
  auto done = tokenizer.init(vocab);
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message.find("\"gpt-17\""), std::string::npos) << done.error().message;
  EXPECT_NE(done.error().message.find("llama-bpe, "), std::string::npos) << done.error().message;
  done = tokenizer.init(builder.vocab);
  ASSERT_TRUE(!done.ok()); // the pre-tokenizer again
  done = tokenizer.init(Vocabulary());
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message.find("finish"), std::string::npos) << done.error().message;
}

TEST(Tokenizer, LongRunsTakeTimeInProportion) {
  Builder spm = sentencePiece();
  Builder bpe = byteLevel("gpt-2");
  for (const char* letter : {"\u2581", "a", "b"})
    spm.add(letter);
  std::string run = "a";
  for (int i = 0; i != 4; ++i) {
    bpe.addMerge(run, run);
    run += run;
    spm.add(run);
  }
  for (const Builder* builder : {&spm, &bpe}) {
    Tokenizer tokenizer = builder->make();
    for (const char* unit : {"a", "ab", " ", " a", "<", "</s"}) {
      std::string text;
      while (text.size() < 1000000)
        text += unit;
      // A quadratic step would take minutes.
      EXPECT_LT(seconds([&] { encode(tokenizer, text, {.parseSpecial = true}); }), 20)
          << "a run of \"" << unit << '"';
    }
  }
}
