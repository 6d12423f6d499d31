//===- ChatTemplate.h - the chat template of a model ------------------------------------------===//
//
// Where a model's template comes from and which variables it gets besides the conversation.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "runtime/core/template/Template.h"
#include "runtime/core/text/Vocabulary.h"

#include <string>
#include <string_view>

namespace chordal::generate {

/// Parses a template; messages of errors begin with the name of the file that it is from.
Result<jinja::Template> parseTemplate(std::string_view source, const std::string& name);

/// Whether a model carries a chat template.
bool hasTemplate(const gguf::View& file);

/// The template that a model carries. ErrorCode::Missing if it has none.
Result<jinja::Template> modelTemplate(const gguf::View& file);

/// The text that a template gives for a JSON object of its variables. Of these, "strftime_now"
/// (such as "2025-07-04T12:30:45") is the time that the template sees, else it is now; bos_token
/// and eos_token are those of the vocabulary unless they are given; it may be null. Errors: JSON
/// that is none; those of jinja::Template::render.
Result<std::string> render(const jinja::Template& chatTemplate, std::string_view variables,
                           const text::Vocabulary* vocabulary);

/// Sets bos_token and eos_token from a vocabulary ("" where it has none), unless they are set.
void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary);

} // namespace chordal::generate
