//===- TokenJson.h - a token as a line of JSON ------------------------------------------------===//
#pragma once

#include "runtime/core/generate/Generator.h"

#include <string>

namespace chordal::generate {

/// Appends an object of a token's id, its text, the logarithm of its probability and the likeliest
/// tokens there, and a line break. Nothing for noToken. Errors as sample::topLogprobs.
Result<void> appendTokenJson(const text::Tokenizer& tokenizer, const Token& token,
                             std::string& out);

} // namespace chordal::generate
