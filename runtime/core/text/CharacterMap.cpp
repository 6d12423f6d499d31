//===- CharacterMap.cpp - SentencePiece's precompiled normalisation ---------------------------===//
//
// A unit of the double array holds, from its lowest bit: the byte that leads to it (8), whether a
// key ends here (1), whether the offset counts in 256s (1), the offset to its children (21), and in
// the top bit whether it is a value instead: the position of a replacement (31). Child c of the
// node whose children begin at b is unit b ^ c, and child 0 is the value.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/CharacterMap.h"

#include <algorithm>
#include <string>

namespace chordal::text {

namespace {

constexpr const char* keyName = "tokenizer.ggml.precompiled_charsmap";
constexpr uint32_t valueBit = uint32_t(1) << 31;

uint32_t readU32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i != 4; ++i)
    value |= uint32_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

uint32_t childrenOf(uint32_t unit) {
  return (unit >> 10 & 0x1FFFFF) << ((unit & 0x200) != 0 ? 8 : 0);
}

Error broken(const std::string& what) {
  return Error{std::string(keyName) + ": " + what, ErrorCode::Malformed};
}

} // namespace

Result<void> CharacterMap::init(std::string_view bytes) {
  *this = {};
  if (bytes.empty())
    return {};
  if (bytes.size() < 4)
    return broken("has " + std::to_string(bytes.size()) + " bytes; its length alone takes 4");
  uint32_t length = readU32(bytes, 0);
  if (length % 4 != 0 || length > bytes.size() - 4)
    return broken("the double array has " + std::to_string(length) +
                  " bytes, which is no multiple of 4 or more than the " +
                  std::to_string(bytes.size() - 4) + " that follow");
  std::string_view texts = bytes.substr(4 + size_t(length));
  if (!texts.empty() && texts.back() != '\0')
    return broken("the last replacement has no end");
  for (size_t at = 0; at < texts.size();) {
    size_t end = texts.find('\0', at);
    if (end - at > maxLength)
      return broken("the replacement at byte " + std::to_string(4 + length + at) + " has " +
                    std::to_string(end - at) + " bytes; at most " + std::to_string(maxLength) +
                    " are supported");
    at = end + 1;
  }
  array = bytes.substr(4, length);
  replacements = texts;
  units = length / 4;
  return {};
}

uint32_t CharacterMap::unit(size_t index) const {
  return readU32(array, index * 4);
}

CharacterMap::Match CharacterMap::find(std::string_view text) const {
  Match match;
  if (empty())
    return match;
  size_t node = childrenOf(unit(0));
  for (size_t i = 0, end = std::min(text.size(), maxLength); i != end; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units)
      break;
    uint32_t found = unit(node);
    if ((found & (valueBit | 0xFF)) != byte)
      break;
    node ^= childrenOf(found);
    if ((found & 0x100) == 0)
      continue;
    uint32_t value = node < units ? unit(node) & ~valueBit : valueBit;
    if (value >= replacements.size())
      break;
    match = {i + 1, replacements.substr(value, replacements.find('\0', value) - value)};
  }
  return match;
}

} // namespace chordal::text
