//===- Formats.h - the table of tensor formats of GGUF files ----------------------------------===//
//
// One table says what every tensor format is: its id in the file, its name, and how many weights a
// block holds in how many bytes. Types, parsers, kernels and tests are generated from it or check
// themselves against it. Source: the GGUF specification and the ids published with it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace chordal {

/// A tensor format; the value is the id that GGUF files store.
enum class Format : uint8_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q8_1 = 9,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  Q8_K = 15,
  IQ2_XXS = 16,
  IQ2_XS = 17,
  IQ3_XXS = 18,
  IQ1_S = 19,
  IQ4_NL = 20,
  IQ3_S = 21,
  IQ2_S = 22,
  IQ4_XS = 23,
  I8 = 24,
  I16 = 25,
  I32 = 26,
  I64 = 27,
  F64 = 28,
  IQ1_M = 29,
  BF16 = 30,
  TQ1_0 = 34,
  TQ2_0 = 35,
  MXFP4 = 39,
  NVFP4 = 40,
};

/// What a format is for.
enum class FormatKind : uint8_t {
  Float,     ///< one weight per block, IEEE or bfloat16
  Quantized, ///< blocks of weights that share scales
  Integer,   ///< plain integers; never a weight matrix
};

struct FormatInfo {
  Format format;
  FormatKind kind;
  std::string_view name;    ///< as the field writes it: "Q4_K"
  uint32_t weightsPerBlock; ///< a row is a whole number of blocks
  uint32_t bytesPerBlock;
  uint32_t scaleGroup; ///< weights that share one scale after unpacking (16 or 32; more counts as
                       ///< 32); 0: none
};

/// All formats, by ascending id.
std::span<const FormatInfo> allFormats();

/// The table's row of a known format.
const FormatInfo& formatInfo(Format format);

/// The format with this id in a file, if there is one.
std::optional<Format> formatFromId(uint32_t ggufId);

/// The format of this name ("Q4_K"; case does not matter), if there is one.
std::optional<Format> formatFromName(std::string_view name);

} // namespace chordal
