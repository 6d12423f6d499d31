//===- Unigram.h - SentencePiece's unigram segmentation ---------------------------------------===//
//
// Every token has a score, its log probability; a text becomes the tokens whose scores have the
// largest sum. Source: Kudo, Subword Regularization (2018), section 3.2; normalisation and the
// rules for what no token covers are SentencePiece's.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/text/CharacterMap.h"
#include "runtime/core/text/Trie.h"
#include "runtime/core/text/Vocabulary.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

/// Longest token, in bytes, that unigram and WordPiece vocabularies may have: it bounds the work
/// for each byte of a text.
inline constexpr size_t maxMatchedToken = 512;

/// Fills `trie` with all tokens of `vocab` that ordinary text may become: normal and user-defined
/// ones. Fails if one is longer than maxMatchedToken, or all together take more than 2^29 bytes.
Result<void> fillTrie(const Vocabulary& vocab, Trie& trie);

/// The segmentation of a "t5" vocabulary. Const calls may run in several threads at once.
class Unigram {
public:
  /// `byteTokens`: the token of each byte, or noToken. Fails if a score is not finite, if a token
  /// is too long, or if the character map is broken. Keeps views of the vocabulary's strings.
  Result<void> init(const Vocabulary& vocab, std::span<const TokenId, 256> byteTokens);

  /// Appends the ids of `text`, which has no special tokens in it. `atStart`: nothing stands before
  /// it. A character that no token covers costs the least score minus 10 and becomes the tokens of
  /// its bytes if the vocabulary has them, else the unknown token, one for several in a row. Fails
  /// if the text becomes longer than 2^31 bytes by normalisation.
  Result<void> encode(std::string_view text, bool atStart, std::vector<TokenId>& ids) const;

  /// The text as tokens cover it: characters mapped, spaces as U+2581. Where extra spaces are
  /// removed, runs become one and those at the end vanish.
  Result<std::string> normalize(std::string_view text, bool atStart) const;

private:
  struct Step;
  void appendUnknown(std::string_view character, bool afterUnknown,
                     std::vector<TokenId>& ids) const;

  Trie trie;
  CharacterMap map;
  std::vector<double> scores;
  std::array<TokenId, 256> byteTokens;
  double unknownScore = 0;
  TokenId unknown = noToken;
  bool allBytes = false; ///< every byte has a token
  bool spacePrefix = false, mergeSpaces = false;
};

} // namespace chordal::text
