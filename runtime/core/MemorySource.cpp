//===- MemorySource.cpp - memory from the heap ------------------------------------------------===//
//
// The source for platforms without address space to reserve, and reservations of any source.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/MemorySource.h"

#include "runtime/program.h"

#include <cstdlib>
#include <string>

namespace chordal {

MemorySource heapMemory() {
  MemorySource source;
  source.reserve = [](void*, uint64_t bytes) -> void* {
    if (bytes > SIZE_MAX - CHORDAL_ALIGNMENT)
      return nullptr;
    size_t size = (size_t(bytes) + CHORDAL_ALIGNMENT - 1) / CHORDAL_ALIGNMENT * CHORDAL_ALIGNMENT;
    return std::aligned_alloc(CHORDAL_ALIGNMENT, size);
  };
  source.release = [](void*, void* data, uint64_t) { std::free(data); };
  return source;
}

Result<Reservation> Reservation::create(const MemorySource& source, uint64_t bytes,
                                        std::string_view purpose) {
  Reservation reservation;
  if (bytes == 0)
    return reservation;
  void* memory = source.reserve(source.context, bytes);
  if (!memory)
    return Error{"no memory for " + std::string(purpose) + ": " + std::to_string(bytes) + " bytes"};
  reservation.source = source;
  reservation.memory = memory;
  reservation.bytes = bytes;
  return reservation;
}

} // namespace chordal
