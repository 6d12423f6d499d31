//===- PipelineTest.cpp - running phases and dumping them -------------------------------------===//
//
// Names of phases, ranges of them, dumps that continue where they left off, and errors.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/Pipeline.h"
#include "ir/dialect/Chordal.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace chordal;

namespace {

constexpr llvm::StringLiteral model = R"mlir(
chordal.weight @w : !chordal.quantized<64x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 9216>
func.func @step_1(%x: tensor<?x256xf32>) -> tensor<?x64xf32> attributes {chordal.tokens = array<i64: 1, 1>} {
  %w = chordal.load_weight @w : !chordal.quantized<64x256, "Q4_K">
  %f = chordal.dequantize %w : !chordal.quantized<64x256, "Q4_K"> -> tensor<64x256xf32>
  %y = chordal.matmul %x, (%f) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
})mlir";

class Pipeline : public testing::Test {
protected:
  Pipeline() : handler(&context, [this](Diagnostic& diagnostic) { errors += diagnostic.str(); }) {
    context.loadDialect<ir::ChordalDialect, func::FuncDialect, arith::ArithDialect>();
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("chordal-pipeline", folder));
  }
  ~Pipeline() override { llvm::sys::fs::remove_directories(folder); }

  OwningOpRef<ModuleOp> parse(StringRef source = model) {
    return parseSourceString<ModuleOp>(source, &context);
  }

  std::string read(StringRef name) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "(no " + name.str() + ")";
  }

  MLIRContext context;
  std::string errors;
  ScopedDiagnosticHandler handler;
  SmallString<128> folder;
};

TEST_F(Pipeline, PhasesHaveNames) {
  for (Phase phase : allPhases)
    EXPECT_EQ(phaseFromName(phaseName(phase)), phase);
  EXPECT_EQ(phaseFromName("graph"), Phase::Graph);
  EXPECT_FALSE(phaseFromName("Graph"));
  EXPECT_FALSE(phaseFromName(""));
  EXPECT_EQ(phaseNames(), "input, graph, dispatch, schedule, kernel, plan");
}

TEST_F(Pipeline, StopsAfterAPhase) {
  OwningOpRef<ModuleOp> module = parse();
  ASSERT_TRUE(module);
  ASSERT_TRUE(succeeded(runPipeline(*module, Phase::Input, Phase::Input, {})));
  int dequantizes = 0;
  module->walk([&](ir::DequantizeOp) { ++dequantizes; });
  EXPECT_EQ(dequantizes, 1);
  ASSERT_TRUE(succeeded(runPipeline(*module, Phase::Graph, Phase::Graph, {})));
  module->walk([&](ir::DequantizeOp) { ADD_FAILURE(); });
}

TEST_F(Pipeline, DumpsContinueWhereTheyLeftOff) {
  OwningOpRef<ModuleOp> module = parse();
  ASSERT_TRUE(module);
  // The folder is created.
  SmallString<128> dumps(folder);
  llvm::sys::path::append(dumps, "dumps");
  ASSERT_TRUE(succeeded(runPipeline(*module, Phase::Input, Phase::Graph, {}, dumps)));
  std::string input = read("dumps/01-input.mlir"), graph = read("dumps/02-graph.mlir");
  EXPECT_NE(input.find("chordal.dequantize"), std::string::npos) << input;
  EXPECT_EQ(graph.find("chordal.dequantize"), std::string::npos) << graph;
  EXPECT_EQ(read("dumps/03-dispatch.mlir"), "(no dumps/03-dispatch.mlir)");

  OwningOpRef<ModuleOp> again = parse(input);
  ASSERT_TRUE(again);
  ASSERT_TRUE(succeeded(runPipeline(*again, Phase::Graph, Phase::Graph, {}, folder)));
  EXPECT_EQ(read("02-graph.mlir"), graph);
}

TEST_F(Pipeline, RefusesPhasesInReverse) {
  OwningOpRef<ModuleOp> module = parse();
  EXPECT_TRUE(failed(runPipeline(*module, Phase::Graph, Phase::Input, {})));
  EXPECT_NE(errors.find("cannot compile from phase 'graph' to 'input', which comes before it (the "
                        "phases are input, graph, dispatch, schedule, kernel, plan)"),
            std::string::npos)
      << errors;
}

TEST_F(Pipeline, SaysWhereADumpFailed) {
  OwningOpRef<ModuleOp> module = parse();
  EXPECT_TRUE(failed(runPipeline(*module, Phase::Input, Phase::Input, {}, "/proc/chordal")));
  EXPECT_NE(errors.find("cannot create the folder /proc/chordal: "), std::string::npos) << errors;
}

TEST_F(Pipeline, EndsPhasesInTheirVerifier) {
  OwningOpRef<ModuleOp> module = parse("func.func @helper() { return }");
  EXPECT_TRUE(failed(runPipeline(*module, Phase::Input, Phase::Graph, {}, folder)));
  EXPECT_NE(errors.find("has no step function"), std::string::npos) << errors;
  EXPECT_EQ(read("01-input.mlir"), "(no 01-input.mlir)");
}

TEST_F(Pipeline, ConfiguresEachPhase) {
  OwningOpRef<ModuleOp> module = parse();
  int configured = 0;
  EXPECT_TRUE(succeeded(runPipeline(*module, Phase::Input, Phase::Graph, {}, {},
                                    [&](PassManager&) { ++configured; })));
  EXPECT_EQ(configured, 2);
}

} // namespace
