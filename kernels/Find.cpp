//===- Find.cpp - kernels by name -------------------------------------------------------------===//
//
// Resolves the kernel names of a program, once, when it is loaded.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/catalogue/Catalogue.h"

#include <cstring>

// A build has the scalar kernels and those of its own architecture.
#define CHORDAL_IF_Scalar(...) __VA_ARGS__
#if defined(__x86_64__)
#define CHORDAL_IF_X86_64_v2(...) __VA_ARGS__
#define CHORDAL_IF_X86_64_v3(...) __VA_ARGS__
#define CHORDAL_IF_Avx512Vnni(...) __VA_ARGS__
#define CHORDAL_IF_Amx(...) __VA_ARGS__
#else
#define CHORDAL_IF_X86_64_v2(...)
#define CHORDAL_IF_X86_64_v3(...)
#define CHORDAL_IF_Avx512Vnni(...)
#define CHORDAL_IF_Amx(...)
#endif
#if defined(__aarch64__)
#define CHORDAL_IF_Neon(...) __VA_ARGS__
#define CHORDAL_IF_NeonDotprod(...) __VA_ARGS__
#define CHORDAL_IF_NeonI8mm(...) __VA_ARGS__
#else
#define CHORDAL_IF_Neon(...)
#define CHORDAL_IF_NeonDotprod(...)
#define CHORDAL_IF_NeonI8mm(...)
#endif

namespace chordal::kernels {

#define CHORDAL_KERNEL(isa, symbol, ...)                                                           \
  CHORDAL_IF_##isa(void symbol(const chordal_task_args* args, uint32_t shard);)
#include "kernels/catalogue/Kernels.def"
#undef CHORDAL_KERNEL

chordal_kernel find(const char* name, Isa machine) {
  static constexpr struct {
    const char* name;
    Isa isa;
    chordal_kernel kernel;
  } table[] = {
#define CHORDAL_KERNEL(isa, symbol, name, ...) CHORDAL_IF_##isa({name, Isa::isa, symbol}, )
#include "kernels/catalogue/Kernels.def"
#undef CHORDAL_KERNEL
  };
  for (const auto& entry : table)
    if (std::strcmp(entry.name, name) == 0)
      return isaIncludes(machine, entry.isa) ? entry.kernel : nullptr;
  return nullptr;
}

chordal_kernel find(const char* name) {
  return find(name, hostIsa());
}

} // namespace chordal::kernels
