//===- Tokenizer.h - text to token ids and back
//---------------------------------------------------===//
//
// Encodes text by the vocabulary's own algorithm (SentencePiece BPE or byte-level BPE) and decodes
// ids to bytes. Both are linear in the length of the text but for the logarithm of a heap.
//
//===----------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/text/StringIndex.h"
#include "runtime/core/text/Vocabulary.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

struct PreTokenizer;

struct EncodeOptions {
  bool addSpecial = false;   ///< put bos in front and eos behind, where the vocabulary says so
  bool parseSpecial = false; ///< read "<|im_end|>" as the control token rather than as its letters
};

struct DecodeOptions {
  bool showSpecial = true;     ///< write control tokens as their text; else they vanish
  bool dropSpacePrefix = true; ///< drop the one space that `addSpacePrefix` put before the text
  /// Apply the vocabulary's clean-up of spaces before punctuation (" ," to ","), which loses
  /// text; only some byte-level vocabularies ask for it.
  bool cleanSpaces = false;
};

/// A ready tokenizer. `init` once; all else is const and may be called from several threads at
/// once.
class Tokenizer {
public:
  /// Takes a vocabulary on which `finish` was called. Errors: an unknown pre-tokenizer (the message
  /// lists the known ones), an algorithm this tokenizer does not have, a SentencePiece vocabulary
  /// that can express neither bytes nor the unknown.
  Result<void> init(Vocabulary vocabulary);

  const Vocabulary& vocabulary() const { return vocab; }

  /// Appends the ids of `text` to `ids`. Any bytes are allowed: a byte that is no part of valid
  /// UTF-8 is a character of its own. Fails only if the vocabulary cannot express a byte and has
  /// no unknown token.
  Result<void> encode(std::string_view text, EncodeOptions options,
                      std::vector<TokenId>& ids) const;

  /// Appends the bytes of `ids` to `bytes`. Ids outside the vocabulary give nothing.
  void decode(std::span<const TokenId> ids, DecodeOptions options, std::string& bytes) const;

  /// Appends the bytes of one token in the middle of a text: what a stream of tokens prints.
  void appendPiece(TokenId id, bool showSpecial, std::string& bytes) const;

  /// The token with exactly this text (as files store it), or noToken.
  TokenId find(std::string_view tokenText) const;

private:
  struct Special {
    TokenId id;
    bool plain;     ///< also recognised when special tokens are not parsed
    bool eatsSpace; ///< swallows the white space after it
  };
  struct Scratch;

  Result<void> initBytes();
  void initSpecials();
  Result<void> encodeRaw(std::string_view raw, bool spacePrefix, Scratch& scratch,
                         std::vector<TokenId>& ids) const;
  Result<void> encodeSentencePiece(std::string_view raw, bool spacePrefix, Scratch& scratch,
                                   std::vector<TokenId>& ids) const;
  Result<void> encodeByteLevel(std::string_view raw, Scratch& scratch,
                               std::vector<TokenId>& ids) const;
  Result<void> encodeWord(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;

  Vocabulary vocab;
  StringIndex tokenIndex;
  StringIndex mergeIndex;
  size_t longestToken = 0;
  size_t longestMerge = 0;
  std::array<TokenId, 256> byteTokens{};
  /// Special tokens, longest text first, ties by id; and the lowest-length bucket of each first
  /// byte.
  std::vector<Special> specials;
  std::array<bool, 256> startsSpecial{};
  const PreTokenizer* preTokenizer = nullptr;
};

} // namespace chordal::text
