//===- Chat.h - conversations with a model ---------------------------------------------------===//
//
// The part of `chordal run --chat` that is not shared with the continuation of a text.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/sample/Sampler.h"
#include "tools/chordal/CommonOptions.h"

#include <optional>
#include <string>
#include <vector>

namespace chordal::driver {

struct ChatOptions {
  CommonOptions common;
  std::string system;               ///< the system message; empty: none
  std::string templateFile;         ///< empty: the model's own template
  std::optional<std::string> first; ///< a first turn before those that are read
  std::optional<uint32_t> count;    ///< most tokens of an answer
  sample::SamplerOptions sampler;
  std::vector<std::string> stops;
};

/// Reads turns from standard input, a line each, and prints the model's answers until the input
/// ends. Ctrl-C ends an answer; what was said of it stays in the conversation.
Result<void> chat(const ChatOptions& options);

} // namespace chordal::driver
