//===- WordPieceTest.cpp - BERT's tokenizer ---------------------------------------------------===//
//
// Tests the rules one by one, the cutting of words against a slow and obvious one, and the mappings
// of characters.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/WordPiece.h"
#include "runtime/core/text/Normalize.h"
#include "runtime/core/text/Unicode.h"
#include "tests/runtime/text/VocabularyBuilder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

using namespace chordal;
using namespace chordal::text;

namespace {

struct Builder : VocabularyBuilder {
  Builder() {
    vocab.kind = VocabularyKind::WordPiece;
    vocab.addBos = vocab.addSep = true;
    vocab.unk = add("[UNK]", TokenType::Unknown);
    vocab.bos = vocab.cls = add("[CLS]", TokenType::Control);
    vocab.sep = add("[SEP]", TokenType::Control);
    vocab.mask = add("[MASK]", TokenType::Control);
  }
};

using Pieces = std::vector<std::string>;

/// The texts of the tokens; words begin with "_".
Pieces words(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  Pieces texts = pieces(tokenizer, text, options);
  for (std::string& each : texts)
    if (each.starts_with("\u2581"))
      each.replace(0, 3, "_");
  return texts;
}

std::u32string decomposed(char32_t code) {
  std::array<char32_t, 4> parts;
  auto given = decompose(code, parts);
  return {given.begin(), given.end()};
}

} // namespace

TEST(WordPiece, Rules) {
  Builder builder;
  for (const char* text : {"\u2581un", "aff", "able", "\u2581,", "\u2581cafe", "\u2581\u4E2D",
                           "\u2581$", "\u2581a", "s", "\u2581\u20AC", "\u2581\u00DF"})
    builder.add(text);
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(words(tokenizer, "unaffable"), (Pieces{"_un", "aff", "able"}));
  EXPECT_EQ(words(tokenizer, "unaffxable a"), (Pieces{"[UNK]", "_a"}));
  EXPECT_EQ(words(tokenizer, "able"), Pieces{"[UNK]"}); // continues, does not begin
  EXPECT_EQ(words(tokenizer, " a\t\u00A0a\u3000,,a\n"), (Pieces{"_a", "_a", "_,", "_,", "_a"}));
  EXPECT_EQ(words(tokenizer, "CAF\u00C9 cafe\u0301"), (Pieces{"_cafe", "_cafe"}));
  EXPECT_EQ(words(tokenizer, "a\u4E2D\u4E2Das"), (Pieces{"_a", "_\u4E2D", "_\u4E2D", "_a", "s"}));
  EXPECT_EQ(words(tokenizer, "$a$"), (Pieces{"_$", "_a", "_$"}));
  EXPECT_EQ(words(tokenizer, "\u20ACa"), Pieces{"[UNK]"}); // no symbol of ASCII: within a word
  EXPECT_EQ(words(tokenizer, std::string_view("a\0\u200Ds\uFFFD\xFF\u00AD", 12)),
            (Pieces{"_a", "s"}));
  EXPECT_EQ(words(tokenizer, ""), Pieces{});
  EXPECT_EQ(words(tokenizer, "\xFF \u0301"), Pieces{});
  EXPECT_EQ(words(tokenizer, "a", {.addSpecial = true}), (Pieces{"[CLS]", "_a", "[SEP]"}));
  EXPECT_EQ(words(tokenizer, "", {.addSpecial = true}), (Pieces{"[CLS]", "[SEP]"}));
  EXPECT_EQ(words(tokenizer, "a[MASK]s", {.parseSpecial = true}),
            (Pieces{"_a", "[MASK]", "[UNK]"}));

  builder.vocab.lowercase = builder.vocab.stripAccents = false;
  builder.add("\u2581CAF\u00C9");
  tokenizer = builder.make();
  EXPECT_EQ(words(tokenizer, "CAF\u00C9 A"), (Pieces{"_CAF\u00C9", "[UNK]"}));
}

TEST(WordPiece, LongestMatchAsTheObviousWay) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](int limit) { return std::uniform_int_distribution(0, limit - 1)(random); };
  const char* letters[] = {"a", "b", "\u00DF", "\u4E00"};
  for (int round = 0; round != 100; ++round) {
    Builder builder;
    for (int tokens = below(16); tokens != 0; --tokens) {
      std::string text = below(2) != 0 ? "\u2581" : "";
      for (int length = 1 + below(3); length != 0; --length)
        text += letters[below(3)];
      builder.add(text);
    }
    Tokenizer tokenizer = builder.make();
    const auto& tokens = tokenizer.vocabulary().tokens;
    std::string text;
    Ids expected;
    for (int words = below(8); words != 0; --words) {
      std::string word = "\u2581";
      for (int length = 1 + below(7); length != 0; --length)
        word += letters[below(3)];
      text.append(word.substr(3)).append(" ");
      Ids ids;
      for (size_t at = 0; at != word.size();) {
        TokenId longest = noToken;
        for (size_t id = 4; id != tokens.size(); ++id)
          if (word.compare(at, tokens[id].size(), tokens[id]) == 0 &&
              (longest == noToken ||
               tokens[id].size() >= tokens[static_cast<size_t>(longest)].size()))
            longest = static_cast<TokenId>(id);
        if (longest == noToken) {
          ids = {builder.vocab.unk};
          break;
        }
        ids.push_back(longest);
        at += tokens[static_cast<size_t>(longest)].size();
      }
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    Ids ids;
    ASSERT_TRUE(tokenizer.encode(text, {}, ids).ok());
    EXPECT_EQ(ids, expected) << text;
  }
}

TEST(WordPiece, DecodingCleansSpaces) {
  Builder builder;
  TokenId un = builder.add("\u2581un"), able = builder.add("able"), comma = builder.add("\u2581,");
  Tokenizer tokenizer = builder.make();
  std::string bytes;
  tokenizer.decode(Ids{un, able, comma, un}, {.cleanSpaces = true}, bytes);
  EXPECT_EQ(bytes, "unable, un");
  bytes.clear();
  tokenizer.decode(Ids{un, able, comma, un}, {}, bytes);
  EXPECT_EQ(bytes, "unable , un");
}

TEST(WordPiece, AnUnknownTokenIsNeeded) {
  Builder builder;
  builder.vocab.unk = noToken;
  ASSERT_TRUE(builder.vocab.finish().ok());
  Tokenizer tokenizer;
  auto done = tokenizer.init(builder.vocab);
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message.find("tokenizer.ggml.unknown_token_id"), std::string::npos);
}

TEST(Normalize, Mappings) {
  EXPECT_EQ(decomposed('a'), U"a");
  EXPECT_EQ(decomposed(0xE9), U"e\u0301");
  EXPECT_EQ(decomposed(0x1EAD), U"a\u0323\u0302"); // two steps
  EXPECT_EQ(decomposed(0x1F82), U"\u03B1\u0313\u0300\u0345");
  EXPECT_EQ(decomposed(0x212A), U"K");
  EXPECT_EQ(decomposed(0xFB01), U"\uFB01"); // only compatible
  EXPECT_EQ(decomposed(0xAC00), U"\u1100\u1161");
  EXPECT_EQ(decomposed(0xD4DB), U"\u1111\u1171\u11B6");
  EXPECT_EQ(decomposed(0xD7A3), U"\u1112\u1175\u11C2");
  EXPECT_EQ(decomposed(0xD7A4), U"\uD7A4");
  EXPECT_EQ(decomposed(0x2FA1D), U"\U0002A600");
  EXPECT_EQ(decomposed(0x10FFFF), U"\U0010FFFF");
  EXPECT_EQ(lowerCase('Z'), U'z');
  EXPECT_EQ(lowerCase('['), U'[');
  EXPECT_EQ(lowerCase(0xC4), char32_t(0xE4));
  EXPECT_EQ(lowerCase(0x1E9E), char32_t(0xDF));
  EXPECT_EQ(lowerCase(0x1E921), char32_t(0x1E943));
  EXPECT_EQ(lowerCase(0x110000), char32_t(0x110000));
  for (char32_t code :
       {U'\x7F', U'\x80', U'\u07FF', U'\u0800', U'\uFFFF', U'\U00010000', U'\U0010FFFF'}) {
    std::string text;
    appendUtf8(code, text);
    EXPECT_EQ(frontChar(text).code, code);
    EXPECT_EQ(frontChar(text).length, text.size());
  }
}
