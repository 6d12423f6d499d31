//===- TokenJson.cpp - a token as a line of JSON ----------------------------------------------===//
#include "runtime/core/generate/TokenJson.h"

#include "runtime/core/template/Template.h"

#include <charconv>

namespace chordal::generate {

namespace {

/// How many likely tokens are listed.
constexpr uint32_t shownAlternatives = 5;

} // namespace

Result<void> appendTokenJson(const text::Tokenizer& tokenizer, const Token& token,
                             std::string& out) {
  if (token.id == text::noToken)
    return {};
  Result<float> own = sample::logprobOf(token.logits, token.id);
  if (!own)
    return own.error();
  auto likely = sample::topLogprobs(token.logits, shownAlternatives);
  if (!likely)
    return likely.error();
  auto members = [&](text::TokenId id, float logprob) {
    std::string piece;
    tokenizer.appendPiece(id, /*showSpecial=*/true, piece);
    // A token may be part of a character; such text is shown with replacement characters.
    out += "{\"token\":" + std::to_string(id) + ",\"text\":" + jinja::jsonString(piece) +
           ",\"logprob\":";
    char number[32];
    out.append(number, std::to_chars(number, number + sizeof number, logprob).ptr);
  };
  members(token.id, *own);
  out += ",\"top\":[";
  for (size_t i = 0; i < likely->size(); ++i) {
    if (i != 0)
      out += ',';
    members((*likely)[i].token, (*likely)[i].logprob);
    out += '}';
  }
  out += "]}\n";
  return {};
}

} // namespace chordal::generate
