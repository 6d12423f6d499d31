//===- MemorySource.h - where large memory comes from -----------------------------------------===//
//
// The runtime's core makes no calls of an operating system: memory whose size is a maximum (KV
// cache, arena) comes from a source that its user supplies. The best sources reserve addresses and
// give pages when they are first touched; the heap serves where there is no such thing.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace chordal {

/// Two functions and their context. `reserve` returns memory aligned to CHORDAL_ALIGNMENT at least,
/// of any content, or null; `release` gives back exactly what one call of `reserve` returned.
struct MemorySource {
  void* context = nullptr;
  void* (*reserve)(void* context, uint64_t bytes) = nullptr;
  void (*release)(void* context, void* data, uint64_t bytes) = nullptr;
};

/// The C heap.
MemorySource heapMemory();

/// Memory of a source, released when this goes.
class Reservation {
public:
  Reservation() = default;
  /// Errors: no memory (the message says what for and how much). 0 bytes give null.
  static Result<Reservation> create(const MemorySource& source, uint64_t bytes,
                                    std::string_view purpose);

  Reservation(Reservation&& other) noexcept
      : source(other.source), memory(std::exchange(other.memory, nullptr)),
        bytes(std::exchange(other.bytes, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(source, other.source);
    std::swap(memory, other.memory);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~Reservation() {
    if (memory)
      source.release(source.context, memory, bytes);
  }

  std::byte* data() const { return static_cast<std::byte*>(memory); }
  uint64_t size() const { return bytes; }

private:
  MemorySource source;
  void* memory = nullptr;
  uint64_t bytes = 0;
};

} // namespace chordal
