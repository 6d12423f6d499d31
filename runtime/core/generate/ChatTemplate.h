//===- ChatTemplate.h - the chat template of a model -----------------------------------------===//
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

/// Sets bos_token and eos_token from a vocabulary ("" where it has none), unless they are set.
void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary);

} // namespace chordal::generate
