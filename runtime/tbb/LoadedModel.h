//===- LoadedModel.h - what sessions of a model are made from ---------------------------------===//
//
// A model compiled and loaded for one instruction-set level, wherever it came from: compiled in
// memory, or from the file of a compiled program. Nothing in it changes any more, so any number of
// threads may make sessions of it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "runtime/core/LoadedProgram.h"
#include "runtime/core/Session.h"
#include "runtime/core/text/Tokenizer.h"
#include "runtime/tbb/Executor.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace chordal {

struct LoadedModel {
  std::shared_ptr<const void> storage; ///< what the rest points into; first, so that it goes last
  gguf::View file;                     ///< the metadata with the vocabulary
  Program program;
  ProgramCode code;
  std::vector<std::span<const std::byte>> weights;
  uint32_t level = 0; ///< kernels::Isa that kernels were chosen for

  /// A session, which must not outlive this. Errors as Session::create.
  Result<std::unique_ptr<Session>> createSession(const SessionOptions& options,
                                                 const ExecutorOptions& execution) const;
};

/// Fails unless the KV cache has elements of this type ("f16", "f32"; empty: any).
Result<void> requireKvType(const Program& program, std::string_view type);

/// The tokenizer of a file, which must outlive it. Errors: a vocabulary that is missing, or of a
/// kind that is not supported.
Result<text::Tokenizer> readTokenizer(const gguf::View& file);

} // namespace chordal
