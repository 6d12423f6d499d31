//===- Golden.cpp - logits against reference logits -------------------------------------------===//
//
// See Golden.h.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/golden/Golden.h"

#include "ir/gguf/Decode.h"
#include "ir/gguf/View.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

namespace chordal::golden {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> roots() {
  std::vector<fs::path> result;
  if (!std::string_view(CHORDAL_SHARED_DATA).empty())
    result.push_back(fs::path(CHORDAL_SHARED_DATA) / "golden/models");
  result.push_back(fs::path(CHORDAL_TEST_DATA) / "models");
  return result;
}

std::optional<fs::path> folderOf(const std::string& name) {
  for (const fs::path& root : roots())
    if (fs::exists(root / name / "model.gguf"))
      return root / name;
  return std::nullopt;
}

Result<nlohmann::json> readJson(const fs::path& path) {
  std::ifstream file(path);
  nlohmann::json json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return Error{path.string() + " is missing or no JSON"};
  return json;
}

double number(const nlohmann::json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// Logarithm of the softmax of a row, in float64.
std::vector<double> logSoftmax(const float* row, size_t size) {
  double top = *std::max_element(row, row + size);
  double sum = 0;
  for (size_t i = 0; i < size; ++i)
    sum += std::exp(row[i] - top);
  std::vector<double> result(row, row + size);
  for (double& x : result)
    x -= top + std::log(sum);
  return result;
}

/// The logits of one model; infinitely far when there are none.
Difference run(const std::string& name, const LogitsFunction& logits, const RunOptions& options,
               Model& model) {
  Difference none{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(),
                  0};
  Result<Model> loaded = load(name);
  if (!loaded) {
    ADD_FAILURE() << loaded.error().message;
    return none;
  }
  model = std::move(*loaded);
  Result<std::vector<float>> actual = logits(model, options);
  if (!actual) {
    ADD_FAILURE() << name << ": " << actual.error().message;
    return none;
  }
  return compare(model, *actual);
}

} // namespace

bool isAvailable(const std::string& name) {
  return folderOf(name).has_value();
}

std::vector<std::string> available(std::span<const std::string> prefixes) {
  std::vector<std::string> names;
  for (const fs::path& root : roots()) {
    std::error_code ignored; // a missing folder holds no models
    for (const fs::directory_entry& entry : fs::directory_iterator(root, ignored)) {
      std::string name = entry.path().filename();
      if (fs::exists(entry.path() / "model.gguf") &&
          std::ranges::any_of(prefixes, [&](const std::string& p) { return name.starts_with(p); }))
        names.push_back(name);
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// The available models of these names whose formats can be decoded.
static std::vector<std::string> decodableModels(std::span<const std::string> prefixes,
                                                bool float32) {
  std::vector<std::string> names = available(prefixes);
  std::erase_if(names, [&](const std::string& name) {
    Result<Model> model = load(name);
    Result<gguf::View> view = model ? gguf::View::open(model->path) : model.error();
    return !view || (model->type == "F32") != float32 ||
           !std::ranges::all_of(view->tensors(), [](const gguf::Tensor& tensor) {
             return canDecode(tensor.format);
           });
  });
  return names;
}

std::vector<std::string> denseModels(bool float32) {
  // By the architecture's name, and llama by the names of its models, as some are mixtures.
  const std::string prefixes[] = {"command-r-", "gemma",   "gpt2-",    "granite-",   "llama-",
                                  "llama3-",    "mistral", "olmo2-",   "phi2-",      "phi3-",
                                  "qwen2-",     "qwen3-",  "stablelm", "starcoder2-"};
  return decodableModels(prefixes, float32);
}

std::vector<std::string> mixtureModels(bool float32) {
  const std::string prefixes[] = {"deepseek2-", "gpt-oss-", "mixtral-", "qwen3moe-"};
  return decodableModels(prefixes, float32);
}

Result<Model> load(const std::string& name) {
  std::optional<fs::path> folder = folderOf(name);
  if (!folder)
    return Error{"there is no reference model " + name, ErrorCode::Missing};
  Result<nlohmann::json> tokens = readJson(*folder / "tokens.json");
  Result<nlohmann::json> meta = readJson(*folder / "meta.json");
  if (!tokens || !meta)
    return tokens ? meta.error() : tokens.error();

  Model model;
  model.name = name;
  model.path = *folder / "model.gguf";
  model.type = meta->value("type", "");
  model.tokens = (*tokens)["tokens"].get<std::vector<int32_t>>();
  model.vocabulary = meta->value("n_vocab", size_t(0));
  model.contextLength =
      (*meta)["hparams"].value(meta->value("arch", "") + ".context_length", uint32_t(0));
  model.logitsDeviation = number((*meta)["logits_std"]);
  model.yardstick = number((*meta)["llamacpp_vs_reference"]["kl_mean"]);

  size_t count = model.tokens.size() * model.vocabulary;
  std::error_code error;
  uint64_t size = fs::file_size(*folder / "logits.f32", error);
  if (count == 0 || error || size != count * sizeof(float))
    return Error{(*folder / "logits.f32").string() + " does not hold " +
                 std::to_string(model.tokens.size()) + " x " + std::to_string(model.vocabulary) +
                 " logits"};
  model.logits.resize(count);
  std::ifstream file(*folder / "logits.f32", std::ios::binary);
  file.read(reinterpret_cast<char*>(model.logits.data()), std::streamsize(size));
  if (!file)
    return Error{"cannot read " + (*folder / "logits.f32").string(), ErrorCode::Io};
  return model;
}

Difference compare(const Model& model, std::span<const float> logits) {
  double infinity = std::numeric_limits<double>::infinity();
  bool finite = std::ranges::all_of(logits, [](float x) { return std::isfinite(x); });
  if (!finite || logits.size() != model.logits.size())
    return {infinity, infinity, 0};

  Difference result;
  size_t size = model.vocabulary;
  for (size_t t = 0; t < model.tokens.size(); ++t) {
    const float* expected = model.logits.data() + t * size;
    const float* actual = logits.data() + t * size;
    std::vector<double> p = logSoftmax(expected, size), q = logSoftmax(actual, size);
    for (size_t i = 0; i < size; ++i) {
      result.maxAbs = std::max(result.maxAbs, std::abs(double(expected[i]) - actual[i]));
      result.kl += std::exp(p[i]) * (p[i] - q[i]);
    }
    result.top1 += std::max_element(expected, expected + size) - expected ==
                   std::max_element(actual, actual + size) - actual;
  }
  result.kl /= double(model.tokens.size());
  result.top1 /= double(model.tokens.size());
  return result;
}

void expectExact(const std::vector<std::string>& names, const LogitsFunction& logits,
                 const RunOptions& options) {
  EXPECT_FALSE(names.empty());
  for (const std::string& name : names) {
    Model model;
    Difference d = run(name, logits, options, model);
    // Written so that a NaN fails: comparisons with it are false.
    EXPECT_TRUE(d.maxAbs <= 1e-3 * model.logitsDeviation && d.kl < 1e-6)
        << name << ": max |d| " << d.maxAbs << ", deviation of the logits " << model.logitsDeviation
        << ", KL " << d.kl;
    printf("%-20s max |d| %.2e  KL %.2e  top-1 %.3f\n", name.c_str(), d.maxAbs, d.kl, d.top1);
  }
}

void expectWithinYardstick(const std::vector<std::string>& names, const LogitsFunction& logits,
                           const RunOptions& options) {
  EXPECT_FALSE(names.empty());
  double sum = 0, yardsticks = 0;
  for (const std::string& name : names) {
    Model model;
    Difference d = run(name, logits, options, model);
    EXPECT_TRUE(d.kl <= 1.3 * model.yardstick)
        << name << ": KL " << d.kl << ", llama.cpp's is " << model.yardstick;
    printf("%-20s max |d| %.2e  KL %.2e (x %.3f)  top-1 %.3f\n", name.c_str(), d.maxAbs, d.kl,
           d.kl / model.yardstick, d.top1);
    sum += d.kl;
    yardsticks += model.yardstick;
  }
  EXPECT_TRUE(sum <= 1.1 * yardsticks)
      << "all together: KL " << sum << ", llama.cpp's is " << yardsticks;
  printf("all together: KL x %.3f of llama.cpp's\n", sum / yardsticks);
}

} // namespace chordal::golden
