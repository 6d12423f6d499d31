//===- SessionTest.cpp - steps from tokens ----------------------------------------------------===//
//
// The model `recall` computes logits from all tokens of a sequence, as read back through the KV
// cache, so wrong chunks, positions, blocks or rows change them.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Session.h"
#include "runtime/core/SerialExecutor.h"
#include "tests/runtime/core/TestPrograms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace chordal;
using test::recallVocabulary;

namespace {

/// The serial executor, and what it was asked to run.
class Recorder final : public StepExecutor {
public:
  std::vector<uint32_t>* ran;
  Result<void> fail;
  std::unique_ptr<StepExecutor> inner = createSerialExecutor(test::recallCode(), heapMemory());
  const chordal_step* step = nullptr;

  explicit Recorder(std::vector<uint32_t>* ran) : ran(ran) {}
  Result<void> load(const Program& program, const Bindings& bindings,
                    const std::atomic<bool>& cancel) override {
    step = bindings.step;
    return inner->load(program, bindings, cancel);
  }
  Result<void> run(uint32_t bucket) override {
    ran->push_back(step->n_tokens);
    EXPECT_EQ(bucket, step->n_tokens == 1 ? 0u : step->n_tokens <= 4 ? 1u : 2u);
    if (!fail)
      return fail;
    return inner->run(bucket);
  }
};

struct Fixture {
  std::vector<uint32_t> ran; // tokens of each step
  Recorder* recorder = nullptr;
  std::unique_ptr<Session> session;

  explicit Fixture(SessionOptions options = {}) {
    auto owned = std::make_unique<Recorder>(&ran);
    recorder = owned.get();
    Result<std::unique_ptr<Session>> created =
        Session::create(test::makeRecall(), {}, std::move(owned), options, heapMemory());
    if (!created)
      ADD_FAILURE() << created.error().message;
    else
      session = *std::move(created);
  }
};

std::vector<int32_t> randomTokens(std::mt19937& random, size_t count) {
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens)
    token = std::uniform_int_distribution<int32_t>(0, recallVocabulary - 1)(random);
  return tokens;
}

void expectLogits(const float* logits, std::span<const int32_t> seen) {
  for (uint32_t v = 0; v < recallVocabulary; ++v)
    ASSERT_EQ(logits[v], test::recallLogit(seen, v)) << "after " << seen.size() << " tokens";
}

TEST(Session, SplitsLongInputsIntoChunks) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (uint32_t microBatch : {0u, 1u, 3u, 5u, 100u}) {
    SessionOptions options;
    options.microBatch = microBatch;
    Fixture fixture(options);
    Session& session = *fixture.session;
    uint32_t chunk = microBatch == 0 || microBatch > 16 ? 16 : microBatch;
    EXPECT_EQ(session.microBatch(), chunk);
    SequenceId id = *session.createSequence();
    std::vector<int32_t> tokens = randomTokens(random, 150);
    std::vector<float> logits(tokens.size() * recallVocabulary, NAN);

    // Random rows of the first part, all of the second, the last of the third.
    std::vector<int32_t> rows;
    for (int32_t i = 0; i < 70; ++i)
      if (random() % 3 == 0)
        rows.push_back(i);
    std::span<const int32_t> all(tokens);
    ASSERT_TRUE(session.prefill(id, all.first(70), rows, logits.data()));
    for (size_t i = 0; i < rows.size(); ++i)
      expectLogits(logits.data() + i * recallVocabulary, all.first(size_t(rows[i]) + 1));
    EXPECT_TRUE(std::isnan(logits[rows.size() * recallVocabulary])) << "wrote beyond the rows";
    EXPECT_EQ(fixture.ran.size(), (70 + chunk - 1) / chunk);
    for (uint32_t count : fixture.ran)
      EXPECT_LE(count, chunk);

    ASSERT_TRUE(session.prefillAll(id, all.subspan(70, 40), logits.data()));
    for (size_t i = 0; i < 40; ++i)
      expectLogits(logits.data() + i * recallVocabulary, all.first(71 + i));
    ASSERT_TRUE(session.prefill(id, all.subspan(110, 39), logits.data()));
    expectLogits(logits.data(), all.first(149));
    ASSERT_TRUE(session.decode(id, tokens[149], logits.data()));
    expectLogits(logits.data(), all);
    EXPECT_EQ(session.positions(id), 150u);
  }
}

TEST(Session, KeepsSequencesApart) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  SessionOptions options;
  options.maxSequences = 3;
  options.kvBlocks = 9;
  Fixture fixture(options);
  Session& session = *fixture.session;
  std::vector<int32_t> seen[3];
  SequenceId ids[3];
  std::vector<float> logits(3 * recallVocabulary);
  ids[0] = *session.createSequence();
  seen[0] = randomTokens(random, 33);
  ASSERT_TRUE(session.prefill(ids[0], seen[0], nullptr));
  for (int i : {1, 2}) {
    ids[i] = *session.fork(ids[0]);
    seen[i] = seen[0];
  }
  for (int round = 0; round < 100; ++round) {
    std::vector<int32_t> tokens = randomTokens(random, 3);
    SequenceId order[] = {ids[2], ids[0], ids[1]};
    ASSERT_TRUE(session.decode(order, tokens, logits.data()));
    for (size_t i = 0; i < 3; ++i) {
      size_t k = (i + 2) % 3;
      seen[k].push_back(tokens[i]);
      expectLogits(logits.data() + i * recallVocabulary, seen[k]);
    }
    if (round % 10 == 9) {
      ASSERT_TRUE(session.truncate(ids[1], 20));
      seen[1].resize(20);
    }
  }
}

TEST(Session, TakesMixedSteps) {
  SessionOptions options;
  options.maxSequences = 2;
  Fixture fixture(options);
  Session& session = *fixture.session;
  SequenceId a = *session.createSequence(), b = *session.createSequence();
  std::vector<float> logits(2 * recallVocabulary);
  int32_t tokens[] = {1, 2, 3, 4, 5}, positions[] = {0, 0, 1, 1, 2}, rows[] = {3, 4};
  SequenceId ids[] = {a, b, a, b, b};
  ASSERT_TRUE(session.step({tokens, positions, ids, rows}, logits.data()));
  expectLogits(logits.data(), std::array{2, 4});
  expectLogits(logits.data() + recallVocabulary, std::array{2, 4, 5});
  EXPECT_EQ(session.positions(a), 2u);
  EXPECT_EQ(session.positions(b), 3u);
}

TEST(Session, RefusesWrongInput) {
  Fixture fixture;
  Session& session = *fixture.session;
  std::vector<float> logits(32 * recallVocabulary);
  SequenceId id = *session.createSequence();
  auto message = [&](const StepInput& input, float* out) {
    Result<void> result = session.step(input, out);
    EXPECT_EQ(session.positions(id), 0u);
    return result ? "no error" : result.error().message;
  };
  auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  std::vector<int32_t> good{1, 2, 3}, bad{1, 13, 2}, negative{-1}, many(17, 1);
  EXPECT_TRUE(has(message({}, nullptr), "0 tokens"));
  EXPECT_TRUE(has(message({many, {}, {}, {}}, nullptr), "17 tokens"));
  EXPECT_TRUE(has(message({bad, {}, {}, {}}, nullptr), "token 13 (number 1"));
  EXPECT_TRUE(has(message({negative, {}, {}, {}}, nullptr), "token -1"));
  std::vector<int32_t> gap{0, 2, 3}, late{1, 2, 3}, shortOne{0};
  EXPECT_TRUE(has(message({good, gap, {}, {}}, nullptr), "position 2"));
  EXPECT_TRUE(has(message({good, late, {}, {}}, nullptr), "the next is 0"));
  EXPECT_TRUE(has(message({good, shortOne, {}, {}}, nullptr), "1 positions"));
  std::vector<SequenceId> unknown{0, 0, 1}, huge{0, 0, UINT32_MAX};
  EXPECT_TRUE(has(message({good, {}, unknown, {}}, nullptr), "no sequence 1"));
  EXPECT_TRUE(has(message({good, {}, huge, {}}, nullptr), "no sequence 4294967295"));
  std::vector<int32_t> rows{0, 3}, down{1, 0}, ok{2};
  EXPECT_TRUE(has(message({good, {}, {}, rows}, logits.data()), "output row 3"));
  EXPECT_TRUE(has(message({good, {}, {}, down}, logits.data()), "output row 0"));
  EXPECT_TRUE(has(message({good, {}, {}, ok}, nullptr), "no memory"));
  EXPECT_TRUE(fixture.ran.empty()) << "a wrong step ran";
  // And it still works.
  ASSERT_TRUE(session.step({good, {}, {}, ok}, logits.data()));
  expectLogits(logits.data(), good);
}

TEST(Session, IsFullAtTheContext) {
  SessionOptions options;
  options.contextLength = 70;
  Fixture fixture(options);
  Session& session = *fixture.session;
  SequenceId id = *session.createSequence();
  std::vector<int32_t> tokens(71, 1);
  Result<void> full = session.prefill(id, tokens, nullptr);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::Full);
  EXPECT_TRUE(fixture.ran.empty());
  tokens.resize(70);
  ASSERT_TRUE(session.prefill(id, tokens, nullptr));
  full = session.decode(id, 1, nullptr);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::Full);
  EXPECT_EQ(session.positions(id), 70u);
}

TEST(Session, UndoesStepsThatFail) {
  SessionOptions options;
  options.maxSequences = 2;
  options.kvBlocks = 2;
  Fixture fixture(options);
  Session& session = *fixture.session;
  SequenceId a = *session.createSequence(), b = *session.createSequence();
  ASSERT_TRUE(session.prefill(a, std::vector<int32_t>(64, 1), nullptr));
  ASSERT_TRUE(session.prefill(b, std::vector<int32_t>(63, 2), nullptr));
  // b still has room for one, a needs a block and there is none.
  std::vector<SequenceId> ids{b, a};
  Result<void> full = session.decode(ids, std::vector<int32_t>{1, 1}, nullptr);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::Full);
  EXPECT_EQ(session.positions(a), 64u);
  EXPECT_EQ(session.positions(b), 63u);
  fixture.recorder->fail = Error{"it broke"};
  EXPECT_FALSE(session.decode(b, 1, nullptr));
  EXPECT_EQ(session.positions(b), 63u);
  fixture.recorder->fail = {};
  session.cancel();
  Result<void> cancelled = session.decode(b, 1, nullptr);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::Cancelled);
  EXPECT_EQ(session.positions(b), 63u);
  session.clearCancel();
  EXPECT_TRUE(session.decode(b, 1, nullptr));
}

TEST(Session, RefusesWhatDoesNotFitTheProgram) {
  auto create = [](Program program, std::vector<std::span<const std::byte>> weights,
                   SessionOptions options, ProgramCode code) {
    Result<std::unique_ptr<Session>> result =
        Session::create(std::move(program), std::move(weights),
                        createSerialExecutor(std::move(code), heapMemory()), options, heapMemory());
    return result ? "no error" : result.error().message;
  };
  auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  SessionOptions longer;
  longer.contextLength = 301;
  EXPECT_TRUE(has(create(test::makeRecall(), {}, longer, test::recallCode()), "at most 300"));
  Program broken = test::makeRecall();
  broken.tasks[0].shard_factor = 0;
  EXPECT_TRUE(has(create(broken, {}, {}, test::recallCode()), "program: task 0"));
  std::byte byte{};
  EXPECT_TRUE(has(create(test::makeRecall(), {std::span(&byte, 1)}, {}, test::recallCode()),
                  "1 weights are bound, of 0"));
  ProgramCode missing = test::recallCode();
  missing.kernels[1] = nullptr;
  EXPECT_TRUE(has(create(test::makeRecall(), {}, {}, missing), "no kernel 'logits'"));
  missing.kernels.pop_back();
  EXPECT_TRUE(has(create(test::makeRecall(), {}, {}, missing), "1 kernels were given"));
  Program elsewhere = test::makeRecall();
  elsewhere.tasks[2].device = 1;
  EXPECT_TRUE(has(create(elsewhere, {}, {}, test::recallCode()), "is for device 1"));
}

} // namespace
