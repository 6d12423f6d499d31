//===- StateLinearityTest.cpp - states are used once ------------------------------------------===//
//
// What verifyStateLinearity accepts and refuses, looking into fused and dispatch ops.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/Chordal.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace chordal;

namespace {

class StateLinearity : public testing::Test {
protected:
  StateLinearity() {
    context.loadDialect<ir::ChordalDialect>();
    context.getDiagEngine().registerHandler([this](Diagnostic& diagnostic) {
      messages += diagnostic.str() + "\n";
      for (Diagnostic& note : diagnostic.getNotes())
        messages += note.str() + "\n";
    });
  }

  /// Whether the body, which sees %x, %p and %kv and ends in a return of !kv, is accepted.
  bool accepts(const std::string& body) {
    messages.clear();
    std::string text = "!kv = !chordal.kv<2 x 32, k = f16, v = f16>\n"
                       "!x = tensor<?x64xf32>\n"
                       "!p = tensor<?xi32>\n"
                       "func.func @f(%x: !x, %p: !p, %kv: !kv) -> !kv {\n" +
                       body + "}\n";
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages;
    return module && succeeded(ir::verifyStateLinearity(module->lookupSymbol<func::FuncOp>("f")));
  }

  MLIRContext context;
  std::string messages;
};

const std::string append = "chordal.kv_append %kv, %x, %x, %p, %p : !kv, !x, !x\n";

TEST_F(StateLinearity, AcceptsReadsOfTheNewestValue) {
  EXPECT_TRUE(accepts("%a = " + append +
                      "%o = chordal.attention %x, %a, %p, %p {scale = 1.0} : !x, !kv\n"
                      "%o2 = chordal.attention %o, %a, %p, %p {scale = 1.0} : !x, !kv\n"
                      "return %a : !kv\n"))
      << messages;
}

TEST_F(StateLinearity, AcceptsAStateThatIsOnlyRead) {
  EXPECT_TRUE(accepts("%o = chordal.attention %x, %kv, %p, %p {scale = 1.0} : !x, !kv\n"
                      "return %kv : !kv\n"))
      << messages;
}

TEST_F(StateLinearity, RefusesTwoAppends) {
  EXPECT_FALSE(accepts("%a = " + append + "%b = " + append + "return %b : !kv\n"));
  EXPECT_NE(messages.find("appends to a state that is appended to elsewhere"), std::string::npos)
      << messages;
}

TEST_F(StateLinearity, RefusesAReadOfAnOldValue) {
  EXPECT_FALSE(accepts("%a = " + append +
                       "%o = chordal.attention %x, %kv, %p, %p {scale = 1.0} : !x, !kv\n"
                       "return %a : !kv\n"));
  EXPECT_NE(messages.find("only its newest value may be used"), std::string::npos) << messages;
}

TEST_F(StateLinearity, RefusesTheReturnOfAnOldValue) {
  EXPECT_FALSE(accepts("%a = " + append + "return %kv : !kv\n"));
  EXPECT_NE(messages.find("only its newest value may be used"), std::string::npos) << messages;
}

TEST_F(StateLinearity, LooksIntoRegions) {
  std::string fused =
      R"(chordal.fused "rope_append" (%s = %kv, %y = %x, %q = %p) : (!kv, !x, !p) -> !kv {
      %i = chordal.kv_append %s, %y, %y, %q, %q : !kv, !x, !x
      chordal.yield %i : !kv
    }
)";
  EXPECT_TRUE(accepts("%a = " + fused + "return %a : !kv\n")) << messages;
  EXPECT_FALSE(accepts("%a = " + fused + "return %kv : !kv\n"));
  EXPECT_FALSE(accepts("%a = " + fused + "%b = " + append + "return %b : !kv\n"));
}

TEST_F(StateLinearity, LooksIntoNestedRegions) {
  std::string dispatch =
      R"(chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%s = %kv, %y = %x, %q = %p) : (!kv, !x, !p) -> !kv {
      %f = chordal.fused "rope_append" (%s2 = %s, %y2 = %y, %q2 = %q) : (!kv, !x, !p) -> !kv {
        %i = chordal.kv_append %s2, %y2, %y2, %q2, %q2 : !kv, !x, !x
        chordal.yield %i : !kv
      }
      chordal.yield %f : !kv
    }
)";
  EXPECT_TRUE(accepts("%a = " + dispatch + "return %a : !kv\n")) << messages;
  EXPECT_FALSE(accepts("%a = " + dispatch + "return %kv : !kv\n"));
}

TEST_F(StateLinearity, ChecksValuesInsideRegions) {
  EXPECT_FALSE(
      accepts(R"(%a = chordal.fused "odd" (%s = %kv, %y = %x, %q = %p) : (!kv, !x, !p) -> !kv {
      %i = chordal.kv_append %s, %y, %y, %q, %q : !kv, !x, !x
      chordal.yield %s : !kv
    }
    return %a : !kv
)"));
}

} // namespace
