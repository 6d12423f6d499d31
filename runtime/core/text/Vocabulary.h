//===- Vocabulary.h - what a tokenizer needs to know ------------------------------------------===//
//
// A plain description of a vocabulary, independent of the file it came from. Strings are views into
// memory of the caller's (a mapped file, a program container), which must outlive the vocabulary.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::text {

/// Index of a token in its vocabulary.
using TokenId = int32_t;

/// Stands for a special token that the vocabulary does not have.
inline constexpr TokenId noToken = -1;

/// More tokens than any model has; a file with more is refused.
inline constexpr size_t maxTokens = size_t(1) << 24;

/// The same for the merges of a byte-level BPE.
inline constexpr size_t maxMerges = size_t(1) << 26;

/// The algorithm that a vocabulary was made for.
enum class VocabularyKind : uint8_t {
  SentencePiece, ///< SentencePiece BPE: merges ordered by score, byte fallback ("llama")
  ByteLevelBpe,  ///< BPE over bytes: pre-tokenizer, then merges ordered by rank ("gpt2")
  Unigram,       ///< SentencePiece unigram ("t5")
  WordPiece,     ///< greedy longest match ("bert")
};

/// What a token is; the values are those of `tokenizer.ggml.token_type`.
enum class TokenType : uint8_t {
  Undefined = 0,
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

/// A vocabulary. Fill it (see VocabularyFromGguf.h), call `finish`, then give it to a Tokenizer.
struct Vocabulary {
  VocabularyKind kind = VocabularyKind::ByteLevelBpe;
  std::string_view preTokenizer; ///< name of the byte-level BPE's pre-tokenizer; "" means "default"
  std::string_view modelName;    ///< `general.name`; decides the white-space rule of phi-3

  /// Texts as files store them: SentencePiece writes U+2581 for a space, byte-level BPE writes each
  /// byte as one printable character, WordPiece writes U+2581 in front of what begins a word.
  std::vector<std::string_view> tokens;
  /// SentencePiece: higher merges first; unigram: log probabilities; empty: all 0.
  std::vector<float> scores;
  std::vector<TokenType> types;         ///< may be empty before `finish`: all Normal
  std::vector<std::string_view> merges; ///< byte-level BPE: "left right", best first
  std::string_view characterMap;        ///< unigram: see CharacterMap.h; may be empty

  TokenId bos = noToken; ///< beginning of sequence
  TokenId eos = noToken; ///< end of sequence
  TokenId eot = noToken; ///< end of turn
  TokenId eom = noToken; ///< end of message
  TokenId unk = noToken; ///< unknown
  TokenId sep = noToken; ///< separator
  TokenId pad = noToken; ///< padding
  TokenId cls = noToken; ///< classification
  TokenId mask = noToken;
  TokenId newline = noToken; ///< the token of "\n"

  bool addBos = false;
  bool addEos = false;
  bool addSep = false;                 ///< WordPiece: the separator behind each text
  bool addSpacePrefix = false;         ///< SentencePiece, unigram: encode " " + text
  bool removeExtraWhitespaces = false; ///< unigram: merge runs of spaces, drop those at the ends
  bool lowercase = true;               ///< WordPiece: lower-case the text
  bool stripAccents = true;            ///< WordPiece: decompose characters and drop their accents

  /// Tokens after which a model has finished, ascending; filled by `finish`.
  std::vector<TokenId> endOfGeneration;

  TokenId size() const { return static_cast<TokenId>(tokens.size()); }
  bool contains(TokenId id) const { return id >= 0 && id < size(); }
  TokenType typeOf(TokenId id) const { return types[static_cast<size_t>(id)]; }
  bool isEndOfGeneration(TokenId id) const;

  /// Checks that lengths agree and ids are in range, then derives what a file does not say: eot,
  /// eom and newline where they are missing, and the end-of-generation set: eos, eot, eom and every
  /// token whose text is a known end marker (`<|im_end|>`, `<end_of_turn>`, ...). Such a marker
  /// becomes a control token whatever type the file gives it.
  Result<void> finish();
};

} // namespace chordal::text
