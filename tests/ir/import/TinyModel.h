//===- TinyModel.h - small models made in memory ----------------------------------------------===//
//
// A model with one block whose metadata and tensors a test then changes, one at a time, to see what
// import says about it.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "tests/ir/gguf/GgufBuilder.h"

#include <functional>
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
      if (this->architecture == "qwen3") {
        tensor(block + "attn_q_norm.weight", {16});
        tensor(block + "attn_k_norm.weight", {16});
      }
    }
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
  using Write = std::function<void(gguf::GgufBuilder&)>;
  std::string architecture;
  std::map<std::string, Write> metadata;
  std::map<std::string, Write> tensors;
};

} // namespace chordal
