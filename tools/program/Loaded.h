//===- Loaded.h - the program in this executable, ready to run --------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "runtime/core/Session.h"
#include "runtime/core/text/Tokenizer.h"
#include "runtime/tbb/ProgramFile.h"
#include "tools/program/Linked.h"
#include "tools/program/Options.h"

#include <memory>

namespace chordal::program {

class Loaded {
public:
  /// Maps the executable and chooses the level. Errors: a damaged file, a machine that lacks what
  /// the program was compiled for.
  static Result<std::unique_ptr<Loaded>> open(const Options& options);

  const ProgramFile& file() const { return mapped; }
  const gguf::View& metadata() const { return *view; }
  const chordal_linked_level& level() const { return *linked; }
  /// The tables of the chosen level.
  Result<Program> tables() const;

  /// The session, with the kernels that are linked into this executable.
  Result<std::unique_ptr<Session>> createSession(const Options& options, unsigned threads) const;
  Result<text::Tokenizer> createTokenizer() const;

private:
  ProgramFile mapped;
  std::optional<gguf::View> view;
  const chordal_linked_level* linked = nullptr;
};

} // namespace chordal::program
