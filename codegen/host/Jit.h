//===- Jit.h - loads the generated object into this process -----------------------------------===//
//
// ORC maps exactly the object that ahead-of-time compilation links, and looks its functions up.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/program.h"

#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace chordal::codegen {

/// Generated functions in executable memory; they live as long as this does.
class Jit {
public:
  static Result<Jit> load(std::unique_ptr<llvm::MemoryBuffer> object);
  Jit(Jit&&) noexcept;
  Jit& operator=(Jit&&) noexcept;
  ~Jit();

  /// The addresses of `names`, in their order.
  Result<std::vector<chordal_function>> lookup(std::span<const std::string> names) const;

private:
  struct State;
  explicit Jit(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace chordal::codegen
