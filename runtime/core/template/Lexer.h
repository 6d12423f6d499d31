//===- Lexer.h - a template's source as tokens ------------------------------------------------===//
//
// Divides a template into text and the tokens of its tags, and applies the rules of white space:
// `-` and `+` at the edge of a tag, and what the transformers library sets for chat templates
// (trim_blocks: the line break behind a block goes; lstrip_blocks: so does the indentation before
// one that begins a line; the last line break of the source goes).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/template/Ast.h"

namespace chordal::jinja {

enum class TokenKind : uint8_t {
  Text,
  VariableBegin,
  VariableEnd,
  BlockBegin,
  BlockEnd,
  Name,
  Integer,
  Float,
  String, ///< text: with escapes resolved
  Operator,
  End,
};

struct Token {
  TokenKind kind = TokenKind::End;
  Offset at = 0;
  std::string text;
};

/// The tokens of a source whose line breaks are line feeds, an End behind them. Error: Malformed.
Result<std::vector<Token>> tokenize(std::string_view source);

/// An error at a place of a source: "template:LINE:COLUMN: message".
Error errorAt(std::string_view source, Offset at, std::string_view message, ErrorCode code);

} // namespace chordal::jinja
