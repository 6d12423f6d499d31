//===- UnigramTest.cpp - the segmentation of unigram vocabularies -----------------------------===//
//
// Tests the best segmentation against trying all of them, the rules of normalisation, character
// maps against a table and against damage, and that time is in proportion to the text.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Unigram.h"
#include "tests/runtime/text/VocabularyBuilder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <random>

using namespace chordal;
using namespace chordal::text;

namespace {

struct Builder : VocabularyBuilder {
  /// With padding, eos and unknown, the first ids of T5.
  Builder() {
    vocab.kind = VocabularyKind::Unigram;
    vocab.addSpacePrefix = true;
    vocab.pad = add("<pad>", 0, TokenType::Control);
    vocab.eos = add("</s>", 0, TokenType::Control);
    vocab.unk = add("<unk>", 0, TokenType::Unknown);
  }
  TokenId add(std::string text, float score, TokenType type = TokenType::Normal) {
    return VocabularyBuilder::add(std::move(text), type, score);
  }
};

/// The best sum of scores over every segmentation of `text` (ASCII), by trying all.
double bestScore(const Vocabulary& vocab, std::string_view text, double before, double unknown) {
  if (text.empty())
    return before;
  double best = -std::numeric_limits<double>::infinity();
  bool covered = false;
  for (size_t id = 0; id != vocab.tokens.size(); ++id)
    if (vocab.types[id] == TokenType::Normal && text.starts_with(vocab.tokens[id])) {
      covered |= vocab.tokens[id].size() == 1;
      best = std::max(best, bestScore(vocab, text.substr(vocab.tokens[id].size()),
                                      before + double(vocab.scores[id]), unknown));
    }
  if (!covered)
    best = std::max(best, bestScore(vocab, text.substr(1), before + unknown, unknown));
  return best;
}

/// A character map from a table, one state of a plain trie after the other.
std::string characterMap(const std::map<std::string, std::string>& table) {
  std::vector<uint32_t> units(1 << 16);
  std::vector<bool> used(units.size());
  std::string replacements;
  used[0] = true;
  // Places the children of `prefix` at the first base where all are free.
  auto place = [&](auto&& self, const std::string& prefix, size_t node) -> void {
    std::vector<unsigned char> labels;
    for (const auto& [key, value] : table)
      if (key.starts_with(prefix)) {
        unsigned char label = key.size() == prefix.size() ? 0 : key[prefix.size()];
        if (labels.empty() || labels.back() != label)
          labels.push_back(label);
      }
    size_t offset = 1;
    while (std::ranges::any_of(labels,
                               [&](unsigned char each) { return used[(node ^ offset) ^ each]; }))
      ++offset;
    size_t base = node ^ offset;
    units[node] |= static_cast<uint32_t>(offset) << 10;
    for (unsigned char label : labels)
      used[base ^ label] = true;
    for (unsigned char label : labels) {
      if (label == 0) {
        units[node] |= 0x100;
        units[base] = 0x80000000u | static_cast<uint32_t>(replacements.size());
        replacements.append(table.at(prefix)).push_back('\0');
      } else {
        units[base ^ label] = label;
        self(self, prefix + static_cast<char>(label), base ^ label);
      }
    }
  };
  place(place, "", 0);
  std::string bytes;
  auto put = [&](uint32_t value) {
    for (int shift = 0; shift != 32; shift += 8)
      bytes.push_back(static_cast<char>(value >> shift));
  };
  put(static_cast<uint32_t>(units.size() * 4));
  for (uint32_t unit : units)
    put(unit);
  return bytes + replacements;
}

const std::map<std::string, std::string> smallTable = {
    {"\n", " "}, {"\t", " "},           {"\u00A0", " "}, {"\uFB01", "fi"},
    {"A", "a"},  {"e\u0301", "\u00E9"}, {"\u200B", ""},  {"\u2026", "..."}};

} // namespace

TEST(Unigram, SegmentationIsTheBestOfAll) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](int limit) { return std::uniform_int_distribution(0, limit - 1)(random); };
  for (int round = 0; round != 60; ++round) {
    Builder builder;
    builder.vocab.addSpacePrefix = false;
    for (int i = 0, tokens = 1 + below(14); i != tokens; ++i) {
      std::string text;
      for (int length = 1 + below(4); length != 0; --length)
        text.push_back(static_cast<char>('a' + below(3)));
      if (std::ranges::find(builder.vocab.tokens, text) == builder.vocab.tokens.end())
        builder.add(text, -static_cast<float>(below(4000)) / 256);
    }
    double least = *std::ranges::min_element(builder.vocab.scores); // 0 of the specials is no less
    Tokenizer tokenizer = builder.make();
    const Vocabulary& vocab = tokenizer.vocabulary();
    for (int text = 0; text != 20; ++text) {
      std::string letters;
      for (int length = below(11); length != 0; --length)
        letters.push_back(static_cast<char>('a' + below(4))); // 'd' is in no token
      Ids ids = encode(tokenizer, letters);
      // Read the ids back: each token in turn, the unknown one for what none else can cover. Runs
      // of unknowns are one id, so find how many each stands for by trying.
      auto read = [&](auto&& self, std::string_view rest, size_t i, double sum) -> double {
        if (i == ids.size())
          return rest.empty() ? sum : -std::numeric_limits<double>::infinity();
        auto id = static_cast<size_t>(ids[i]);
        double best = -std::numeric_limits<double>::infinity();
        if (ids[i] != vocab.unk)
          return rest.starts_with(vocab.tokens[id])
                     ? self(self, rest.substr(vocab.tokens[id].size()), i + 1,
                            sum + double(vocab.scores[id]))
                     : best;
        for (size_t run = 1; run <= rest.size(); ++run) {
          sum += least - 10;
          best = std::max(best, self(self, rest.substr(run), i + 1, sum));
        }
        return best;
      };
      EXPECT_EQ(read(read, letters, 0, 0), bestScore(vocab, letters, 0, least - 10)) << letters;
    }
  }
}

TEST(Unigram, UnknownCharactersAreOneTokenOrTheirBytes) {
  Builder builder;
  TokenId space = builder.add("\u2581", -2), a = builder.add("a", -1),
          word = builder.add("\u2581a", -2.5f);
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(encode(tokenizer, "a"), Ids{word});
  EXPECT_EQ(encode(tokenizer, "aa"), (Ids{word, a}));
  EXPECT_EQ(encode(tokenizer, "\u00E9\u00E9a"), (Ids{space, builder.vocab.unk, a}));
  EXPECT_EQ(encode(tokenizer, "\u00E9a\xFF"),
            (Ids{space, builder.vocab.unk, a, builder.vocab.unk}));
  EXPECT_EQ(encode(tokenizer, ""), Ids{});
  EXPECT_EQ(encode(tokenizer, "<unk>a</s>", {.parseSpecial = true}),
            (Ids{builder.vocab.unk, word, builder.vocab.eos}));
  TokenId first = builder.vocab.size();
  builder.addBytes();
  tokenizer = builder.make();
  EXPECT_EQ(encode(tokenizer, "\u00E9a\xFF"),
            (Ids{space, first + 0xC3, first + 0xA9, a, first + 0xFF}));
  for (std::string text : {"a \xFF\xC3 a", "  aa  ", " ", "\n\t\xE2\x96", "\xF0\x9F\x98\x80"})
    EXPECT_EQ(decode(tokenizer, encode(tokenizer, text)), text);
}

TEST(Unigram, SpacesAreMergedOnRequest) {
  Builder builder;
  TokenId a = builder.add("\u2581a", -1), bare = builder.add("a", -9),
          space = builder.add("\u2581", -2);
  TokenId mark = builder.add("<x>", 0, TokenType::UserDefined);
  EXPECT_EQ(encode(builder.make(), " a  a "), (Ids{space, a, space, a, space}));
  builder.vocab.removeExtraWhitespaces = true;
  builder.vocab.addEos = true;
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(encode(tokenizer, " a  a "), (Ids{a, a}));
  EXPECT_EQ(encode(tokenizer, "   "), Ids{});
  EXPECT_EQ(encode(tokenizer, " a", {.addSpecial = true}), (Ids{a, builder.vocab.eos}));
  EXPECT_EQ(encode(tokenizer, "a<x>a <x> a"), (Ids{a, mark, a, mark, a}));
  EXPECT_EQ(decode(tokenizer, {a, a}), "a a");
  builder.vocab.addSpacePrefix = false;
  EXPECT_EQ(encode(builder.make(), "  a  a"), (Ids{bare, a}));
  EXPECT_EQ(encode(builder.make(), "a<x>a <x> a"), (Ids{bare, mark, bare, mark, a}));
}

TEST(Unigram, CharacterMapReplacesTheLongestKey) {
  std::string bytes = characterMap(smallTable);
  CharacterMap map;
  auto done = map.init(bytes);
  ASSERT_TRUE(done.ok()) << done.error().message;
  for (const auto& [key, value] : smallTable) {
    CharacterMap::Match match = map.find(key + "x");
    EXPECT_EQ(match.length, key.size()) << key;
    EXPECT_EQ(match.replacement, value) << key;
    EXPECT_EQ(map.find(std::string_view(key).substr(0, key.size() - 1)).length, 0u);
  }
  EXPECT_EQ(map.find("e").length, 0u);
  EXPECT_EQ(map.find("e\u0300").length, 0u);
  EXPECT_EQ(map.find("").length, 0u);
  EXPECT_EQ(map.find(std::string_view("\0", 1)).length, 0u);

  Builder builder;
  builder.vocab.characterMap = bytes;
  builder.vocab.removeExtraWhitespaces = true;
  TokenId fi = builder.add("\u2581fi", -1), a = builder.add("\u2581a", -1),
          dots = builder.add("...", -1);
  TokenId acute = builder.add("\u00E9", -1);
  Tokenizer tokenizer = builder.make();
  EXPECT_EQ(encode(tokenizer, "\uFB01\nA\u200B\t\u2026e\u0301\u00A0"),
            (Ids{fi, a, builder.vocab.unk, dots, acute}));
}

TEST(Unigram, BrokenVocabulariesAreRefused) {
  auto expectError = [](const Builder& builder, std::string_view part) {
    Tokenizer tokenizer;
    auto done = builder.init(tokenizer);
    ASSERT_FALSE(done.ok()) << part;
    EXPECT_NE(done.error().message.find(part), std::string::npos) << done.error().message;
  };
  for (float score :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Builder builder;
    builder.add("a", score);
    expectError(builder, "tokenizer.ggml.scores[3]");
  }
  Builder builder;
  builder.add(std::string(maxMatchedToken + 1, 'a'), 0);
  expectError(builder, "tokenizer.ggml.tokens[3]");
  for (std::string map :
       {std::string("\1", 1), std::string("\4\0\0\0", 4), std::string("\2\0\0\0ab", 6),
        std::string("\0\0\0\0ab", 6),
        std::string("\0\0\0\0", 4) + std::string(300, 'a') + std::string(1, '\0')}) {
    Builder damaged;
    damaged.vocab.characterMap = map;
    expectError(damaged, "tokenizer.ggml.precompiled_charsmap");
  }
}

/// Whatever bits of a map are wrong, texts are encoded without reading outside it.
TEST(Unigram, DamagedCharacterMapsAreHarmless) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::string sound = characterMap(smallTable);
  std::string text = "A\uFB01 e\u0301\u2026\u200B\u00A0\n end";
  for (int round = 0; round != 300; ++round) {
    auto bytes = std::make_unique<std::string>(sound);
    for (int flips = 0; flips != 40; ++flips)
      (*bytes)[4 + random() % 4096] ^= static_cast<char>(1 << random() % 8);
    Builder builder;
    builder.vocab.characterMap = *bytes;
    builder.addBytes();
    Tokenizer tokenizer;
    if (!builder.init(tokenizer))
      continue;
    for (TokenId id : encode(tokenizer, text))
      EXPECT_TRUE(tokenizer.vocabulary().contains(id));
  }
}

TEST(Unigram, LongTextsTakeTimeInProportion) {
  Builder builder;
  builder.addBytes();
  builder.add("\u2581", -2);
  std::string run;
  for (int length = 1; length <= 16; ++length)
    builder.add(run.append("a"), -1 - 0.1f * static_cast<float>(length));
  Tokenizer tokenizer = builder.make();
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  Ids ids = encode(tokenizer, std::string(1 << 20, 'a'));
  double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  EXPECT_TRUE(decode(tokenizer, ids) == std::string(1 << 20, 'a'));
  EXPECT_LT(seconds, 20) << "one MiB";
}
