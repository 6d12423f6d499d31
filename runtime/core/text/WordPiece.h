//===- WordPiece.h - BERT's tokenizer ---------------------------------------------------------===//
//
// Text is cut into words and punctuation, and each word into the longest tokens that fit, from left
// to right. Source: Devlin et al., BERT (2018), and its released code (BasicTokenizer,
// WordpieceTokenizer). GGUF files write U+2581 in front of tokens that begin a word, where BERT
// writes "##" in front of all others.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/text/Trie.h"
#include "runtime/core/text/Vocabulary.h"

#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

/// The tokenizer of a "bert" vocabulary. Const calls may run in several threads at once.
class WordPiece {
public:
  /// Fails if the vocabulary has no unknown token or a token is too long.
  Result<void> init(const Vocabulary& vocab);

  /// Appends the ids of `text`, which has no special tokens in it. A word that tokens do not cover
  /// whole becomes the unknown token. Control characters, U+FFFD and bytes that are no UTF-8
  /// vanish.
  void encode(std::string_view text, std::vector<TokenId>& ids) const;

private:
  /// `word`: U+2581 and the characters of a word.
  void encodeWord(std::string_view word, std::vector<TokenId>& ids) const;

  Trie trie;
  TokenId unknown = noToken;
  bool lowercase = true, stripAccents = true;
};

} // namespace chordal::text
