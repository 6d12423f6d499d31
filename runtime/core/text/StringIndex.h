//===- StringIndex.h - a hash index over strings that lie elsewhere ---------------------------===//
//
// Finds a string's position in a list in constant time. Open addressing, eight bytes per slot and
// no allocation per string, so that a vocabulary of 128 thousand tokens is indexed in a few
// milliseconds.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace chordal::text {

/// An index over a list of strings. Keeps the span, not a copy.
class StringIndex {
public:
  static constexpr uint32_t notFound = ~uint32_t(0);

  /// Indexes `list` (fewer than 2^32 strings), which must stay where it is. Of equal strings the
  /// first is found, or the last if `lastWins`.
  void build(std::span<const std::string_view> list, bool lastWins);

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
