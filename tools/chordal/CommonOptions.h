//===- CommonOptions.h - options that several commands share ----------------------------------===//
//
// How a command is added to the command line, and the options that mean the same in each of them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/text/Tokenizer.h"
#include "tools/chordal/Model.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chordal::driver {

/// What a command does once its options are parsed. May throw CLI::Error for bad usage that only
/// shows in the values; other failures are its Result, ErrorCode::Cancelled a quiet end.
using Action = std::function<Result<void>()>;

// Each adds its command to `app` and sets `action` when it is the one that was called.
void addRun(CLI::App& app, Action& action);
void addCompile(CLI::App& app, Action& action);
void addLogits(CLI::App& app, Action& action);
void addTokenize(CLI::App& app, Action& action);
void addTemplate(CLI::App& app, Action& action);
void addPerplexity(CLI::App& app, Action& action);
void addBench(CLI::App& app, Action& action);
void addInspect(CLI::App& app, Action& action);

/// Checks that a whole number is one of [least, most], without a word about it in the help.
CLI::Validator between(uint64_t least, uint64_t most);

/// The options that say how a model is compiled and run.
struct CommonOptions {
  std::string model;
  uint32_t context = 0;
  unsigned threads = 0;
  std::string isa;
  std::string kvType = "f16";
  uint32_t microBatch = 0;

  void addModel(CLI::App& command);
  void addContext(CLI::App& command);
  void addThreads(CLI::App& command);
  void addIsa(CLI::App& command);
  void addKvType(CLI::App& command);
  void addMicroBatch(CLI::App& command);
  /// All of the above.
  void addAll(CLI::App& command);

  ModelOptions modelOptions() const;
  /// Opens, compiles and loads the model, and says so on a terminal. The observer, which may be
  /// null, must outlive the model.
  Result<std::unique_ptr<Model>> load(TaskObserver* observer = nullptr) const;
};

/// Token ids in decimal, separated by white space or commas. Throws CLI::ValidationError that names
/// `option` and what is no id.
std::vector<int32_t> parseTokens(std::string_view option, std::string_view list);

} // namespace chordal::driver
