//===- Unigram.cpp - SentencePiece's unigram segmentation -------------------------------------===//
//
// Viterbi's algorithm from left to right over the characters: for each position the best score of
// what lies before it. A position that no token reaches across is on every path; what lies before
// it is settled there and forgotten, so that memory is needed for a word or two and not for the
// text.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Unigram.h"

#include "runtime/core/text/Unicode.h"

#include <algorithm>
#include <cmath>

namespace chordal::text {

namespace {

constexpr std::string_view spaceMark = "\u2581";
constexpr std::string_view replacementCharacter = "\uFFFD";

/// What an unknown character costs beyond the least score (SentencePiece's kUnkPenalty).
constexpr double unknownPenalty = 10;

constexpr size_t maxNormalized = size_t(1) << 31;

} // namespace

Result<void> fillTrie(const Vocabulary& vocab, Trie& trie) {
  auto isMatched = [&](TokenId id) {
    TokenType type = vocab.typeOf(id);
    return (type == TokenType::Normal || type == TokenType::UserDefined) &&
           !vocab.tokens[static_cast<size_t>(id)].empty();
  };
  size_t bytes = 0;
  for (TokenId id = 0; id != vocab.size(); ++id) {
    if (!isMatched(id))
      continue;
    size_t length = vocab.tokens[static_cast<size_t>(id)].size();
    bytes += length;
    if (length > maxMatchedToken)
      return Error{"tokenizer.ggml.tokens[" + std::to_string(id) + "] has " +
                       std::to_string(length) + " bytes; at most " +
                       std::to_string(maxMatchedToken) +
                       " are supported in vocabularies of the kinds \"t5\" and \"bert\"",
                   ErrorCode::Unsupported};
  }
  if (bytes > size_t(1) << 29)
    return Error{"tokenizer.ggml.tokens has " + std::to_string(bytes) +
                     " bytes of text; at most 2^29 are supported",
                 ErrorCode::Unsupported};
  trie.clear(bytes);
  for (TokenId id = 0; id != vocab.size(); ++id)
    if (isMatched(id))
      trie.insert(vocab.tokens[static_cast<size_t>(id)], id);
  return {};
}

Result<void> Unigram::init(const Vocabulary& vocab, std::span<const TokenId, 256> bytes) {
  if (auto done = map.init(vocab.characterMap); !done)
    return done.error();
  if (auto done = fillTrie(vocab, trie); !done)
    return done.error();
  scores.assign(vocab.tokens.size(), 0.0);
  double least = 0;
  bool any = false;
  for (TokenId id = 0; id != vocab.size() && !vocab.scores.empty(); ++id) {
    // User-defined tokens are to win over any others, whose scores are negative: theirs stay 0.
    if (vocab.typeOf(id) != TokenType::Normal)
      continue;
    float score = vocab.scores[static_cast<size_t>(id)];
    if (!std::isfinite(score))
      return Error{"tokenizer.ggml.scores[" + std::to_string(id) +
                       "] is not a finite number; scores of \"t5\" vocabularies are the "
                       "logarithms of probabilities",
                   ErrorCode::OutOfRange};
    scores[static_cast<size_t>(id)] = static_cast<double>(score);
    least = any ? std::min(least, static_cast<double>(score)) : static_cast<double>(score);
    any = true;
  }
  unknownScore = least - unknownPenalty;
  unknown = vocab.unk;
  std::ranges::copy(bytes, byteTokens.begin());
  allBytes = std::ranges::find(byteTokens, noToken) == byteTokens.end();
  spacePrefix = vocab.addSpacePrefix;
  mergeSpaces = vocab.removeExtraWhitespaces;
  return {};
}

Result<std::string> Unigram::normalize(std::string_view text, bool atStart) const {
  std::string out;
  if (text.empty())
    return out;
  out.reserve(text.size() + text.size() / 4 + spaceMark.size());
  if (spacePrefix && !mergeSpaces)
    out.append(spaceMark);
  bool inWord = false;
  // Whether the next word has a space before it, where they are merged.
  bool space = spacePrefix;
  auto put = [&](std::string_view part) {
    for (char byte : part) {
      if (byte == ' ') {
        if (!mergeSpaces)
          out.append(spaceMark);
        else if (inWord || !atStart)
          space = true;
        inWord = false;
        continue;
      }
      if (!inWord && mergeSpaces && space)
        out.append(spaceMark);
      inWord = true;
      out.push_back(byte);
    }
  };
  while (!text.empty()) {
    CharacterMap::Match match = map.find(text);
    if (match.length == 0) {
      Char next = frontChar(text);
      match.length = next.length;
      // Bytes that are no character can only be kept as the tokens of bytes.
      bool kept = next.code < invalidByte || allBytes;
      match.replacement = kept ? text.substr(0, next.length) : replacementCharacter;
    }
    put(match.replacement);
    text.remove_prefix(match.length);
    if (out.size() > maxNormalized)
      return Error{"the text is longer than " + std::to_string(maxNormalized) +
                       " bytes after tokenizer.ggml.precompiled_charsmap was applied to it; encode "
                       "it in parts",
                   ErrorCode::OutOfRange};
  }
  return out;
}

/// The best way to a position: the last token of it, and the score of all of them.
struct Unigram::Step {
  double score = 0;
  TokenId id = noToken; ///< noToken: an unknown character
  uint32_t length = 0;  ///< 0: nothing leads here yet
};

void Unigram::appendUnknown(std::string_view character, bool afterUnknown,
                            std::vector<TokenId>& ids) const {
  auto tokenOf = [&](char byte) { return byteTokens[static_cast<unsigned char>(byte)]; };
  if (std::ranges::all_of(character, [&](char byte) { return tokenOf(byte) != noToken; })) {
    for (char byte : character)
      ids.push_back(tokenOf(byte));
    return;
  }
  bool merged = afterUnknown && !ids.empty() && ids.back() == unknown;
  if (unknown != noToken && !merged)
    ids.push_back(unknown);
}

Result<void> Unigram::encode(std::string_view raw, bool atStart, std::vector<TokenId>& ids) const {
  Result<std::string> normalized = normalize(raw, atStart);
  if (!normalized)
    return normalized.error();
  std::string_view text = *normalized;

  std::vector<Step> best(1);  // from position `base` on
  std::vector<uint32_t> path; // positions where tokens end, last first
  size_t base = 0, reach = 0; // no token found so far ends behind `reach`
  bool afterUnknown = false;
  auto settle = [&](size_t end) {
    path.clear();
    for (size_t at = end - base; at != 0; at -= best[at].length)
      path.push_back(static_cast<uint32_t>(at));
    for (size_t i = path.size(); i != 0; --i) {
      const Step& step = best[path[i - 1]];
      if (step.id == noToken)
        appendUnknown(text.substr(base + path[i - 1] - step.length, step.length), afterUnknown,
                      ids);
      else
        ids.push_back(step.id);
      afterUnknown = step.id == noToken;
    }
    double score = best[end - base].score;
    best.assign(1, Step{score});
    base = end;
  };
  auto relax = [&](size_t from, size_t end, TokenId id, double score) {
    if (end - base >= best.size())
      best.resize(end - base + 1);
    Step& step = best[end - base];
    if (step.length == 0 || score > step.score)
      step = {score, id, static_cast<uint32_t>(end - from)};
    reach = std::max(reach, end);
  };

  for (size_t at = 0; at != text.size();) {
    if (at == reach)
      settle(at);
    double before = best[at - base].score;
    size_t next = at + frontChar(text.substr(at)).length;
    bool covered = false;
    Trie::Node node = Trie::root;
    for (size_t end = at; end != text.size();) {
      node = trie.step(node, static_cast<unsigned char>(text[end++]));
      if (node == Trie::none)
        break;
      TokenId id = trie.tokenAt(node);
      if (id == noToken)
        continue;
      relax(at, end, id, before + scores[static_cast<size_t>(id)]);
      covered |= end == next;
    }
    if (!covered)
      relax(at, next, noToken, before + unknownScore);
    at = next;
  }
  settle(text.size());
  return {};
}

} // namespace chordal::text
