//===- Limits.h - what the machine can do at most ---------------------------------------------===//
//
// The loops that kernels are compared with: reading memory, and multiplying in registers. Both are
// run by several threads at once, since cores share memory and may run slower together.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/catalogue/Catalogue.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace chordal::bench {

/// How a thread reads its part of memory: as so many streams side by side, each fetched ahead of
/// its use or left to the processor's own prefetching.
struct ReadPattern {
  uint32_t streams; ///< 1, 2 or 4
  bool prefetch;
};

/// All of them. Which is the fastest depends on the machine and on the size of its pages: a core's
/// prefetching stops at the end of a page, and several streams hide that.
inline constexpr ReadPattern readPatterns[] = {{1, false}, {1, true},  {2, false},
                                               {2, true},  {4, false}, {4, true}};

/// Reads the memory (of a part smaller than 1 KiB at its end: nothing) and returns something that
/// depends on it.
uint64_t readAll(std::span<const std::byte> memory, ReadPattern pattern);

/// Bytes per second at which `threads` threads together read all of `memory`, each a part of every
/// span.
double readRate(std::span<const std::span<const std::byte>> memory, unsigned threads,
                ReadPattern pattern);

/// What numbers are multiplied, and so what a level's fastest instruction for it is.
enum class Arithmetic : uint8_t {
  Int8,    ///< products of bytes, summed up in int32
  Float32, ///< products of float32, summed up in float32
  BFloat16 ///< products of bfloat16, summed up in float32; only amx
};

/// Multiplies in registers for some microseconds, with the level's fastest instructions, and
/// returns the number of operations (a product and a sum are two); 0 if the level has no loop for
/// this, or the machine has not the level.
uint64_t multiply(kernels::Isa isa, Arithmetic arithmetic);

/// Operations per second that `threads` threads do together; 0 as above.
double operationRate(kernels::Isa isa, Arithmetic arithmetic, unsigned threads);

} // namespace chordal::bench
