//===- Vocabulary.cpp - what a tokenizer needs to know ----------------------------------------===//
//
// Files often say only part of which tokens are special, and some say it wrongly; the rest is known
// from the texts that model families use for their markers.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Vocabulary.h"

#include <algorithm>
#include <span>

namespace chordal::text {

namespace {

/// What a marker says, by its text.
enum MarkerUse : uint8_t {
  EndOfTurn = 1,    ///< may serve as eot if the file names none
  EndOfMessage = 2, ///< may serve as eom if the file names none
  Ends = 4,         ///< generation stops here
};

struct Marker {
  std::string_view text;
  uint8_t use;
};

/// Control tokens by their text. Where several could be eot or eom, the first in this order is.
constexpr Marker markers[] = {
    {"<|eot_id|>", EndOfTurn | Ends},
    {"<|im_end|>", EndOfTurn | Ends},
    {"<|end|>", EndOfTurn | Ends},
    {"<end_of_turn>", EndOfTurn | Ends},
    {"<|endoftext|>", EndOfTurn | Ends},
    {"<|end_of_text|>", Ends},
    {"<EOT>", EndOfTurn | Ends},
    {"_<EOT>", EndOfTurn | Ends},
    {"\u2581<EOT>", Ends},
    {"<\uFF5Cend\u2581of\u2581sentence\uFF5C>", EndOfTurn},
    {"<end_of_utterance>", EndOfTurn | Ends},
    {"<|eom_id|>", EndOfMessage | Ends},
    {"<|return|>", Ends},
    {"<|call|>", Ends},
    {"<|calls|>", Ends},
    {"<|flush|>", Ends},
    {"[EOT]", Ends},
    {"[EOS]", Ends},
    // Fill-in-the-middle: padding, repository and file separators end a piece of code.
    {"<|fim_pad|>", Ends},
    {"<fim-pad>", Ends},
    {"<fim_pad>", Ends},
    {"<PAD>", Ends},
    {"<|fim_repo|>", Ends},
    {"<|repo_name|>", Ends},
    {"<fim-repo>", Ends},
    {"<REPO>", Ends},
    {"<|file_sep|>", Ends},
    {"<|fim_prefix|>", 0},
    {"<fim-prefix>", 0},
    {"<fim_prefix>", 0},
    {"<\uFF5Cfim\u2581begin\uFF5C>", 0},
    {"<PRE>", 0},
    {"\u2581<PRE>", 0},
    {"<|fim_suffix|>", 0},
    {"<fim-suffix>", 0},
    {"<fim_suffix>", 0},
    {"<\uFF5Cfim\u2581hole\uFF5C>", 0},
    {"<SUF>", 0},
    {"\u2581<SUF>", 0},
    {"<|fim_middle|>", 0},
    {"<fim-middle>", 0},
    {"<fim_middle>", 0},
    {"<\uFF5Cfim\u2581end\uFF5C>", 0},
    {"<MID>", 0},
    {"\u2581<MID>", 0},
};

/// Tokens of the harmony format that are text to its users: they are recognised in any text and
/// shown.
constexpr std::string_view harmonyMarkers[] = {"<|start|>", "<|end|>", "<|message|>", "<|channel|>",
                                               "<|constrain|>"};

Error lengthError(const char* what, size_t length, size_t tokens) {
  return Error{"the vocabulary has " + std::to_string(tokens) + " tokens but " +
                   std::to_string(length) + " " + what + "; there must be one for each token",
               ErrorCode::Malformed};
}

} // namespace

bool Vocabulary::isEndOfGeneration(TokenId id) const {
  return std::ranges::binary_search(endOfGeneration, id);
}

Result<void> Vocabulary::finish() {
  if (tokens.empty())
    return Error{"the vocabulary has no tokens", ErrorCode::Malformed};
  if (tokens.size() > maxTokens)
    return Error{"the vocabulary has " + std::to_string(tokens.size()) + " tokens; at most " +
                     std::to_string(maxTokens) + " are supported",
                 ErrorCode::Unsupported};
  if (!scores.empty() && scores.size() != tokens.size())
    return lengthError("scores", scores.size(), tokens.size());
  if (!types.empty() && types.size() != tokens.size())
    return lengthError("token types", types.size(), tokens.size());

  struct Named {
    const char* name;
    TokenId id;
  };
  for (Named each : {Named{"bos", bos}, Named{"eos", eos}, Named{"eot", eot}, Named{"eom", eom},
                     Named{"unknown", unk}, Named{"separator", sep}, Named{"padding", pad},
                     Named{"cls", cls}, Named{"mask", mask}, Named{"newline", newline}})
    if (each.id != noToken && !contains(each.id))
      return Error{"the vocabulary's " + std::string(each.name) + " token is " +
                       std::to_string(each.id) + ", but there are only " +
                       std::to_string(tokens.size()) + " tokens",
                   ErrorCode::OutOfRange};
  if ((addBos && bos == noToken) || (addEos && eos == noToken) || (addSep && sep == noToken))
    return Error{std::string("the vocabulary asks to add the ") +
                     (addBos && bos == noToken   ? "bos"
                      : addEos && eos == noToken ? "eos"
                                                 : "separator") +
                     " token to each text but does not say which token that is",
                 ErrorCode::Missing};

  // One walk over the tokens finds all markers and the newline.
  std::vector<TokenId> markerIds(std::size(markers), noToken);
  TokenId newlineByText = noToken;
  std::string_view newlineText = kind == VocabularyKind::ByteLevelBpe ? std::string_view("\u010A")
                                                                      : std::string_view("<0x0A>");
  for (TokenId id = 0; id != size(); ++id) {
    std::string_view text = tokens[static_cast<size_t>(id)];
    if (text.size() < 2 || text.size() > 32)
      continue;
    if (text == newlineText)
      newlineByText = id;
    // All markers end with one of two characters, and few other tokens do.
    if (text.back() != '>' && text.back() != ']')
      continue;
    for (size_t i = 0; i != std::size(markers); ++i)
      if (text == markers[i].text)
        markerIds[i] = id;
  }
  if (newline == noToken)
    newline = newlineByText;

  // In the harmony format <|end|> closes one of several messages of a turn, and <|return|> and
  // <|call|> close the turn. The markers inside a turn are part of what is shown and read back.
  auto has = [&](std::string_view text) {
    for (size_t i = 0; i != std::size(markers); ++i)
      if (markers[i].text == text)
        return markerIds[i] != noToken;
    return false;
  };
  bool harmony = has("<|return|>") && has("<|call|>");

  endOfGeneration.clear();
  if (types.empty())
    types.assign(tokens.size(), TokenType::Normal);
  for (size_t i = 0; i != std::size(markers); ++i) {
    TokenId id = markerIds[i];
    if (id == noToken)
      continue;
    types[static_cast<size_t>(id)] = TokenType::Control;
    uint8_t use = harmony && markers[i].text == "<|end|>" ? 0 : markers[i].use;
    if (eot == noToken && (use & EndOfTurn))
      eot = id;
    if (eom == noToken && (use & EndOfMessage))
      eom = id;
    if (use & Ends)
      endOfGeneration.push_back(id);
  }
  if (harmony)
    for (TokenId id = 0; id != size(); ++id)
      if (std::ranges::find(harmonyMarkers, tokens[static_cast<size_t>(id)]) !=
          std::end(harmonyMarkers))
        types[static_cast<size_t>(id)] = TokenType::UserDefined;
  for (TokenId id : {eos, eot, eom})
    if (id != noToken)
      endOfGeneration.push_back(id);
  std::ranges::sort(endOfGeneration);
  auto repeated = std::ranges::unique(endOfGeneration);
  endOfGeneration.erase(repeated.begin(), repeated.end());
  return {};
}

} // namespace chordal::text
