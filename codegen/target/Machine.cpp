//===- Machine.cpp - LLVM's code generators ---------------------------------------------------===//
#include "codegen/target/Machine.h"

#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

namespace chordal::codegen {

Result<std::unique_ptr<llvm::TargetMachine>>
createMachine(std::string_view triple, std::string_view cpu, std::string_view features) {
  static std::once_flag once; // the registry is not made for several threads
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
  llvm::Triple parsed{llvm::StringRef(triple)};
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(parsed, message);
  if (!target)
    return Error{"no code generator for the target '" + parsed.str() + "': " + message};
  // Position-independent code that reaches everything nearby: the object is loaded anywhere, and
  // links into static executables too.
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(parsed, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  if (!machine)
    return Error{"the target '" + parsed.str() + "' cannot be configured"};
  return machine;
}

} // namespace chordal::codegen
