//===- Tokenizer.cpp - text to token ids and back ---------------------------------------------===//
//
// Text is first cut at special tokens. What lies between is cut further into pieces that merges
// never reach across (words of the pre-tokenizer; for SentencePiece, wherever two characters are
// neighbours in no token), and in each piece the best pair of neighbouring symbols is merged until
// none is left. A heap holds the pairs; entries that an earlier merge made stale are recognised by
// their length.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Tokenizer.h"

#include "runtime/core/text/PreTokenizer.h"
#include "runtime/core/text/Unicode.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace chordal::text {

namespace {

/// U+2581, which SentencePiece writes for a space.
constexpr std::string_view spaceMark = "\u2581";

/// The printable character that byte-level BPE writes for each byte: printable Latin-1 bytes stand
/// for themselves, the other 68 are numbered from U+0100 on. (From the GPT-2 release.)
struct ByteAlphabet {
  std::array<char16_t, 256> charOf{};
  std::array<int16_t, 0x144> byteOf{};

  constexpr ByteAlphabet() {
    byteOf.fill(-1);
    char16_t next = 0x100;
    for (unsigned byte = 0; byte != 256; ++byte) {
      bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      charOf[byte] = printable ? static_cast<char16_t>(byte) : next++;
      byteOf[charOf[byte]] = static_cast<int16_t>(byte);
    }
  }

  void append(unsigned char byte, std::string& text) const {
    char16_t code = charOf[byte];
    if (code < 0x80) {
      text.push_back(static_cast<char>(code));
      return;
    }
    text.push_back(static_cast<char>(0xC0 | code >> 6));
    text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
};
constexpr ByteAlphabet alphabet;

/// The byte of a token such as "<0x0A>", or -1.
int byteOfName(std::string_view name) {
  if (name.size() != 6 || !name.starts_with("<0x") || name[5] != '>')
    return -1;
  int value = 0;
  for (char digit : name.substr(3, 2)) {
    if (digit >= '0' && digit <= '9')
      value = value * 16 + (digit - '0');
    else if (digit >= 'A' && digit <= 'F')
      value = value * 16 + (digit - 'A' + 10);
    else
      return -1;
  }
  return value;
}

/// A number that is smaller for a higher score.
uint32_t scoreKey(float score) {
  auto bits = std::bit_cast<uint32_t>(score + 0.0f); // -0 becomes +0
  uint32_t ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

uint32_t pairSlot(char32_t left, char32_t right, unsigned bits) {
  uint64_t mixed = (uint64_t(left) << 21 | right) * 0x9E3779B97F4A7C15;
  return static_cast<uint32_t>(mixed >> (64 - bits));
}

bool isAsciiSpace(char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/// True if `name` contains "phi-3" or "phi3" in upper or lower case.
bool isPhi3(std::string_view name) {
  std::string lower(name);
  for (char& byte : lower)
    if (byte >= 'A' && byte <= 'Z')
      byte = static_cast<char>(byte + ('a' - 'A'));
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

/// Removes from `text`, from `start` on, spaces as English typography has it: before one of ?!., ;
/// on both sides of a lone apostrophe; before 's 'm 're 've. Each rule sees the text that the one
/// before it left, and never the first byte.
void removeSpaces(std::string& text, size_t start) {
  auto pass = [&](auto&& spacesAt) {
    size_t out = start, end = text.size();
    for (size_t at = start; at < end; ++at) {
      size_t behind = 0;
      if (at > start && text[at - 1] == ' ' && spacesAt(at, end, behind))
        --out;
      text[out++] = text[at];
      if (behind != 0)
        text[++at] = '\0'; // removed, and no space to what follows
    }
    text.resize(out);
  };
  pass([&](size_t at, size_t, size_t&) {
    return text[at] == '?' || text[at] == '!' || text[at] == '.' || text[at] == ',';
  });
  pass([&](size_t at, size_t end, size_t& behind) {
    bool lone = text[at] == '\'' && at + 1 < end && text[at + 1] == ' ';
    behind = lone ? 1 : 0;
    return lone;
  });
  pass([&](size_t at, size_t end, size_t&) {
    if (text[at] != '\'' || at + 1 >= end)
      return false;
    char first = text[at + 1];
    if (first == 's' || first == 'm')
      return true;
    return (first == 'r' || first == 'v') && at + 2 < end && text[at + 2] == 'e';
  });
}

} // namespace

/// Memory of one call to encode, reused from piece to piece.
struct Tokenizer::Scratch {
  static constexpr uint32_t none = ~uint32_t(0);

  /// A symbol is a stretch of the piece; a merged symbol's right part becomes empty.
  struct Symbol {
    uint32_t begin, length;
    uint32_t previous, next;
  };
  /// A symbol and its next, which a merge would join.
  struct Pair {
    uint32_t key; ///< lower merges first
    uint32_t left;
    uint32_t length; ///< of both together, when the pair was found

    uint64_t order() const { return uint64_t(key) << 32 | left; }
    bool operator<(const Pair& other) const { return order() < other.order(); }
    bool operator>(const Pair& other) const { return order() > other.order(); }
  };

  std::vector<Symbol> symbols;
  std::vector<Pair> first; ///< the pairs of the piece before any merge, sorted
  std::vector<Pair> heap;  ///< the pairs that merges made, lowest on top
  std::string text;
  std::vector<uint32_t> ends;

  void begin() { symbols.clear(); }
  void add(uint32_t begin, uint32_t length) {
    auto index = static_cast<uint32_t>(symbols.size());
    symbols.push_back({begin, length, index == 0 ? none : index - 1, index + 1});
  }
  void end() {
    if (!symbols.empty())
      symbols.back().next = none;
  }
};

//===--- setting up ---------------------------------------------------------------------------===//

Result<void> Tokenizer::init(Vocabulary vocabulary) {
  vocab = std::move(vocabulary);
  if (vocab.tokens.empty() || vocab.types.size() != vocab.tokens.size())
    return Error{"the vocabulary is not ready: Vocabulary::finish was not called on it"};
  tokenIndex.build(vocab.tokens, /*lastWins=*/true);
  initBytes();
  initSpecials();
  if (vocab.kind == VocabularyKind::SentencePiece) {
    initSentencePiece();
    return {};
  }
  if (vocab.kind == VocabularyKind::Unigram)
    return unigram.init(vocab, byteTokens);
  if (vocab.kind == VocabularyKind::WordPiece)
    return wordPiece.init(vocab);
  preTokenizer = findPreTokenizer(vocab.preTokenizer);
  if (!preTokenizer)
    return Error{"unknown pre-tokenizer \"" + std::string(vocab.preTokenizer) +
                     "\" (tokenizer.ggml.pre); known are: " + preTokenizerNames(),
                 ErrorCode::Unsupported};
  mergeIndex.build(vocab.merges, /*lastWins=*/false);
  longestMerged = 0;
  for (std::string_view merge : vocab.merges)
    longestMerged = std::max(longestMerged, merge.size() - std::min<size_t>(merge.size(), 1));
  return {};
}

void Tokenizer::initBytes() {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string name;
  for (unsigned byte = 0; byte != 256; ++byte) {
    name.clear();
    if (vocab.kind == VocabularyKind::ByteLevelBpe)
      alphabet.append(static_cast<unsigned char>(byte), name);
    else
      name.append("<0x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]).append(">");
    byteTokens[byte] = find(name);
  }
}

void Tokenizer::initSpecials() {
  specials.clear();
  bool phi3 = isPhi3(vocab.modelName);
  for (TokenId id = 0; id != vocab.size(); ++id) {
    TokenType type = vocab.typeOf(id);
    std::string_view text = vocab.tokens[static_cast<size_t>(id)];
    bool parsedOnly = type == TokenType::Control || type == TokenType::Unknown;
    if ((!parsedOnly && type != TokenType::UserDefined) || text.empty())
      continue;
    bool eatsSpace = phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    specials.push_back({id, parsedOnly, eatsSpace});
  }
  std::ranges::sort(specials, [&](const Special& left, const Special& right) {
    size_t leftSize = vocab.tokens[static_cast<size_t>(left.id)].size();
    size_t rightSize = vocab.tokens[static_cast<size_t>(right.id)].size();
    return leftSize != rightSize ? leftSize > rightSize : left.id < right.id;
  });
}

void Tokenizer::initSentencePiece() {
  scoreKeys.resize(vocab.tokens.size());
  pairs.assign((size_t(1) << pairBits) / 64, 0);
  longestMerged = 0;
  for (size_t id = 0; id != vocab.tokens.size(); ++id) {
    scoreKeys[id] = scoreKey(vocab.scores.empty() ? 0.0f : vocab.scores[id]);
    std::string_view text = vocab.tokens[id];
    longestMerged = std::max(longestMerged, text.size());
    char32_t previous = 0;
    for (size_t at = 0; at < text.size();) {
      Char next = frontChar(text.substr(at));
      if (at != 0) {
        uint32_t slot = pairSlot(previous, next.code, pairBits);
        pairs[slot / 64] |= uint64_t(1) << (slot % 64);
      }
      previous = next.code;
      at += next.length;
    }
  }
}

TokenId Tokenizer::find(std::string_view tokenText) const {
  uint32_t position = tokenIndex.find(tokenText);
  return position == StringIndex::notFound ? noToken : static_cast<TokenId>(position);
}

//===--- encoding -----------------------------------------------------------------------------===//

Result<void> Tokenizer::encode(std::string_view text, EncodeOptions options,
                               std::vector<TokenId>& ids) const {
  if (text.size() > maxTextLength)
    return Error{"a text of " + std::to_string(text.size()) + " bytes is too long; at most " +
                     std::to_string(maxTextLength) + " are encoded at once",
                 ErrorCode::OutOfRange};
  if (options.addSpecial && vocab.addBos)
    ids.push_back(vocab.bos);
  Scratch scratch;
  bool afterSpecial = true;
  for (const Fragment& fragment : partition(text, options.parseSpecial)) {
    if (fragment.special != noToken) {
      ids.push_back(fragment.special);
      afterSpecial = true;
      continue;
    }
    switch (vocab.kind) {
    case VocabularyKind::SentencePiece:
      encodeSentencePiece(fragment.text, afterSpecial && vocab.addSpacePrefix, scratch, ids);
      break;
    case VocabularyKind::ByteLevelBpe:
      encodeByteLevel(fragment.text, scratch, ids);
      break;
    case VocabularyKind::Unigram:
      if (auto done = unigram.encode(fragment.text, fragment.text.data() == text.data(), ids);
          !done)
        return done;
      break;
    case VocabularyKind::WordPiece:
      wordPiece.encode(fragment.text, ids);
      break;
    }
    afterSpecial = false;
  }
  if (options.addSpecial && vocab.addSep)
    ids.push_back(vocab.sep);
  if (options.addSpecial && vocab.addEos)
    ids.push_back(vocab.eos);
  return {};
}

/// Longer special tokens are cut out of the whole text before shorter ones, so that where two
/// overlap the longer wins. A first walk finds which of them occur at all: few do.
std::vector<Tokenizer::Fragment> Tokenizer::partition(std::string_view text,
                                                      bool parseSpecial) const {
  std::vector<Fragment> fragments;
  if (!text.empty())
    fragments.push_back({noToken, text});

  std::array<std::vector<uint32_t>, 256> byFirstByte;
  bool any = false;
  for (uint32_t i = 0; i != specials.size(); ++i)
    if (parseSpecial || !specials[i].parsedOnly) {
      std::string_view token = vocab.tokens[static_cast<size_t>(specials[i].id)];
      byFirstByte[static_cast<unsigned char>(token[0])].push_back(i);
      any = true;
    }
  if (!any)
    return fragments;
  std::vector<bool> occurs(specials.size());
  for (size_t at = 0; at != text.size(); ++at) {
    std::vector<uint32_t>& group = byFirstByte[static_cast<unsigned char>(text[at])];
    std::erase_if(group, [&](uint32_t i) {
      std::string_view token = vocab.tokens[static_cast<size_t>(specials[i].id)];
      if (!text.substr(at).starts_with(token))
        return false;
      occurs[i] = true; // seen: no need to look for it any more
      return true;
    });
  }

  std::vector<Fragment> cut;
  for (size_t i = 0; i != specials.size(); ++i) {
    if (!occurs[i])
      continue;
    std::string_view token = vocab.tokens[static_cast<size_t>(specials[i].id)];
    cut.clear();
    for (const Fragment& fragment : fragments) {
      std::string_view rest = fragment.text;
      if (fragment.special == noToken) {
        for (size_t at; (at = rest.find(token)) != rest.npos;) {
          if (at != 0)
            cut.push_back({noToken, rest.substr(0, at)});
          cut.push_back({specials[i].id, {}});
          rest.remove_prefix(at + token.size());
          while (specials[i].eatsSpace && !rest.empty() && isAsciiSpace(rest[0]))
            rest.remove_prefix(1);
        }
        if (!rest.empty())
          cut.push_back({noToken, rest});
      } else {
        cut.push_back(fragment);
      }
    }
    fragments.swap(cut);
  }
  return fragments;
}

void Tokenizer::encodeSentencePiece(std::string_view raw, bool spacePrefix, Scratch& scratch,
                                    std::vector<TokenId>& ids) const {
  std::string& escaped = scratch.text;
  escaped.clear();
  if (spacePrefix)
    escaped.append(spaceMark);
  for (char byte : raw)
    if (byte == ' ')
      escaped.append(spaceMark);
    else
      escaped.push_back(byte);

  std::string_view text = escaped;
  char32_t previous = 0;
  scratch.begin();
  for (uint32_t at = 0; at < text.size();) {
    Char next = frontChar(text.substr(at));
    uint32_t slot = pairSlot(previous, next.code, pairBits);
    if (at != 0 && (pairs[slot / 64] >> (slot % 64) & 1) == 0) {
      mergeSymbols(text, scratch);
      appendSymbols(text, scratch, ids);
      scratch.begin();
    }
    scratch.add(at, next.length);
    previous = next.code;
    at += next.length;
  }
  mergeSymbols(text, scratch);
  appendSymbols(text, scratch, ids);
}

void Tokenizer::encodeByteLevel(std::string_view raw, Scratch& scratch,
                                std::vector<TokenId>& ids) const {
  scratch.ends.clear();
  splitWords(*preTokenizer, raw, scratch.ends);
  uint32_t begin = 0;
  for (uint32_t end : scratch.ends) {
    std::string& word = scratch.text;
    word.clear();
    scratch.begin();
    for (char byte : raw.substr(begin, end - begin)) {
      auto at = static_cast<uint32_t>(word.size());
      alphabet.append(static_cast<unsigned char>(byte), word);
      scratch.add(at, static_cast<uint32_t>(word.size()) - at);
    }
    begin = end;
    TokenId whole = preTokenizer->wholeWords ? find(word) : noToken;
    if (whole != noToken) {
      ids.push_back(whole);
      continue;
    }
    mergeSymbols(word, scratch);
    appendSymbols(word, scratch, ids);
  }
}

/// Merges `scratch.symbols`, stretches of `text`, until no pair is left that merges. The pairs of
/// the beginning are sorted once; only those that merges make go through the heap.
void Tokenizer::mergeSymbols(std::string_view text, Scratch& scratch) const {
  scratch.end();
  auto& [symbols, first, heap, piece, ends] = scratch;
  bool byScore = vocab.kind == VocabularyKind::SentencePiece;
  auto findPair = [&](uint32_t left, std::vector<Scratch::Pair>& pairs) {
    uint32_t leftLength = symbols[left].length;
    uint32_t length = leftLength + symbols[symbols[left].next].length;
    if (length > longestMerged)
      return false;
    std::string_view both = text.substr(symbols[left].begin, length);
    uint32_t found =
        byScore ? tokenIndex.find(both)
                : mergeIndex.find(both.substr(0, leftLength), " ", both.substr(leftLength));
    if (found == StringIndex::notFound)
      return false;
    pairs.push_back({byScore ? scoreKeys[found] : found, left, length});
    return true;
  };
  auto push = [&](uint32_t left) {
    if (findPair(left, heap))
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };

  first.clear();
  heap.clear();
  for (uint32_t left = 0; left + 1 < symbols.size(); ++left)
    findPair(left, first);
  std::sort(first.begin(), first.end());
  for (size_t taken = 0; taken != first.size() || !heap.empty();) {
    Scratch::Pair best;
    if (heap.empty() || (taken != first.size() && first[taken] < heap.front())) {
      best = first[taken++];
    } else {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      best = heap.back();
      heap.pop_back();
    }
    // Merges only ever lengthen a symbol or empty it; so a pair of another length is stale.
    Scratch::Symbol& left = symbols[best.left];
    if (left.length == 0 || left.next == Scratch::none ||
        left.length + symbols[left.next].length != best.length)
      continue;
    symbols[left.next].length = 0;
    left.length = best.length;
    left.next = symbols[left.next].next;
    if (left.next != Scratch::none) {
      symbols[left.next].previous = best.left;
      push(best.left);
    }
    if (left.previous != Scratch::none)
      push(left.previous);
  }
}

void Tokenizer::appendSymbols(std::string_view text, const Scratch& scratch,
                              std::vector<TokenId>& ids) const {
  for (const Scratch::Symbol& symbol : scratch.symbols) {
    if (symbol.length == 0)
      continue;
    std::string_view part = text.substr(symbol.begin, symbol.length);
    TokenId id = find(part);
    if (id != noToken) {
      ids.push_back(id);
      continue;
    }
    // Fall back to the tokens of single bytes.
    for (size_t at = 0; at < part.size();) {
      auto byte = static_cast<unsigned char>(part[at]);
      uint32_t length = 1;
      if (vocab.kind == VocabularyKind::ByteLevelBpe) {
        Char next = frontChar(part.substr(at));
        byte = static_cast<unsigned char>(alphabet.byteOf[next.code]);
        length = next.length;
      }
      appendByte(byte, ids);
      at += length;
    }
  }
}

void Tokenizer::appendByte(unsigned char byte, std::vector<TokenId>& ids) const {
  TokenId id = byteTokens[byte];
  if (id == noToken && vocab.kind == VocabularyKind::SentencePiece)
    id = vocab.unk;
  if (id != noToken)
    ids.push_back(id);
}

//===--- decoding -----------------------------------------------------------------------------===//

void Tokenizer::appendPiece(TokenId id, bool showSpecial, std::string& bytes) const {
  if (!vocab.contains(id))
    return;
  std::string_view text = vocab.tokens[static_cast<size_t>(id)];
  switch (vocab.typeOf(id)) {
  case TokenType::Undefined:
  case TokenType::Unused:
    return;
  case TokenType::Control:
  case TokenType::Unknown:
    if (showSpecial)
      bytes.append(text);
    return;
  case TokenType::UserDefined:
    bytes.append(text);
    return;
  case TokenType::Byte:
    if (int byte = byteOfName(text); byte >= 0)
      bytes.push_back(static_cast<char>(byte));
    else
      bytes.append(text);
    return;
  case TokenType::Normal:
    break;
  }
  if (vocab.kind == VocabularyKind::ByteLevelBpe) {
    for (size_t at = 0; at < text.size();) {
      Char next = frontChar(text.substr(at));
      int byte = next.code < alphabet.byteOf.size() ? alphabet.byteOf[next.code] : -1;
      if (byte >= 0)
        bytes.push_back(static_cast<char>(byte));
      else
        bytes.append(text.substr(at, next.length)); // not of the alphabet: stands for itself
      at += next.length;
    }
    return;
  }
  for (size_t at; (at = text.find(spaceMark)) != text.npos;) {
    bytes.append(text.substr(0, at)).push_back(' ');
    text.remove_prefix(at + spaceMark.size());
  }
  bytes.append(text);
}

void Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options,
                       std::string& bytes) const {
  size_t start = bytes.size();
  for (size_t i = 0; i != ids.size(); ++i) {
    appendPiece(ids[i], options.showSpecial, bytes);
    bool prefixed = vocab.addSpacePrefix || vocab.kind == VocabularyKind::WordPiece;
    if (i == 0 && options.dropSpacePrefix && prefixed && bytes.size() > start &&
        bytes[start] == ' ')
      bytes.erase(start, 1);
  }
  bool cleans =
      vocab.kind == VocabularyKind::WordPiece || (preTokenizer && preTokenizer->cleanSpaces);
  if (options.cleanSpaces && cleans)
    removeSpaces(bytes, start);
}

} // namespace chordal::text
