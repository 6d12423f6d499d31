//===- ApiFixture.h - libraries with the C API, opened for a test -----------------------------===//
#pragma once

#include "tests/tools/Api.h"
#include "tests/tools/Command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

namespace chordal::test {

inline const std::string tale = data("fairytale-q4_k_m.gguf");

inline bool canLink() {
  return std::filesystem::exists(std::string(CHORDAL_BUNDLE) + "/chordal.map");
}

/// A library and the model to open with it.
struct Subject {
  std::unique_ptr<Api> api;
  std::string path; ///< empty: the library's own program
};

/// The library compiled from the tale, made once.
inline const std::string& taleLibrary() {
  static TemporaryFolder folder;
  static const std::string path = [] {
    std::string made = folder.file("libtale.so");
    Outcome outcome = chordal({"compile", tale, "-o", made, "--emit", "lib"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return made;
  }();
  return path;
}

enum class Kind { WithCompiler, Compiled };

class Interface : public ::testing::TestWithParam<Kind> {
protected:
  void SetUp() override {
    bool compiled = GetParam() == Kind::Compiled;
    if (compiled && !canLink())
      GTEST_SKIP() << "this build has no bundle to link libraries from (no static oneTBB)";
    subject.api = std::make_unique<Api>(compiled ? taleLibrary() : CHORDAL_LIBRARY);
    subject.path = compiled ? "" : tale;
    ASSERT_NE(subject.api->library, nullptr) << ::dlerror();
    ASSERT_NE(subject.api->cancel, nullptr);
    ASSERT_EQ(api().open(path(), nullptr, &model), CHORDAL_OK) << api().last_error();
    ASSERT_EQ(api().session_open(model, nullptr, &session), CHORDAL_OK) << api().last_error();
    info.size = sizeof info;
    ASSERT_EQ(api().get_info(model, &info), CHORDAL_OK) << api().last_error();
  }
  void TearDown() override {
    if (session)
      api().session_close(session);
    if (model)
      api().close(model);
  }

  const Api& api() const { return *subject.api; }
  const char* path() const { return subject.path.empty() ? nullptr : subject.path.c_str(); }

  std::vector<int32_t> tokens(const std::string& text) const {
    std::vector<int32_t> ids(text.size() + 8);
    size_t count = 0;
    EXPECT_EQ(api().tokenize(model, text.data(), text.size(),
                             CHORDAL_ADD_SPECIAL | CHORDAL_PARSE_SPECIAL, ids.data(), ids.size(),
                             &count),
              CHORDAL_OK)
        << api().last_error();
    ids.resize(count);
    return ids;
  }

  chordal_generate_options greedy(uint32_t count) const {
    chordal_generate_options options;
    api().generate_defaults(&options, sizeof options);
    options.temperature = 0;
    options.max_tokens = count;
    return options;
  }

  Subject subject;
  chordal_model* model = nullptr;
  chordal_session* session = nullptr;
  chordal_info info{};
};

/// Collects what a callback is told.
struct Collected {
  std::string text;
  std::vector<int32_t> ids;
  size_t limit = SIZE_MAX; ///< tokens after which it wants no more

  static int32_t take(void* user, const chordal_token* token) {
    auto& self = *static_cast<Collected*>(user);
    EXPECT_EQ(token->size, sizeof *token);
    EXPECT_EQ(token->text[token->text_size], '\0');
    self.text.append(token->text, token->text_size);
    if (token->id >= 0)
      self.ids.push_back(token->id);
    return self.ids.size() >= self.limit;
  }
};

} // namespace chordal::test
