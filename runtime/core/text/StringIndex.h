//===- StringIndex.h - a hash index over strings that lie elsewhere
//-------------------------------===//
//
// Finds a string's position in a list in constant time. Open addressing, eight bytes per slot and
// no allocation per string, so that a vocabulary of 128 thousand tokens is indexed in a few
// milliseconds.
//
//===----------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace chordal::text {

/// An index over `strings`; of equal strings the first is found. Keeps the span, not a copy.
class StringIndex {
public:
  static constexpr uint32_t notFound = ~uint32_t(0);

  void build(std::span<const std::string_view> strings);

  /// Position of `key`, or notFound.
  uint32_t find(std::string_view key) const { return find(key, {}, {}); }

  /// Position of the concatenation of three parts, without forming it.
  uint32_t find(std::string_view first, std::string_view second, std::string_view third) const;

private:
  struct Slot {
    uint32_t hash;
    uint32_t position;
  };
  std::span<const std::string_view> strings;
  std::vector<Slot> slots;
  uint32_t mask = 0;
};

} // namespace chordal::text
