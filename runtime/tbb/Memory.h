//===- Memory.h - address space and weights ---------------------------------------------------===//
//
// Memory from the operating system, whose pages exist once they are touched, and the places of a
// program's weights within the mapped model.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "runtime/core/MemorySource.h"
#include "runtime/core/Program.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace chordal {

/// Address space of the operating system: reserved without being counted as used, zero when first
/// touched.
MemorySource systemMemory();

/// Bytes of a page of memory.
uint64_t pageSize();

/// `value` rounded up to whole pages.
uint64_t roundToPages(uint64_t value);

/// Bytes of [data, data + size) that are in physical memory, in whole pages. For tests and reports.
uint64_t residentBytes(const void* data, uint64_t size);

/// The bytes of each of the program's weights in the model's files. Errors name a weight whose file
/// does not exist or whose bytes reach beyond it.
Result<std::vector<std::span<const std::byte>>> resolveWeights(const Program& program,
                                                               const gguf::View& model);

} // namespace chordal
