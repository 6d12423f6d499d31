//===- Checked.h - arithmetic that notices overflow -------------------------------------------===//
//
// Every size, count and offset that comes from a file passes through these functions before it is
// used. They return nothing when the result does not fit 64 bits.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <optional>

namespace chordal::checked {

inline std::optional<uint64_t> add(uint64_t a, uint64_t b) {
  if (a > UINT64_MAX - b)
    return std::nullopt;
  return a + b;
}

inline std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  if (b != 0 && a > UINT64_MAX / b)
    return std::nullopt;
  return a * b;
}

constexpr bool isPowerOfTwo(uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

/// The smallest multiple of `alignment`, a power of two, that is not less than `value`.
inline std::optional<uint64_t> alignUp(uint64_t value, uint64_t alignment) {
  if (!isPowerOfTwo(alignment))
    return std::nullopt;
  std::optional<uint64_t> sum = add(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}

/// Whether [offset, offset + size) lies within [0, limit).
constexpr bool inRange(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

} // namespace chordal::checked
