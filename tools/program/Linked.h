//===- Linked.h - what the compiler links into an executable ----------------------------------===//
//
// The object that `chordal compile` generates for an executable: for each instruction-set level the
// kernels and generated functions of its program, in the order of the program's tables.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/program.h"

extern "C" {

struct chordal_linked_level {
  uint32_t level; ///< kernels::Isa
  uint32_t n_kernels, n_functions;
  uint32_t reserved;
  const chordal_kernel* kernels;
  const chordal_function* functions;
};

/// Ascending by level.
extern const chordal_linked_level chordal_linked_levels[];
extern const uint32_t chordal_linked_level_count;
/// The container that goes with this executable: ContainerIdentity::program.
extern const uint64_t chordal_linked_identity;
}
