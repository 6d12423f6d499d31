//===- Codebooks.h - tables of the formats whose codes are no plain numbers -------------------===//
//
// IQ4 and the 4-bit floats map a nibble to a level. IQ1, IQ2 and IQ3 store indices of entries of
// eight or four weights each: the points of a lattice that occur often in real weights. The weights
// of an entry are the bytes of a little-endian word.
//
// Source: the codebooks of the GGML quantisation types, which files cannot be read without; E2M1 is
// from the OCP Microscaling Formats specification 1.0.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace chordal::codebooks {

template <typename Word, int count> struct Codebook {
  Word entry[count];
};

/// Magnitudes 8, 25 or 43.
extern const Codebook<uint64_t, 256> iq2xxs;
extern const Codebook<uint64_t, 512> iq2xs;
extern const Codebook<uint64_t, 1024> iq2s;

/// Magnitudes 4, 12, 20, 28, 36, 44, 52 or 62.
extern const Codebook<uint32_t, 256> iq3xxs;
/// Magnitudes 1, 3, 5, ..., 15.
extern const Codebook<uint32_t, 512> iq3s;

/// IQ1's weights -1, 0 or 1 in units of 1/8 and with 8 added: 0, 8 or 16.
extern const Codebook<uint64_t, 2048> iq1;

/// The levels of IQ4.
constexpr int8_t iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                            1,    13,   25,  38,  53,  69,  89,  113};

/// The values of E2M1 (1 sign, 2 exponent, 1 fraction bits, bias 1), doubled.
constexpr int8_t doubledE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// Completes four bytes of seven bits, packed from bit 0 on, to an even number of ones each. Always
/// inlined, since kernels of all instruction-set levels use it.
[[gnu::always_inline]] constexpr uint32_t evenSigns(uint32_t packed) {
  uint32_t signs = (packed & 0x7f) | (packed & 0x3f80) << 1 | (packed & 0x1fc000) << 2 |
                   (packed & 0xfe00000) << 3;
  uint32_t parity = signs ^ signs >> 4; // in bit 0 of each byte, after folding it thrice
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return signs | (parity & 0x01010101) << 7;
}

} // namespace chordal::codebooks
