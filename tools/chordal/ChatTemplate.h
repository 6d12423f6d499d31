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

namespace chordal::driver {

/// The template of a file of this path. ErrorCode::Malformed and the like name the file.
Result<jinja::Template> readTemplate(const std::string& path);

/// The template that a model carries. ErrorCode::Missing if it has none.
Result<jinja::Template> modelTemplate(const gguf::View& file);

/// Sets bos_token and eos_token from a vocabulary ("" where it has none), unless they are set.
void addSpecialTokens(jinja::Context& context, const text::Vocabulary& vocabulary);

/// The time now, where this machine is.
jinja::Time localTime();

} // namespace chordal::driver
