//===- LoadedModel.cpp - what sessions of a model are made from -------------------------------===//
#include "runtime/tbb/LoadedModel.h"

#include "runtime/core/text/VocabularyFromGguf.h"
#include "runtime/tbb/Memory.h"

namespace chordal {

Result<std::unique_ptr<Session>>
LoadedModel::createSession(const SessionOptions& options, const ExecutorOptions& execution) const {
  return Session::create(program, weights, createTbbExecutor(code, execution), options,
                         systemMemory());
}

Result<void> requireKvType(const Program& program, std::string_view type) {
  if (type.empty() || program.states.empty())
    return {};
  std::string_view own = program.states[0].element == CHORDAL_F32 ? "f32" : "f16";
  if (type == own)
    return {};
  return Error{"the KV cache of this program is " + std::string(own) +
                   "; compile it with --kv-type " + std::string(type),
               ErrorCode::Unsupported};
}

Result<text::Tokenizer> readTokenizer(const gguf::View& file) {
  Result<text::Vocabulary> vocabulary = text::readVocabulary(file);
  if (!vocabulary)
    return std::move(vocabulary).error();
  text::Tokenizer tokenizer;
  if (Result<void> made = tokenizer.init(*std::move(vocabulary)); !made)
    return made.error();
  return tokenizer;
}

} // namespace chordal
