//===- StepTest.cpp - step functions ----------------------------------------------------------===//
//
// The choice of the function, state from step to step, and what is refused.
//
//===------------------------------------------------------------------------------------------===//
#include "Fixture.h"

namespace chordal::reference {
namespace {

/// A model of one attention layer, with a step for one token and one for up to three.
class Step : public ReferenceTest {
protected:
  Step() {
    declareWeight("embedding", "!chordal.quantized<11x8, \"F32\">", randomFloats({11, 8}));
    std::string kv = "!chordal.kv<1 x 8, k = f32, v = f32>";
    std::string text = symbols + "chordal.state @kv.0 : " + kv + "\n";
    for (auto [name, range] : {std::pair("step_1", "1, 1"), std::pair("step_3", "2, 3")})
      text += "func.func @" + std::string(name) +
              "(%token: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %row: tensor<?xi32>, "
              "%kv: " +
              kv + " {chordal.state = @kv.0}) -> (tensor<?x11xf32>, " + kv +
              ") attributes {chordal.tokens = array<i64: " + range + R"(>} {
        %w = chordal.load_weight @embedding : !chordal.quantized<11x8, "F32">
        %x = chordal.embed %token, %w : tensor<?xi32>, !chordal.quantized<11x8, "F32"> -> tensor<?x8xf32>
        %n = chordal.kv_append %kv, %x, %x, %p, %s : )" +
              kv + R"(, tensor<?x8xf32>, tensor<?x8xf32>
        %o = chordal.attention %x, %n, %p, %s {scale = 0.5} : tensor<?x8xf32>, )" +
              kv + R"(
        %g = chordal.gather_rows %o, %row : tensor<?x8xf32>, tensor<?xi32>
        %l = chordal.matmul %g, (%w) : (tensor<?x8xf32>, !chordal.quantized<11x8, "F32">) -> tensor<?x11xf32>
        return %l, %n : tensor<?x11xf32>, )" +
              kv + "\n}\n";
    load(text);
  }

  std::vector<float> step(std::vector<int32_t> tokens, std::vector<int32_t> positions,
                          std::vector<int32_t> sequences, std::vector<int32_t> rows) {
    auto logits = interpreter->step(tokens, positions, sequences, rows);
    EXPECT_TRUE(logits) << logits.error().message;
    return logits ? *logits : std::vector<float>();
  }
  std::string stepFailure(std::vector<int32_t> tokens, std::vector<int32_t> positions,
                          std::vector<int32_t> sequences, std::vector<int32_t> rows,
                          llvm::StringRef name = {}) {
    auto logits = interpreter->step(tokens, positions, sequences, rows, name);
    EXPECT_FALSE(logits);
    return logits ? "" : logits.error().message;
  }
};

TEST_F(Step, OneByOneIsAllAtOnce) {
  std::vector<float> together = step({4, 9, 2}, {0, 1, 2}, {0, 0, 0}, {0, 1, 2});
  ASSERT_EQ(together.size(), 33u);
  interpreter->reset();
  std::vector<float> single;
  for (int32_t t = 0; t < 3; ++t)
    for (float x : step({std::vector<int32_t>{4, 9, 2}[size_t(t)]}, {t}, {0}, {0}))
      single.push_back(x);
  EXPECT_EQ(together, single);
  // Positions are kept: a further step sees all of them, a step elsewhere none.
  std::vector<float> further = step({4}, {3}, {0}, {0}), elsewhere = step({4}, {0}, {1}, {0});
  EXPECT_NE(further, elsewhere);
  EXPECT_EQ(elsewhere, std::vector<float>(together.begin(), together.begin() + 11));
}

TEST_F(Step, ComputesOnlyTheRowsAskedFor) {
  std::vector<float> all = step({4, 9, 2}, {0, 1, 2}, {0, 0, 0}, {0, 1, 2});
  std::vector<float> last = step({4, 9, 2}, {0, 1, 2}, {1, 1, 1}, {2});
  EXPECT_EQ(last, std::vector<float>(all.begin() + 22, all.end()));
  EXPECT_TRUE(step({4}, {3}, {1}, {}).empty());
}

TEST_F(Step, Refuses) {
  EXPECT_EQ(stepFailure({1, 2, 3, 4}, {0, 1, 2, 3}, {0, 0, 0, 0}, {0}),
            "no step function takes 4 tokens");
  EXPECT_EQ(stepFailure({}, {}, {}, {}), "no step function takes 0 tokens");
  EXPECT_EQ(stepFailure({1}, {0}, {0}, {0}, "other"), "there is no function 'other' in the module");
  EXPECT_EQ(stepFailure({1, 2}, {0}, {0, 0}, {0}),
            "a step needs one position and one sequence for each token");
  EXPECT_EQ(stepFailure({11}, {0}, {0}, {0}),
            "chordal.embed: weight 'embedding' has 11 rows, so none for token 11");
  EXPECT_EQ(stepFailure({1}, {5}, {3}, {0}),
            "chordal.attention: position 0 of sequence 3 has not been stored");
  EXPECT_EQ(stepFailure({1}, {0}, {0}, {1}), "chordal.gather_rows: there is no row 1 among 1");
}

} // namespace
} // namespace chordal::reference
