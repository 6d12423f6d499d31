//===- Formats.cpp - the table of tensor formats of GGUF files --------------------------------===//
//
// Freestanding: no heap and no operating system, so that kernels built for WebAssembly can use it.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Formats.h"

namespace chordal {
namespace {

using enum Format;
using enum FormatKind;

// Columns: format, kind, name, weights per block, bytes per block, weights per scale.
constexpr FormatInfo formatTable[] = {
    {F32, Float, "F32", 1, 4, 0},
    {F16, Float, "F16", 1, 2, 0},
    {Q4_0, Quantized, "Q4_0", 32, 18, 32},
    {Q4_1, Quantized, "Q4_1", 32, 20, 32},
    {Q5_0, Quantized, "Q5_0", 32, 22, 32},
    {Q5_1, Quantized, "Q5_1", 32, 24, 32},
    {Q8_0, Quantized, "Q8_0", 32, 34, 32},
    {Q8_1, Quantized, "Q8_1", 32, 36, 32},
    {Q2_K, Quantized, "Q2_K", 256, 84, 16},
    {Q3_K, Quantized, "Q3_K", 256, 110, 16},
    {Q4_K, Quantized, "Q4_K", 256, 144, 32},
    {Q5_K, Quantized, "Q5_K", 256, 176, 32},
    {Q6_K, Quantized, "Q6_K", 256, 210, 16},
    // One scale for all 256; `scaleGroup` describes groups of 16 or 32 only.
    {Q8_K, Quantized, "Q8_K", 256, 292, 0},
    {IQ2_XXS, Quantized, "IQ2_XXS", 256, 66, 32},
    {IQ2_XS, Quantized, "IQ2_XS", 256, 74, 16},
    {IQ3_XXS, Quantized, "IQ3_XXS", 256, 98, 32},
    {IQ1_S, Quantized, "IQ1_S", 256, 50, 32},
    {IQ4_NL, Quantized, "IQ4_NL", 32, 18, 32},
    {IQ3_S, Quantized, "IQ3_S", 256, 110, 32},
    {IQ2_S, Quantized, "IQ2_S", 256, 82, 16},
    {IQ4_XS, Quantized, "IQ4_XS", 256, 136, 32},
    {I8, Integer, "I8", 1, 1, 0},
    {I16, Integer, "I16", 1, 2, 0},
    {I32, Integer, "I32", 1, 4, 0},
    {I64, Integer, "I64", 1, 8, 0},
    {F64, Float, "F64", 1, 8, 0},
    {IQ1_M, Quantized, "IQ1_M", 256, 56, 16},
    {BF16, Float, "BF16", 1, 2, 0},
    {TQ1_0, Quantized, "TQ1_0", 256, 54, 32},
    {TQ2_0, Quantized, "TQ2_0", 256, 66, 32},
    {MXFP4, Quantized, "MXFP4", 32, 17, 32},
    {NVFP4, Quantized, "NVFP4", 64, 36, 16},
};

constexpr uint32_t idLimit = 64;
constexpr uint8_t noRow = 0xff;

// Row of each id, so that look-ups by id need no search.
struct RowIndex {
  uint8_t row[idLimit];
};
constexpr RowIndex makeRowIndex() {
  RowIndex index{};
  for (uint8_t& row : index.row)
    row = noRow;
  uint8_t number = 0;
  for (const FormatInfo& info : formatTable)
    index.row[static_cast<uint8_t>(info.format)] = number++;
  return index;
}
constexpr RowIndex rowOfId = makeRowIndex();

constexpr bool tableAscends() {
  for (size_t i = 1; i < std::size(formatTable); ++i)
    if (formatTable[i - 1].format >= formatTable[i].format)
      return false;
  return true;
}
static_assert(tableAscends(), "rows are ordered by id");

constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equalIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (upper(a[i]) != upper(b[i]))
      return false;
  return true;
}

} // namespace

std::span<const FormatInfo> allFormats() {
  return formatTable;
}

const FormatInfo& formatInfo(Format format) {
  return formatTable[rowOfId.row[static_cast<uint8_t>(format)]];
}

std::optional<Format> formatFromId(uint32_t ggufId) {
  if (ggufId >= idLimit || rowOfId.row[ggufId] == noRow)
    return std::nullopt;
  return static_cast<Format>(ggufId);
}

std::optional<Format> formatFromName(std::string_view name) {
  for (const FormatInfo& info : formatTable)
    if (equalIgnoringCase(info.name, name))
      return info.format;
  return std::nullopt;
}

} // namespace chordal
