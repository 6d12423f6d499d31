//===- Jit.cpp - loads the generated object into this process ---------------------------------===//

#include "codegen/host/Jit.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

namespace chordal::codegen {

struct Jit::State {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

Jit::Jit(std::unique_ptr<State> s) : state(std::move(s)) {}
Jit::Jit(Jit&&) noexcept = default;
Jit& Jit::operator=(Jit&&) noexcept = default;
Jit::~Jit() = default;

Result<Jit> Jit::load(std::unique_ptr<llvm::MemoryBuffer> object) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto builder = llvm::orc::LLJITBuilder();
  // Generated functions call nothing, so nothing of this process is looked up.
  // They have no initialisers either, so no platform support is needed.
  builder.setLinkProcessSymbolsByDefault(false);
  builder.setPlatformSetUp(llvm::orc::setUpInactivePlatform);
  auto jit = builder.create();
  if (!jit)
    return Error{"the just-in-time loader cannot start: " + llvm::toString(jit.takeError())};
  if (llvm::Error error = (*jit)->addObjectFile(std::move(object)))
    return Error{"the generated object cannot be loaded: " + llvm::toString(std::move(error))};
  auto state = std::make_unique<State>();
  state->jit = std::move(*jit);
  return Jit(std::move(state));
}

Result<std::vector<chordal_function>> Jit::lookup(std::span<const std::string> names) const {
  std::vector<chordal_function> functions;
  functions.reserve(names.size());
  for (const std::string& name : names) {
    auto address = state->jit->lookup(name);
    if (!address)
      return Error{"the generated object has no function '" + name +
                   "': " + llvm::toString(address.takeError())};
    functions.push_back(address->toPtr<chordal_function>());
  }
  return functions;
}

} // namespace chordal::codegen
