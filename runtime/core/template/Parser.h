//===- Parser.h - a template's tokens as a tree -----------------------------------------------===//
//
// Parses the part of Jinja that chat templates are written in: expressions, if, for, set, macro,
// call, filter, with, generation, break and continue. What Jinja has beyond (inheritance, imports,
// translations) is an error that names it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/template/Ast.h"

namespace chordal::jinja {

/// Parses a source. Errors, each with its line and column: Malformed (it is no template),
/// Unsupported (a statement or form that is not handled), OutOfRange (too long, nested too deeply).
Result<Ast> parse(std::string_view source);

} // namespace chordal::jinja
