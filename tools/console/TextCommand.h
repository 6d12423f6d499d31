//===- TextCommand.h - texts from a model, on the command line --------------------------------===//
//
// What `chordal run` and compiled programs do once a model is loaded: continue a text, or converse.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "runtime/core/Session.h"
#include "runtime/core/generate/Generator.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chordal {

struct TextOptions {
  std::optional<std::string> prompt; ///< --prompt
  std::string file;                  ///< --file; empty: none
  generate::Options generation;
  std::optional<uint64_t> seed; ///< nothing: a random one
  bool logprobs = false;
  bool chat = false;
  std::string system;       ///< --system; empty: none
  std::string templateFile; ///< --template; empty: the model's own
};

/// What the text is about how things were done, for the report at the end.
struct Circumstances {
  double loadSeconds = 0;
  unsigned threads = 0;
  std::string_view isa;
};

class TextCommand {
public:
  /// Checks how the options go together and draws the seed. Errors are bad usage.
  Result<void> init(TextOptions given);

  /// Reads the prompt, where there is one to be read: before a model is loaded, for this may fail
  /// or take long.
  Result<void> readPrompt();

  /// Prints what the model says and reports on standard error. `file`: the model's metadata.
  Result<void> run(Session& session, const text::Tokenizer& tokenizer, const gguf::View& file,
                   const Circumstances& circumstances);

private:
  Result<void> complete(Session& session, const text::Tokenizer& tokenizer,
                        generate::Generator& generator, SequenceId sequence,
                        const std::string& text);
  Result<void> completeLines(Session& session, const text::Tokenizer& tokenizer,
                             generate::Generator& generator, SequenceId sequence);
  Result<void> converse(Session& session, const text::Tokenizer& tokenizer, const gguf::View& file,
                        generate::Generator& generator, SequenceId sequence);

  TextOptions options;
  bool atTerminal = false; ///< no prompt is given, and someone is there to type
};

} // namespace chordal
