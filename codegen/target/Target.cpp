//===- Target.cpp - processor architectures that programs are made for ------------------------===//
#include "codegen/target/Target.h"

#include <algorithm>

namespace chordal::codegen {

using kernels::Isa;

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"x86-64",
       "x86_64-pc-linux-gnu",
       62,
       "ld-linux-x86-64.so.2",
       {Isa::X86_64_v2, Isa::X86_64_v3, Isa::Avx512Vnni, Isa::Amx}},
      {"aarch64",
       "aarch64-unknown-linux-gnu",
       183,
       "ld-linux-aarch64.so.1",
       {Isa::Neon, Isa::NeonDotprod, Isa::NeonI8mm}}};
  return all;
}

const Target* findTarget(uint32_t machine) {
  auto found = std::ranges::find(targets(), machine, &Target::machine);
  return found == targets().end() ? nullptr : &*found;
}

const Target& hostTarget() {
#if defined(__aarch64__)
  return targets()[1];
#else
  return targets()[0];
#endif
}

const Target& targetOf(Isa level) {
  if (level == Isa::Scalar)
    return hostTarget();
  return targets()[level >= Isa::Neon ? 1 : 0];
}

} // namespace chordal::codegen
