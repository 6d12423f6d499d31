//===- VocabularyBuilder.h - vocabularies of a few tokens -------------------------------------===//
#pragma once

#include "runtime/core/text/Tokenizer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <string>
#include <vector>

namespace chordal::text {

using Ids = std::vector<TokenId>;

/// A vocabulary in the making, with the memory of its strings.
struct VocabularyBuilder {
  Vocabulary vocab;
  std::deque<std::string> strings;

  std::string_view keep(std::string text) { return strings.emplace_back(std::move(text)); }

  TokenId add(std::string text, TokenType type = TokenType::Normal, float score = 0) {
    vocab.tokens.push_back(keep(std::move(text)));
    vocab.types.push_back(type);
    vocab.scores.push_back(score);
    return vocab.size() - 1;
  }
  /// The tokens "<0x00>" to "<0xFF>".
  void addBytes() {
    for (unsigned byte = 0; byte != 256; ++byte) {
      char name[8];
      snprintf(name, sizeof name, "<0x%02X>", byte);
      add(name, TokenType::Byte);
    }
  }
  Result<void> init(Tokenizer& tokenizer) const {
    Vocabulary copy = vocab;
    if (auto done = copy.finish(); !done)
      return done;
    return tokenizer.init(std::move(copy));
  }
  /// A tokenizer that refers to the strings of this builder.
  Tokenizer make() const& {
    Tokenizer tokenizer;
    auto done = init(tokenizer);
    EXPECT_TRUE(done.ok()) << (done ? "" : done.error().message);
    return tokenizer;
  }
  Tokenizer make() && = delete;
};

inline Ids encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  Ids ids;
  auto done = tokenizer.encode(text, options, ids);
  EXPECT_TRUE(done.ok()) << (done ? "" : done.error().message);
  return ids;
}

inline std::string decode(const Tokenizer& tokenizer, const Ids& ids, DecodeOptions options = {}) {
  std::string bytes;
  tokenizer.decode(ids, options, bytes);
  return bytes;
}

/// The texts of the tokens, so that expectations can be read.
inline std::vector<std::string> pieces(const Tokenizer& tokenizer, std::string_view text,
                                       EncodeOptions options = {}) {
  std::vector<std::string> texts;
  for (TokenId id : encode(tokenizer, text, options))
    texts.emplace_back(tokenizer.vocabulary().tokens[static_cast<size_t>(id)]);
  return texts;
}

} // namespace chordal::text
