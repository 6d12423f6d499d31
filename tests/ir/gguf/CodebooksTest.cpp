//===- CodebooksTest.cpp - tables of formats, entry by entry ----------------------------------===//

#include "ir/gguf/Codebooks.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>

using namespace chordal;

namespace {

/// FNV-1a (64 bits) of the weights of all entries, in order.
template <typename Codebook> uint64_t checksum(const Codebook& codebook) {
  uint64_t hash = 0xcbf29ce484222325;
  uint8_t bytes[sizeof codebook];
  std::memcpy(bytes, &codebook, sizeof codebook);
  for (uint8_t byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

// Tests that every entry is what files mean by its index: the sums were computed from the published
// tables of the formats.
TEST(Codebooks, EveryEntry) {
  EXPECT_EQ(checksum(codebooks::iq2xxs), 0xbb4ee025b5ac6e8eu);
  EXPECT_EQ(checksum(codebooks::iq2xs), 0xc9b1ee61e79909bdu);
  EXPECT_EQ(checksum(codebooks::iq2s), 0x123edd38a3b62b90u);
  EXPECT_EQ(checksum(codebooks::iq3xxs), 0xdfa5dc83d6a155d5u);
  EXPECT_EQ(checksum(codebooks::iq3s), 0xfa37020c25b44829u);
  EXPECT_EQ(checksum(codebooks::iq1), 0x81c12ae918d508cdu);
}

// Tests that signs are completed to an even number, each byte of its own.
TEST(Codebooks, EvenSigns) {
  for (uint32_t seven = 0; seven < 128; ++seven)
    for (int at = 0; at < 4; ++at) {
      uint32_t others = 0x5a3c96u << 7 | 0x35; // something in the other bytes
      uint32_t packed = (others & ~(0x7fu << (7 * at)) & 0xfffffff) | seven << (7 * at);
      uint32_t signs = codebooks::evenSigns(packed);
      EXPECT_EQ(signs >> (8 * at) & 0x7f, seven);
      for (int byte = 0; byte < 4; ++byte)
        EXPECT_EQ(std::popcount(signs >> (8 * byte) & 0xff) % 2, 0) << seven << " " << byte;
      EXPECT_EQ(codebooks::evenSigns(packed | 0xf0000000), signs); // a scale lies there
    }
}

} // namespace
