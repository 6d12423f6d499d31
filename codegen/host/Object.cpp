//===- Object.cpp - from planned IR to an object file in memory -------------------------------===//

#include "codegen/host/Object.h"

#include "codegen/target/Machine.h"
#include "codegen/target/Target.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

namespace chordal::codegen {
namespace {

/// The processor name and features that LLVM knows an instruction-set level by.
std::pair<const char*, const char*> cpuOf(kernels::Isa isa) {
  switch (isa) {
  case kernels::Isa::Scalar:
    return {"", ""};
  case kernels::Isa::X86_64_v2:
    return {"x86-64-v2", ""};
  case kernels::Isa::X86_64_v3:
    return {"x86-64-v3", ""};
  case kernels::Isa::Avx512Vnni:
  case kernels::Isa::Amx:
    return {"x86-64-v4", "+avx512vnni"};
  case kernels::Isa::Neon:
  case kernels::Isa::NeonDotprod:
  case kernels::Isa::NeonI8mm:
    return {"generic", "+neon"};
  }
  return {"", ""};
}

Result<std::unique_ptr<llvm::TargetMachine>> targetMachine(const ObjectOptions& options) {
  auto [cpu, features] = cpuOf(options.isa);
  return createMachine(options.triple.empty() ? targetOf(options.isa).triple : options.triple, cpu,
                       features);
}

/// The generated functions alone, as LLVM IR.
Result<std::unique_ptr<llvm::Module>> translate(mlir::ModuleOp planned, llvm::LLVMContext& context,
                                                const llvm::TargetMachine& machine) {
  mlir::MLIRContext* mlirContext = planned.getContext();
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlirContext->appendDialectRegistry(registry);

  mlir::OwningOpRef<mlir::ModuleOp> functions = mlir::ModuleOp::create(planned.getLoc());
  mlir::OpBuilder builder(functions->getBodyRegion());
  for (auto function : planned.getOps<mlir::LLVM::LLVMFuncOp>())
    builder.clone(*function.getOperation());
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(*functions, context, "chordal.functions");
  if (!module)
    return Error{"the generated functions could not be translated to LLVM IR"};
  module->setTargetTriple(machine.getTargetTriple());
  module->setDataLayout(machine.createDataLayout());
  return module;
}

} // namespace

bool hasGeneratedFunctions(mlir::ModuleOp planned) {
  return !planned.getOps<mlir::LLVM::LLVMFuncOp>().empty();
}

Result<std::string> emitLlvmIr(mlir::ModuleOp planned, const ObjectOptions& options) {
  auto machine = targetMachine(options);
  if (!machine.ok())
    return machine.error();
  llvm::LLVMContext context;
  auto module = translate(planned, context, **machine);
  if (!module.ok())
    return module.error();
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*module)->print(stream, nullptr);
  return text;
}

Result<std::unique_ptr<llvm::MemoryBuffer>> emitObject(mlir::ModuleOp planned,
                                                       const ObjectOptions& options) {
  auto machine = targetMachine(options);
  if (!machine.ok())
    return machine.error();
  llvm::LLVMContext context;
  auto module = translate(planned, context, **machine);
  if (!module.ok())
    return module.error();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  // The kernel phase has already written the vector code it wants: no IR passes, only code
  // generation.
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return Error{"the target '" + (*machine)->getTargetTriple().str() + "' cannot emit objects"};
  passes.run(**module);
  return std::unique_ptr<llvm::MemoryBuffer>(std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(bytes), "chordal.functions", /*RequiresNullTerminator=*/false));
}

} // namespace chordal::codegen
