//===- InspectTest.cpp - chordal inspect, from the outside ------------------------------------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace chordal::test {
namespace {

const std::string model = data("fairytale-q4_k_m.gguf");
const char* const phases[] = {"input", "graph", "dispatch", "schedule", "kernel", "plan"};

TEST(Inspect, textOfEveryPhaseIsReadBackAndSmall) {
  TemporaryFolder folder;
  for (const char* phase : phases) {
    SCOPED_TRACE(phase);
    Outcome run = chordal({"inspect", model, "--phase", phase});
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_LT(run.out.size(), 1u << 20);
    EXPECT_NE(run.out.find("chordal.model"), std::string::npos);
    Outcome again = runProgram(CHORDAL_OPT, {folder.write("dump.mlir", run.out)});
    ASSERT_EQ(again.code, 0) << again.err;
    // chordal-opt and the driver may end the text with one line break or two.
    auto trimmed = [](std::string text) {
      while (text.ends_with('\n'))
        text.pop_back();
      return text;
    };
    EXPECT_TRUE(trimmed(again.out) == trimmed(run.out));
  }
}

TEST(Inspect, carriesOnFromADumpOfAnyPhase) {
  TemporaryFolder folder;
  Outcome whole = chordal({"inspect", model, "--dump-phases", folder.file("dumps")});
  ASSERT_EQ(whole.code, 0) << whole.err;
  for (int next = 1; next < 6; ++next) {
    SCOPED_TRACE(phases[next]);
    std::string dump =
        folder.file("dumps/0" + std::to_string(next) + "-" + phases[next - 1] + ".mlir");
    Outcome rest = chordal({"inspect", dump, "--compile-from", phases[next]});
    EXPECT_EQ(rest.code, 0) << rest.err;
    EXPECT_TRUE(rest.out == whole.out);
    EXPECT_TRUE(chordal({"inspect", dump}).out == readAll(dump));
  }
}

TEST(Inspect, jsonHasTheFiguresOfThePlan) {
  TemporaryFolder folder;
  std::string file = folder.file("plan.json");
  Outcome run = chordal({"inspect", model, "--format", "json", "-o", file, "-c", "128"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "");
  auto summary = nlohmann::json::parse(readAll(file));
  EXPECT_EQ(summary.at("phase"), "plan");
  EXPECT_EQ(summary.at("architecture"), "llama");
  EXPECT_EQ(summary.at("hyper_parameters").at("embedding_length"), 512);
  EXPECT_EQ(summary.at("hyper_parameters").at("block_count"), 8);
  EXPECT_EQ(summary.at("hyper_parameters").at("vocabulary_size"), 4096);
  EXPECT_EQ(summary.at("hyper_parameters").at("attention.head_count_kv"), 4);
  EXPECT_EQ(summary.at("hyper_parameters").at("context_length"), 128); // as compiled
  // Nearly all of the file is weights.
  EXPECT_GT(summary.at("weights").at("bytes").get<int64_t>(), 14'000'000);
  ASSERT_EQ(summary.at("steps").size(), 3u);
  for (const auto& step : summary.at("steps")) {
    EXPECT_GT(step.at("arena_bytes").get<int64_t>(), 0);
    int64_t products = 0;
    for (const auto& dispatch : step.at("dispatches")) {
      // A dispatch without kernels is generated code.
      products += dispatch.at("multiply_adds_per_row").get<int64_t>();
      if (dispatch.at("multiply_adds_per_row") > 0) {
        EXPECT_FALSE(dispatch.at("kernels").empty());
      }
    }
    // Eight layers: query and output 512x512, key and value 256x512, three of 1280x512; and the
    // output, which is the embedding.
    EXPECT_EQ(products, 8 * 512 * (2 * 512 + 2 * 256 + 3 * 1280) + 4096 * 512);
  }
}

TEST(Inspect, doesNotDependOnThisMachine) {
  // Kernels can be chosen for levels that it does not have.
  for (const char* isa : {"scalar", "x86-64-v3", "avx512vnni", "amx"}) {
    Outcome run = chordal({"inspect", model, "--isa", isa});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_NE(run.out.find(std::string(".") + isa + "\""), std::string::npos) << isa;
  }
}

TEST(Inspect, errorsOfADumpHaveTheirPlace) {
  TemporaryFolder folder;
  std::string file = folder.write("broken.mlir", "module {\n  chordal.nonsense\n}\n");
  Outcome run = chordal({"inspect", file});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("broken.mlir\":2:3"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("chordal.nonsense"), std::string::npos) << run.err;
}

} // namespace
} // namespace chordal::test
