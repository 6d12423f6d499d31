//===- WordPiece.cpp - BERT's tokenizer -------------------------------------------------------===//
//
// Characters are decomposed, dropped, lowered and put into words one at a time; nothing but the
// word at hand is stored.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/WordPiece.h"

#include "runtime/core/text/Normalize.h"
#include "runtime/core/text/Unicode.h"
#include "runtime/core/text/Unigram.h"

#include <array>

namespace chordal::text {

namespace {

constexpr std::string_view wordMark = "\u2581";

/// What text does not keep: all of category C but what is unassigned, which may be a character of a
/// later version of Unicode.
constexpr ClassSet dropped = classSet(CharClass::Cc, CharClass::Cf, CharClass::Cs, CharClass::Co);

/// Ideographs, each of which is a word. The blocks are those of the released code; that one begins
/// at U+2B920 instead of U+2B820 is how the tokenizers in use have it.
bool isIdeograph(char32_t code) {
  return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B73F) ||
         (code >= 0x2B740 && code <= 0x2B81F) || (code >= 0x2B920 && code <= 0x2CEAF) ||
         (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

/// A word of its own: punctuation, symbols of ASCII, ideographs.
bool standsAlone(char32_t code) {
  return isIn(code < 0x80 ? punctuation | symbols : punctuation, code) || isIdeograph(code);
}

} // namespace

Result<void> WordPiece::init(const Vocabulary& vocab) {
  if (vocab.unk == noToken)
    return Error{"tokenizer.ggml.unknown_token_id is missing; vocabularies of the kind \"bert\" "
                 "need it for words that they do not cover",
                 ErrorCode::Missing};
  unknown = vocab.unk;
  lowercase = vocab.lowercase;
  stripAccents = vocab.stripAccents;
  return fillTrie(vocab, trie);
}

void WordPiece::encodeWord(std::string_view word, std::vector<TokenId>& ids) const {
  size_t first = ids.size();
  while (!word.empty()) {
    TokenId longest = noToken;
    size_t length = 0;
    Trie::Node node = Trie::root;
    for (size_t end = 0; end != word.size();) {
      node = trie.step(node, static_cast<unsigned char>(word[end++]));
      if (node == Trie::none)
        break;
      if (TokenId id = trie.tokenAt(node); id != noToken) {
        longest = id;
        length = end;
      }
    }
    if (longest == noToken) {
      ids.resize(first);
      ids.push_back(unknown);
      return;
    }
    ids.push_back(longest);
    word.remove_prefix(length);
  }
}

void WordPiece::encode(std::string_view text, std::vector<TokenId>& ids) const {
  std::string word(wordMark);
  auto endWord = [&] {
    if (word.size() != wordMark.size())
      encodeWord(word, ids);
    word.resize(wordMark.size());
  };
  auto take = [&](char32_t code) {
    if (isIn(whiteSpace, code)) {
      endWord();
      return;
    }
    if (code == 0xFFFD || isIn(dropped, code) || (stripAccents && classOf(code) == CharClass::Mn))
      return;
    bool alone = standsAlone(code);
    if (alone)
      endWord();
    appendUtf8(lowercase ? lowerCase(code) : code, word);
    if (alone)
      endWord();
  };
  while (!text.empty()) {
    Char next = frontChar(text);
    text.remove_prefix(next.length);
    if (next.code >= invalidByte)
      continue;
    if (!stripAccents) {
      take(next.code);
      continue;
    }
    std::array<char32_t, 4> parts;
    for (char32_t part : decompose(next.code, parts))
      take(part);
  }
  endWord();
}

} // namespace chordal::text
