//===- Golden.h - logits against reference logits ---------------------------------------------===//
//
// Reference models come with a prompt and the logits that exact arithmetic gives for it. Whatever
// computes logits plugs in as a function and is judged by the same rules: the interpreter, a
// compiled program, an executable.
//
// Rules (see the README of the reference data): a model that is computed in float32 throughout may
// differ by 1e-3 of the logits' standard deviation, with a KL divergence below 1e-6. Where
// activations are quantised, the divergence summed over a group of models may be 1.1 times what
// llama.cpp has on the same files, and that of one model 1.3 times. A NaN passes nowhere.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chordal::golden {

/// One reference model.
struct Model {
  std::string name;
  std::string path;           ///< of model.gguf
  std::string type;           ///< "F32", "Q4_K_M", ...
  uint32_t contextLength = 0; ///< as trained
  std::vector<int32_t> tokens;
  size_t vocabulary = 0;
  std::vector<float> logits; ///< [tokens, vocabulary]
  double logitsDeviation = 0;
  double yardstick = 0; ///< mean KL divergence of llama.cpp on this file
};

/// Whether the model of that name is at hand: in the shared data or in the repository's copies.
bool isAvailable(const std::string& name);
/// Names of the available models of dense architectures, sorted; `float32`: those whose weights are
/// stored as F32, or the others. Files in formats that cannot be decoded are left out.
std::vector<std::string> denseModels(bool float32);
/// The same for mixtures of experts.
std::vector<std::string> mixtureModels(bool float32);
/// Loads a model that is. Fails if a file is malformed or the sizes do not fit together.
Result<Model> load(const std::string& name);
/// Names of the available models whose name matches one of the prefixes, sorted.
std::vector<std::string> available(std::span<const std::string> prefixes);

/// How far logits are from the reference. If any is not finite or their number is wrong, both
/// numbers are infinite.
struct Difference {
  double maxAbs = 0;
  double kl = 0;   ///< KL(reference || other) in nats, mean over positions, in float64
  double top1 = 0; ///< share of positions with the same most likely token
};
Difference compare(const Model& model, std::span<const float> logits);

struct RunOptions {
  uint32_t contextLength = 256; ///< of the reference
  bool kvFloat32 = true;        ///< else half precision
  uint32_t batch = 0;           ///< tokens per step; 0: all at once
  std::string isa = {};         ///< instruction-set level of compiled programs; empty: the highest
};

/// Computes the logits [tokens, vocabulary] of a model's prompt.
using LogitsFunction =
    std::function<Result<std::vector<float>>(const Model& model, const RunOptions& options)>;

/// Expects (as GoogleTest does) the float32 tolerances for each model.
void expectExact(const std::vector<std::string>& names, const LogitsFunction& logits,
                 const RunOptions& options = {});

/// Expects each model to be within 1.3 times the yardstick, and all together within 1.1 times.
void expectWithinYardstick(const std::vector<std::string>& names, const LogitsFunction& logits,
                           const RunOptions& options = {});

} // namespace chordal::golden
