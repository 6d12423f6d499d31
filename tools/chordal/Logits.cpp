//===- Logits.cpp - chordal logits: the logits of every position ------------------------------===//
//
// For comparisons with other engines: token ids in, a NumPy array out.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/OutputFile.h"
#include "tools/console/Console.h"
#include "tools/console/Interrupt.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <span>

namespace chordal::driver {

namespace {

constexpr const char* details = R"(Example:
  chordal logits model.gguf --tokens "1 15 27" -o logits.npy

The ids are taken as they are: no BOS is added. The file is a NumPy array of float32
[tokens, vocabulary]; row i has the logits after token i. --ubatch 1 runs token by token.)";

static_assert(std::endian::native == std::endian::little, "the array is written as '<f4'");

/// The header of a float32 matrix in NumPy's format, version 1.0 (numpy.lib.format): magic,
/// version, length, a Python dictionary, padded with spaces and a line break to a multiple of 64
/// bytes.
std::string npyHeader(size_t rows, size_t columns) {
  std::string dictionary =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  constexpr size_t prefix = 10;
  size_t total = (prefix + dictionary.size() + 1 + 63) / 64 * 64;
  dictionary.resize(total - prefix - 1, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(dictionary.size() & 0xff);
  header += char(dictionary.size() >> 8);
  return header + dictionary;
}

struct LogitsOptions {
  CommonOptions common;
  std::string tokens;
  std::string output;
};

Result<void> logits(const LogitsOptions& options) {
  std::vector<int32_t> tokens = parseTokens("--tokens", options.tokens);
  if (tokens.empty())
    throw CLI::ValidationError("--tokens", "there are none");
  auto loaded = options.common.load();
  if (!loaded)
    return loaded.error();
  Session& session = (*loaded)->session();
  if (tokens.size() > session.contextLength())
    return Error{fmt::format("{} tokens do not fit the context of {}; give a larger one with -c",
                             tokens.size(), session.contextLength()),
                 ErrorCode::Full};
  OutputFile file;
  if (Result<void> opened = file.open(options.output); !opened)
    return opened;
  if (Result<void> written = file.write(npyHeader(tokens.size(), session.vocabulary())); !written)
    return written;
  Result<SequenceId> sequence = session.createSequence();
  if (!sequence)
    return sequence.error();

  // Step by step, so that memory is needed for the rows of one step only.
  InterruptGuard guard(session);
  Progress progress;
  size_t step = std::min<size_t>(session.microBatch(), tokens.size());
  std::vector<float> rows(step * session.vocabulary());
  for (size_t begin = 0; begin < tokens.size(); begin += step) {
    progress.show(fmt::format("token {} of {} ...", begin, tokens.size()));
    size_t count = std::min(step, tokens.size() - begin);
    Result<void> done =
        session.prefillAll(*sequence, std::span(tokens).subspan(begin, count), rows.data());
    if (!done)
      return done.error().code == ErrorCode::Cancelled ? Error{"interrupted"} : done.error();
    Result<void> written = file.write(rows.data(), count * session.vocabulary() * sizeof(float));
    if (!written)
      return written;
  }
  return file.commit();
}

} // namespace

void addLogits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App& command = *app.add_subcommand("logits", "Write the logits of every position to a file");
  command.footer(details);
  options->common.addAll(command);
  command.add_option("--tokens", options->tokens, "Token ids, separated by spaces or commas")
      ->required()
      ->type_name("IDS");
  command.add_option("-o,--output", options->output, "The array to write (.npy)")
      ->required()
      ->type_name("FILE");
  command.callback([&action, options] { action = [options] { return logits(*options); }; });
}

} // namespace chordal::driver
