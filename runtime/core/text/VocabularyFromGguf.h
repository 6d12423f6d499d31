//===- VocabularyFromGguf.h - a vocabulary from a GGUF file -----------------------------------===//
//
// Reads the keys `tokenizer.ggml.*`. The only part of the text code that knows GGUF.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/text/Vocabulary.h"

namespace chordal::gguf {
class View;
}

namespace chordal::text {

/// Reads and finishes a vocabulary from the file's metadata. Strings stay in the file's memory,
/// which must outlive the vocabulary. Errors name the key: missing, of another type than it must
/// be, out of range, or of a length that does not fit the number of tokens.
Result<Vocabulary> readVocabulary(const gguf::View& file);

} // namespace chordal::text
