//===- Tokenizer.h - text to token ids and back -----------------------------------------------===//
//
// Encodes text by the vocabulary's own algorithm (SentencePiece BPE, byte-level BPE, unigram,
// WordPiece) and decodes ids to bytes. All are linear in the length of the text but for the
// logarithm of a heap.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/text/StringIndex.h"
#include "runtime/core/text/Unigram.h"
#include "runtime/core/text/Vocabulary.h"
#include "runtime/core/text/WordPiece.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

struct PreTokenizer;

struct EncodeOptions {
  /// Put bos in front and eos behind, where the vocabulary says so; WordPiece: cls and separator.
  bool addSpecial = false;
  bool parseSpecial = false; ///< read "<|im_end|>" as the control token rather than as its letters
};

struct DecodeOptions {
  bool showSpecial = true;     ///< write control tokens as their text; else they vanish
  bool dropSpacePrefix = true; ///< drop the one space that encoding put before the text
  /// Apply the vocabulary's clean-up of spaces before punctuation (" ," to ","), which loses
  /// text; only WordPiece and some byte-level vocabularies ask for it.
  bool cleanSpaces = false;
};

/// Longest text that is encoded at once, in bytes.
inline constexpr size_t maxTextLength = size_t(1) << 29;

/// A ready tokenizer. `init` once; all else is const and may be called from several threads at
/// once.
class Tokenizer {
public:
  Tokenizer() = default;
  Tokenizer(Tokenizer&&) = default;
  Tokenizer& operator=(Tokenizer&&) = default;

  /// Takes a vocabulary on which `finish` was called. Errors: an unknown pre-tokenizer (the message
  /// lists the known ones), or what Unigram::init and WordPiece::init refuse.
  Result<void> init(Vocabulary vocabulary);

  const Vocabulary& vocabulary() const { return vocab; }

  /// Appends the ids of `text` to `ids`. Any bytes are allowed: a byte that is no part of valid
  /// UTF-8 is a character of its own. A character that the vocabulary cannot express becomes its
  /// unknown token (SentencePiece; unigram; WordPiece, for the whole word) or is left out
  /// (byte-level BPE: some vocabularies lack the rarest bytes, and the tools they are made with
  /// leave them out). Fails only if the text is longer than maxTextLength, or by the limit of
  /// Unigram::encode.
  Result<void> encode(std::string_view text, EncodeOptions options,
                      std::vector<TokenId>& ids) const;

  /// Appends the bytes of `ids` to `bytes`. Ids outside the vocabulary give nothing.
  void decode(std::span<const TokenId> ids, DecodeOptions options, std::string& bytes) const;

  /// Appends the bytes of one token in the middle of a text: what a stream of tokens prints.
  void appendPiece(TokenId id, bool showSpecial, std::string& bytes) const;

  /// The token with exactly this text (as files store it), or noToken.
  TokenId find(std::string_view tokenText) const;

private:
  /// A token that is recognised in the text before any other rule applies.
  struct Special {
    TokenId id;
    bool parsedOnly; ///< recognised only when special tokens are parsed
    bool eatsSpace;  ///< swallows the white space behind it
  };
  /// A stretch of the text: one special token, or text between them.
  struct Fragment {
    TokenId special;
    std::string_view text;
  };
  struct Scratch;
  /// The set of pairs of neighbouring characters that occur inside a token, hashed: where a pair
  /// is not in it, no merge can reach across. 2^pairBits bits.
  static constexpr unsigned pairBits = 20;

  void initBytes();
  void initSpecials();
  void initSentencePiece();

  std::vector<Fragment> partition(std::string_view text, bool parseSpecial) const;
  void encodeSentencePiece(std::string_view raw, bool spacePrefix, Scratch& scratch,
                           std::vector<TokenId>& ids) const;
  void encodeByteLevel(std::string_view raw, Scratch& scratch, std::vector<TokenId>& ids) const;
  void mergeSymbols(std::string_view text, Scratch& scratch) const;
  void appendSymbols(std::string_view text, const Scratch& scratch,
                     std::vector<TokenId>& ids) const;
  void appendByte(unsigned char byte, std::vector<TokenId>& ids) const;

  Vocabulary vocab;
  StringIndex tokenIndex;
  StringIndex mergeIndex;
  size_t longestMerged = 0;            ///< no merge makes a longer symbol, in bytes
  std::array<TokenId, 256> byteTokens; ///< the token of each single byte, or noToken
  std::vector<uint32_t> scoreKeys;     ///< SentencePiece: merges in ascending order of these
  std::vector<uint64_t> pairs;
  std::vector<Special> specials; ///< longest text first, then by id
  const PreTokenizer* preTokenizer = nullptr;
  Unigram unigram;
  WordPiece wordPiece;
};

} // namespace chordal::text
