//===- Limits.h - what the machine can do at most --------------------------------------------===//
//
// The loops that kernels are compared with. Compiled for AVX-512 with VNNI where the compiler's
// target has it.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

namespace chordal::bench {

/// Reads all bytes (a multiple of 256) and returns something that depends on them.
uint64_t readAll(const void* memory, size_t bytes);

/// Some thousand byte dot products on registers; returns the number of operations (a product and a
/// sum are two). Only where the machine has AVX-512 with VNNI; 0 for other architectures.
int64_t byteDots();

} // namespace chordal::bench
