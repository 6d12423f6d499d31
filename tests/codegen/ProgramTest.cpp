//===- ProgramTest.cpp - the tables of a program ----------------------------------------------===//
//
// Tests that a model becomes a valid program, always the same one, and that a module of an earlier
// phase is refused.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/host/Emit.h"
#include "codegen/host/Object.h"
#include "ir/dialect/Chordal.h"
#include "ir/import/Import.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <cstring>

namespace chordal::codegen {
namespace {

/// A model of the repository after some phase.
class Compiled {
public:
  Compiled(const std::string& name, Phase to, const char* isa = "scalar") {
    auto opened =
        gguf::View::open(std::string(CHORDAL_TEST_DATA) + "/models/" + name + "/model.gguf");
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    view.emplace(std::move(*opened));
    ir::ImportOptions import;
    import.contextLength = 64;
    auto imported = ir::importModel(context, *view, import);
    EXPECT_TRUE(imported.ok()) << imported.error().message;
    module = std::move(*imported);
    PipelineOptions options;
    options.isa = isa;
    EXPECT_TRUE(mlir::succeeded(runPipeline(*module, Phase::Input, to, options)));
  }

  mlir::MLIRContext context;
  std::optional<gguf::View> view;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

template <typename T> bool sameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  static_assert(std::is_trivially_copyable_v<T>);
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

class Models : public testing::TestWithParam<const char*> {};

TEST_P(Models, BecomeValidPrograms) {
  for (const char* isa : {"scalar", "x86-64-v3", "avx512vnni", "amx"}) {
    SCOPED_TRACE(isa);
    Compiled compiled(GetParam(), Phase::Plan, isa);
    auto program = emitProgram(*compiled.module);
    ASSERT_TRUE(program.ok()) << program.error().message;
    auto valid = validate(*program);
    EXPECT_TRUE(valid.ok()) << valid.error().message;
    ASSERT_FALSE(program->buckets.empty());
    EXPECT_EQ(program->buckets[0].min_tokens, 1u);
    EXPECT_EQ(program->model.context_length, 64u);
    EXPECT_GT(program->model.vocabulary, 0u);
    // Keys and values of each layer.
    EXPECT_EQ(program->states.size(), 2 * program->model.layers);
    size_t dispatches = 0;
    compiled.module->walk([&](ir::DispatchOp) { ++dispatches; });
    EXPECT_EQ(program->tasks.size(), dispatches);
    // Weights are those of the file.
    for (const chordal_weight& weight : program->weights) {
      const gguf::Tensor* tensor = compiled.view->findTensor(program->string(weight.name));
      ASSERT_NE(tensor, nullptr) << program->string(weight.name);
      EXPECT_EQ(weight.bytes, tensor->data.size()) << program->string(weight.name);
    }
    // Every generated function is in the object, and every one is used.
    size_t functions = 0;
    for ([[maybe_unused]] auto function : compiled.module->getOps<mlir::LLVM::LLVMFuncOp>())
      ++functions;
    EXPECT_EQ(program->functionNames.size(), functions);
  }
}

TEST_P(Models, AlwaysTheSameProgram) {
  Compiled first(GetParam(), Phase::Plan), second(GetParam(), Phase::Plan);
  auto a = emitProgram(*first.module), b = emitProgram(*second.module);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_TRUE(sameBytes(a->buckets, b->buckets));
  EXPECT_TRUE(sameBytes(a->tasks, b->tasks));
  EXPECT_TRUE(sameBytes(a->kernelRefs, b->kernelRefs));
  EXPECT_TRUE(sameBytes(a->operands, b->operands));
  EXPECT_TRUE(sameBytes(a->weights, b->weights));
  EXPECT_TRUE(sameBytes(a->states, b->states));
  EXPECT_TRUE(sameBytes(a->constants, b->constants));
  EXPECT_EQ(a->parameters, b->parameters);
  EXPECT_EQ(a->functionRefs, b->functionRefs);
  EXPECT_EQ(a->dependencies, b->dependencies);
  EXPECT_EQ(a->strings, b->strings);
  EXPECT_EQ(a->kernelNames, b->kernelNames);
  EXPECT_EQ(a->functionNames, b->functionNames);

  auto one = emitObject(*first.module, {}), two = emitObject(*second.module, {});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_GT((*one)->getBufferSize(), 0u);
  EXPECT_TRUE((*one)->getBuffer() == (*two)->getBuffer());
  auto text = emitLlvmIr(*first.module, {});
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("define void @elementwise"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Golden, Models,
                         testing::Values("llama-f32", "llama-q4_k_m", "qwen3-q4_k_m"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(EmitProgram, RefusesUnfinishedModules) {
  const std::pair<Phase, const char*> phases[] = {{Phase::Input, "'dispatch' has not run"},
                                                  {Phase::Graph, "'dispatch' has not run"},
                                                  {Phase::Dispatch, "'schedule' has not run"},
                                                  {Phase::Schedule, "'kernel' has not run"}};
  for (auto [phase, message] : phases) {
    Compiled compiled("llama-f32", phase);
    auto program = emitProgram(*compiled.module);
    ASSERT_FALSE(program.ok()) << phaseName(phase).str();
    EXPECT_NE(program.error().message.find(message), std::string::npos) << program.error().message;
  }
}

TEST(EmitProgram, RefusesModulesWithoutAModel) {
  Compiled compiled("llama-f32", Phase::Plan);
  (*compiled.module)->removeAttr("chordal.model");
  auto program = emitProgram(*compiled.module);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().message, "the module has no attribute 'chordal.model'");
}

TEST(EmitProgram, RefusesParametersOfTheWrongLength) {
  Compiled compiled("llama-f32", Phase::Plan);
  compiled.module->walk([&](ir::DispatchOp dispatch) {
    dispatch.setParametersAttr(mlir::DenseI32ArrayAttr::get(&compiled.context, {}));
  });
  auto program = emitProgram(*compiled.module);
  ASSERT_FALSE(program.ok());
  EXPECT_NE(program.error().message.find("has 0 words of parameters"), std::string::npos)
      << program.error().message;
}

TEST(EmitObject, RefusesUnknownTargets) {
  Compiled compiled("llama-f32", Phase::Plan);
  auto object = emitObject(*compiled.module, {.triple = "vax-dec-vms", .isa = {}});
  ASSERT_FALSE(object.ok());
  EXPECT_NE(object.error().message.find("no code generator for the target 'vax-dec-vms'"),
            std::string::npos)
      << object.error().message;
}

} // namespace
} // namespace chordal::codegen
