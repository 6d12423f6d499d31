//===- StringIndex.cpp - a hash index over strings that lie elsewhere -------------------------===//
//
// Linear probing over slots of hash and position; a string is compared only when all 32 bits of its
// hash agree. The hash is FNV-1a, which runs over parts of a string as over the whole.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/StringIndex.h"

#include <bit>

namespace chordal::text {

namespace {

constexpr uint64_t hashStart = 0xCBF29CE484222325;

uint64_t hashOn(uint64_t hash, std::string_view bytes) {
  for (char byte : bytes)
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  return hash;
}

/// FNV's low bits are its weakest; fold the high ones in.
uint32_t hashEnd(uint64_t hash) {
  return static_cast<uint32_t>(hash ^ hash >> 29);
}

} // namespace

void StringIndex::build(std::span<const std::string_view> list, bool lastWins) {
  strings = list;
  size_t capacity = std::bit_ceil(strings.size() + strings.size() / 2 + 1);
  mask = static_cast<uint32_t>(capacity - 1);
  slots.assign(capacity, Slot{0, notFound});
  for (size_t i = 0; i != strings.size(); ++i) {
    uint32_t hash = hashEnd(hashOn(hashStart, strings[i]));
    uint32_t at = hash & mask;
    while (slots[at].position != notFound &&
           (slots[at].hash != hash || strings[slots[at].position] != strings[i]))
      at = (at + 1) & mask;
    if (slots[at].position == notFound || lastWins)
      slots[at] = {hash, static_cast<uint32_t>(i)};
  }
}

uint32_t StringIndex::find(std::string_view first, std::string_view second,
                           std::string_view third) const {
  if (slots.empty())
    return notFound;
  uint32_t hash = hashEnd(hashOn(hashOn(hashOn(hashStart, first), second), third));
  size_t length = first.size() + second.size() + third.size();
  for (uint32_t at = hash & mask; slots[at].position != notFound; at = (at + 1) & mask) {
    if (slots[at].hash != hash)
      continue;
    std::string_view candidate = strings[slots[at].position];
    if (candidate.size() == length && candidate.starts_with(first) && candidate.ends_with(third) &&
        candidate.substr(first.size(), second.size()) == second)
      return slots[at].position;
  }
  return notFound;
}

} // namespace chordal::text
