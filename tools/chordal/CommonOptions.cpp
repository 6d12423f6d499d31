//===- CommonOptions.cpp - options that several commands share --------------------------------===//
#include "tools/chordal/CommonOptions.h"

#include "kernels/catalogue/Catalogue.h"
#include "tools/console/Console.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace chordal::driver {

namespace {

/// All levels that `--isa` may name.
std::vector<std::string> isaNames() {
  std::vector<std::string> names;
  for (unsigned level = 0; level <= unsigned(kernels::Isa::NeonI8mm); ++level)
    names.emplace_back(kernels::isaName(kernels::Isa(level)));
  return names;
}

constexpr std::string_view separators = " \t\r\n,";

} // namespace

CLI::Validator between(uint64_t least, uint64_t most) {
  auto check = [least, most](std::string& text) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool good =
        error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
    return good ? std::string()
                : fmt::format("'{}' is no whole number from {} to {}", text, least, most);
  };
  return CLI::Validator(check, "");
}

void CommonOptions::addModel(CLI::App& command) {
  command
      .add_option("MODEL", model,
                  "The model: a GGUF file (of a split model: any part), or a compiled program")
      ->required();
}

void CommonOptions::addContext(CLI::App& command) {
  command
      .add_option("-c,--context", context,
                  "Positions of the context (default: as trained, but at most 4096)")
      ->check(between(1, 1u << 30))
      ->type_name("N");
}

void CommonOptions::addThreads(CLI::App& command) {
  command
      .add_option("-t,--threads", threads,
                  "Worker threads (default: as many as the process may use); results do not depend "
                  "on it")
      ->check(between(1, 1024))
      ->type_name("N");
}

void CommonOptions::addIsa(CLI::App& command) {
  command
      .add_option("--isa", isa,
                  "Instruction-set level to choose kernels for (default: the machine's)")
      ->check(CLI::IsMember(isaNames()))
      ->type_name("LEVEL");
}

void CommonOptions::addKvType(CLI::App& command) {
  command.add_option("--kv-type", kvType, "Element type of the KV cache (default: f16)")
      ->check(CLI::IsMember(std::vector<std::string>{"f16", "f32"}))
      ->type_name("TYPE");
}

void CommonOptions::addMicroBatch(CLI::App& command) {
  command.add_option("--ubatch", microBatch, "Most tokens of one step (default: 512)")
      ->check(between(1, 1u << 20))
      ->type_name("N");
}

void CommonOptions::addAll(CLI::App& command) {
  addModel(command);
  addContext(command);
  addThreads(command);
  addIsa(command);
  addKvType(command);
  addMicroBatch(command);
}

ModelOptions CommonOptions::modelOptions() const {
  ModelOptions options;
  options.contextLength = context;
  options.kvFloat32 = kvType == "f32";
  options.isa = isa;
  options.threads = threads;
  options.microBatch = microBatch;
  return options;
}

Result<std::unique_ptr<Model>> CommonOptions::load(TaskObserver* observer) const {
  Progress progress(fmt::format("compiling {} ...", model));
  ModelOptions options = modelOptions();
  options.observer = observer;
  Result<std::unique_ptr<Model>> loaded = Model::load(model, options);
  if (!loaded)
    return loaded;
  progress.clear();
  const gguf::View& file = (*loaded)->file();
  Result<std::string_view> architecture = file.getString("general.architecture");
  if (!architecture)
    return loaded;
  Result<uint32_t> trained = file.getU32(fmt::format("{}.context_length", *architecture));
  if (trained && context > *trained)
    note(fmt::format("warning: the context of {} positions is longer than the {} that the model "
                     "was trained with",
                     context, *trained));
  return loaded;
}

std::vector<int32_t> parseTokens(std::string_view option, std::string_view list) {
  std::vector<int32_t> tokens;
  while (true) {
    size_t begin = list.find_first_not_of(separators);
    if (begin == std::string_view::npos)
      return tokens;
    list.remove_prefix(begin);
    std::string_view word = list.substr(0, list.find_first_of(separators));
    list.remove_prefix(word.size());
    int32_t token = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), token);
    if (error != std::errc() || end != word.data() + word.size() || token < 0)
      throw CLI::ValidationError(std::string(option), fmt::format("'{}' is no token id", word));
    tokens.push_back(token);
  }
}

} // namespace chordal::driver
