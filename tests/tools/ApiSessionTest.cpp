//===- ApiSessionTest.cpp - sessions of the C API: who may call when, and in which thread -----===//
#include "tests/tools/ApiFixture.h"

#include <optional>
#include <thread>

namespace chordal::test {

TEST_P(Interface, isCancelledFromAnotherThread) {
  std::vector<int32_t> ids = tokens("Once upon a time");
  struct Shared {
    const Api* api;
    chordal_session* session;
    std::optional<std::thread> canceller;
    size_t seen = 0;
  } shared{&api(), session, {}, 0};
  chordal_generate_options options = greedy(UINT32_MAX);
  options.ignore_eos = 1;
  chordal_status status = api().generate(
      session, ids.data(), ids.size(), &options,
      [](void* user, const chordal_token* token) -> int32_t {
        auto& self = *static_cast<Shared*>(user);
        if (token->id >= 0 && ++self.seen == 5)
          self.canceller.emplace([&self] { self.api->cancel(self.session); });
        return 0;
      },
      &shared, nullptr);
  EXPECT_EQ(status, CHORDAL_ERROR_CANCELLED);
  ASSERT_TRUE(shared.canceller);
  shared.canceller->join();
  EXPECT_GE(shared.seen, 5u);
  EXPECT_GE(api().session_length(session), ids.size());
  // Before a call: that one is cancelled, and the next is not.
  api().cancel(session);
  EXPECT_EQ(api().evaluate(session, ids.data(), 1, 0, nullptr), CHORDAL_ERROR_CANCELLED);
  ASSERT_EQ(api().session_truncate(session, 0), CHORDAL_OK) << api().last_error();
  Collected after;
  options = greedy(10);
  EXPECT_EQ(
      api().generate(session, ids.data(), ids.size(), &options, Collected::take, &after, nullptr),
      CHORDAL_OK)
      << api().last_error();
  EXPECT_EQ(after.text,
            chordal({"run", tale, "-p", "Once upon a time", "-n", "10", "--temp", "0"}).out);
}

TEST_P(Interface, aSessionServesOneCallAtATime) {
  std::vector<int32_t> ids = tokens("Once upon a time");
  struct Shared {
    const Api* api;
    chordal_session* session;
    chordal_status second;
  } shared{&api(), session, CHORDAL_OK};
  chordal_generate_options options = greedy(3);
  EXPECT_EQ(api().generate(
                session, ids.data(), ids.size(), &options,
                [](void* user, const chordal_token*) -> int32_t {
                  auto& self = *static_cast<Shared*>(user);
                  self.second = self.api->session_truncate(self.session, 0);
                  return 0;
                },
                &shared, nullptr),
            CHORDAL_OK);
  EXPECT_EQ(shared.second, CHORDAL_ERROR_BUSY);
}

TEST_P(Interface, sessionsInThreadsGiveWhatTheyGiveAlone) {
  const std::vector<std::string> prompts{"Once upon a time", "The king said", "In the forest"};
  // Two libraries in one process, too: a second one beside the subject.
  Api second(CHORDAL_LIBRARY);
  chordal_model* other = nullptr;
  ASSERT_EQ(second.open(tale.c_str(), nullptr, &other), CHORDAL_OK) << second.last_error();
  auto generate = [&](const Api& with, chordal_model* from, const std::string& prompt,
                      Collected& collected) {
    chordal_session* own = nullptr;
    chordal_session_options small{};
    small.size = sizeof small;
    small.threads = 2;
    chordal_status opened = with.session_open(from, &small, &own);
    EXPECT_EQ(opened, CHORDAL_OK) << with.last_error();
    if (opened != CHORDAL_OK)
      return;
    std::vector<int32_t> ids = tokens(prompt);
    chordal_generate_options options = greedy(60);
    EXPECT_EQ(
        with.generate(own, ids.data(), ids.size(), &options, Collected::take, &collected, nullptr),
        CHORDAL_OK)
        << with.last_error();
    with.session_close(own);
  };
  std::vector<Collected> alone(prompts.size()), together(prompts.size()), beside(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i)
    generate(api(), model, prompts[i], alone[i]);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < prompts.size(); ++i) {
    threads.emplace_back([&, i] { generate(api(), model, prompts[i], together[i]); });
    threads.emplace_back([&, i] { generate(second, other, prompts[i], beside[i]); });
  }
  for (std::thread& thread : threads)
    thread.join();
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i].text, alone[i].text) << prompts[i];
    EXPECT_EQ(beside[i].text, alone[i].text) << prompts[i];
    EXPECT_EQ(alone[i].ids.size(), 60u);
  }
  second.close(other);
}

TEST_P(Interface, aSessionOutlivesItsModelsHandle) {
  api().close(model);
  model = nullptr;
  int32_t id = 1;
  std::vector<float> logits(info.vocabulary);
  EXPECT_EQ(api().evaluate(session, &id, 1, 1, logits.data()), CHORDAL_OK) << api().last_error();
}

TEST_P(Interface, errorsBelongToTheirThread) {
  EXPECT_EQ(api().session_truncate(session, 9), CHORDAL_ERROR_ARGUMENT);
  std::string own = api().last_error(), others = "unset";
  std::thread([&] { others = api().last_error(); }).join();
  EXPECT_NE(own, "");
  EXPECT_EQ(others, "");
  EXPECT_EQ(api().last_error(), own);
}

} // namespace chordal::test
