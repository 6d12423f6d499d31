//===- TinyModel.h - small models made in memory ----------------------------------------------===//
//
// A model with one block whose metadata and tensors a test then changes, one at a time, to see what
// import says about it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "tests/ir/gguf/GgufBuilder.h"

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chordal {

/// Embedding 64, 4 heads over 2 KV heads of 16 features, feed-forward 96, 40 tokens.
class TinyModel {
public:
  explicit TinyModel(std::string architecture = "llama", uint32_t blocks = 1)
      : architecture(std::move(architecture)) {
    set("general.architecture", this->architecture);
    setArch("block_count", blocks);
    setArch("context_length", uint32_t(256));
    setArch("embedding_length", uint32_t(64));
    setArch("feed_forward_length", uint32_t(96));
    setArch("attention.head_count", uint32_t(4));
    setArch("attention.head_count_kv", uint32_t(2));
    setArch("attention.layer_norm_rms_epsilon", 1e-5f);
    tensor("token_embd.weight", {64, 40});
    tensor("output_norm.weight", {64});
    tensor("output.weight", {64, 40});
    for (uint32_t i = 0; i < blocks; ++i) {
      std::string block = "blk." + std::to_string(i) + ".";
      tensor(block + "attn_norm.weight", {64});
      tensor(block + "attn_q.weight", {64, 64});
      tensor(block + "attn_k.weight", {64, 32});
      tensor(block + "attn_v.weight", {64, 32});
      tensor(block + "attn_output.weight", {64, 64});
      tensor(block + "ffn_norm.weight", {64});
      tensor(block + "ffn_gate.weight", {64, 96});
      tensor(block + "ffn_up.weight", {64, 96});
      tensor(block + "ffn_down.weight", {96, 64});
      adapt(block);
    }
    if (isAny({"phi2", "starcoder2", "gpt2", "stablelm", "gptneox", "command-r", "cohere2"}))
      setArch("attention.layer_norm_epsilon", 1e-5f);
    if (isAny({"gpt2"}))
      tensor("position_embd.weight", {64, 256});
    if (isAny({"gptneox"}))
      setArch("use_parallel_residual", true);
    if (isAny({"granite", "command-r", "cohere2"}))
      setArch("logit_scale", 8.0f);
    if (isAny({"gemma2", "gemma3", "cohere2"}))
      setArch("attention.sliding_window", uint32_t(32));
  }

  /// The dense architectures whose tensors this class knows.
  static std::vector<std::string> architectures() {
    return {"cohere2", "command-r", "exaone",  "exaone4", "gemma",     "gemma2",   "gemma3",
            "glm4",    "gpt2",      "gptneox", "granite", "internlm2", "llama",    "olmo2",
            "phi2",    "phi3",      "qwen2",   "qwen3",   "smollm3",   "stablelm", "starcoder2"};
  }

  template <typename T> TinyModel& set(const std::string& key, T value) {
    metadata[key] = [key, value](gguf::GgufBuilder& file) { file.set(key, value); };
    return *this;
  }
  TinyModel& set(const std::string& key, const char* value) { return set(key, std::string(value)); }
  template <typename T> TinyModel& setArray(const std::string& key, std::vector<T> values) {
    metadata[key] = [key, values](gguf::GgufBuilder& file) { file.setArray(key, values); };
    return *this;
  }
  TinyModel& setStrings(const std::string& key, std::vector<std::string> values) {
    metadata[key] = [key, values](gguf::GgufBuilder& file) { file.setStrings(key, values); };
    return *this;
  }
  /// Keys of the architecture, without its prefix.
  template <typename T> TinyModel& setArch(const std::string& suffix, T value) {
    return set(architecture + "." + suffix, value);
  }
  template <typename T> TinyModel& setArchArray(const std::string& suffix, std::vector<T> values) {
    return setArray(architecture + "." + suffix, std::move(values));
  }
  TinyModel& dropArch(const std::string& suffix) {
    metadata.erase(architecture + "." + suffix);
    return *this;
  }

  /// Adds or replaces a tensor of zeros; `dims` are innermost first.
  TinyModel& tensor(const std::string& name, std::vector<uint64_t> dims,
                    Format format = Format::F32) {
    tensors[name] = [name, dims, format](gguf::GgufBuilder& file) {
      file.tensor(name, format, dims);
    };
    return *this;
  }
  TinyModel& tensorF32(const std::string& name, std::vector<uint64_t> dims,
                       std::vector<float> values) {
    tensors[name] = [name, dims, values](gguf::GgufBuilder& file) {
      file.tensorF32(name, dims, values);
    };
    return *this;
  }
  TinyModel& dropTensor(const std::string& name) {
    tensors.erase(name);
    return *this;
  }

  std::vector<std::byte> build() const {
    gguf::GgufBuilder file;
    for (const auto& [key, write] : metadata)
      write(file);
    for (const auto& [name, write] : tensors)
      write(file);
    return file.build();
  }

private:
  bool isAny(std::initializer_list<std::string_view> names) const {
    for (std::string_view name : names)
      if (name == architecture)
        return true;
    return false;
  }

  /// Turns a block of Llama into one of this architecture.
  void adapt(const std::string& block) {
    auto drop = [&](std::initializer_list<const char*> parts) {
      for (const char* part : parts)
        dropTensor(block + part + ".weight");
    };
    auto add = [&](std::initializer_list<const char*> parts, uint64_t elements) {
      for (const char* part : parts)
        tensor(block + part + ".weight", {elements});
    };
    if (isAny({"qwen3", "gemma3", "exaone4"}))
      add({"attn_q_norm", "attn_k_norm"}, 16);
    if (isAny({"gemma2", "gemma3", "olmo2", "exaone4", "glm4"}))
      add({"post_attention_norm", "post_ffw_norm"}, 64);
    if (isAny({"olmo2", "exaone4"}))
      drop({"attn_norm", "ffn_norm"});
    if (isAny({"olmo2"})) {
      add({"attn_q_norm"}, 64);
      add({"attn_k_norm"}, 32);
    }
    if (isAny({"phi2", "command-r", "cohere2"}))
      drop({"ffn_norm"});
    if (isAny({"phi2", "starcoder2", "gpt2", "gptneox", "phi3", "glm4"}))
      drop({"ffn_gate"});
    if (isAny({"phi3", "glm4"}))
      tensor(block + "ffn_up.weight", {64, 192});
    if (isAny({"phi3", "gpt2", "gptneox"})) {
      drop({"attn_q", "attn_k", "attn_v"});
      tensor(block + "attn_qkv.weight", {64, 128});
    }
  }

  using Write = std::function<void(gguf::GgufBuilder&)>;
  std::string architecture;
  std::map<std::string, Write> metadata;
  std::map<std::string, Write> tensors;
};

} // namespace chordal
