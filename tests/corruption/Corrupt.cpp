//===- Corrupt.cpp - model files with something wrong in them ---------------------------------===//

#include "tests/corruption/Corrupt.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string_view>

namespace chordal::corruption {

/// Goes through a valid file once.
class Walk {
public:
  explicit Walk(Source& s) : source(s) {}

  void file() {
    take(FieldKind::Header, 4);
    take(FieldKind::Header, 4);
    uint64_t tensors = take(FieldKind::Count, 8), values = take(FieldKind::Count, 8);
    for (uint64_t i = 0; i < values; ++i) {
      string();
      value(take(FieldKind::ValueType, 4), FieldKind::Scalar);
    }
    for (uint64_t i = 0; i < tensors; ++i) {
      string();
      uint64_t rank = take(FieldKind::Rank, 4);
      for (uint64_t d = 0; d < rank; ++d)
        take(FieldKind::Dimension, 8);
      take(FieldKind::TensorType, 4);
      take(FieldKind::Offset, 8);
    }
    source.headerEnd = at;
  }

private:
  uint64_t take(FieldKind kind, size_t size, bool isFloat = false) {
    uint64_t read = 0;
    if (size > source.bytes.size() - at)
      throw std::runtime_error(source.name + " is truncated");
    std::memcpy(&read, source.bytes.data() + at, std::min<size_t>(size, 8));
    source.fields[size_t(kind)].push_back({at, size, isFloat});
    at += size;
    return read;
  }

  void string() {
    uint64_t length = take(FieldKind::Length, 8);
    if (length != 0)
      take(FieldKind::Text, length);
  }

  void value(uint64_t type, FieldKind kind) {
    constexpr size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    constexpr uint64_t float32 = 6, text = 8, array = 9, float64 = 12;
    if (type == text)
      return string();
    if (type == array) {
      uint64_t element = take(FieldKind::ValueType, 4), count = take(FieldKind::Count, 8);
      for (uint64_t i = 0; i < count; ++i)
        value(element, FieldKind::Element);
      return;
    }
    if (type >= std::size(sizes))
      throw std::runtime_error(source.name + " has a value of an unknown type");
    take(kind, sizes[type], type == float32 || type == float64);
  }

  Source& source;
  size_t at = 0;
};

Source::Source(const std::string& path) : name(path) {
  std::ifstream file(path, std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file.good() && bytes.empty())
    throw std::runtime_error("cannot read " + path);
  Walk(*this).file();
}

namespace {

/// One corruption after another on a copy of the file. Fields stay where they were until something
/// is inserted or removed, so that comes last.
class Damage {
public:
  Damage(std::vector<uint8_t>& bytes, std::mt19937_64& random) : bytes(bytes), random(random) {}

  std::string what;

  size_t below(size_t count) { return count ? size_t(random() % count) : 0; }

  void note(const std::string& text) { what += (what.empty() ? "" : "; ") + text; }

  void flip(size_t begin, size_t end) {
    size_t count = size_t(1) << below(6);
    note("flip " + std::to_string(count) + " bits in " + std::to_string(begin) + ".." +
         std::to_string(end));
    for (size_t i = 0; i < count && begin < end; ++i)
      bytes[begin + below(end - begin)] ^= uint8_t(1u << below(8));
  }

  /// Writes a number that readers may not expect.
  void overwrite(const Field& field) {
    uint64_t value = 0;
    size_t size = std::min<size_t>(field.size, 8);
    std::memcpy(&value, bytes.data() + field.at, size);
    uint64_t old = value;
    if (field.isFloat && below(4) != 0) {
      constexpr double numbers[] = {0.0,   -0.0,   1.0,   -1.0, 1e-30, 1e30,  3.5e38,
                                    1e308, 1e-320, 0.125, 1e9,  -1e30, 2.0,   64.0,
                                    1e-5,  -0.5,   1e-45, 5e-8, 0.001, 65504, 1e38};
      double number = numbers[below(std::size(numbers))];
      if (below(4) == 0)
        number = below(2) ? std::numeric_limits<double>::quiet_NaN()
                          : std::numeric_limits<double>::infinity();
      if (size == 4) {
        float narrow = float(std::clamp(number, -double(std::numeric_limits<float>::max()),
                                        double(std::numeric_limits<float>::max())));
        if (!(number - number == 0))
          narrow = std::numeric_limits<float>::quiet_NaN();
        std::memcpy(&value, &narrow, 4);
      } else {
        std::memcpy(&value, &number, 8);
      }
    } else {
      switch (below(8)) {
      case 0:
        value = below(4);
        break;
      case 1:
        value += uint64_t(1) - 2 * below(2);
        break;
      case 2:
        value = below(2) ? value * 2 : value / 2;
        break;
      case 3: // near a power of two
        value = (uint64_t(1) << below(64)) + below(3) - 1;
        break;
      case 4: // near the largest number of the field
        value = (size == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * size)) - 1) - below(3);
        break;
      case 5:
        value = random();
        break;
      case 6:
        value = below(300);
        break;
      default:
        value ^= uint64_t(1) << below(8 * size);
      }
    }
    if (size < 8)
      value &= (uint64_t(1) << (8 * size)) - 1;
    std::memcpy(bytes.data() + field.at, &value, size);
    note("at " + std::to_string(field.at) + " " + std::to_string(old) + " becomes " +
         std::to_string(value) + " (" + std::to_string(size) + " bytes)");
  }

  void swap(const Field& a, const Field& b) {
    size_t size = std::min(a.size, b.size);
    std::swap_ranges(bytes.begin() + ptrdiff_t(a.at), bytes.begin() + ptrdiff_t(a.at + size),
                     bytes.begin() + ptrdiff_t(b.at));
    note("swap " + std::to_string(size) + " bytes at " + std::to_string(a.at) + " and " +
         std::to_string(b.at));
  }

  /// Puts another text in, cut or repeated to the field's length.
  void rewrite(const Field& field) {
    constexpr std::string_view texts[] = {
        "llama",     "qwen3",    "gpt2",    "bert",         "gemma2",
        "",          "\xFF\xFE", "yarn",    "linear",       "none",
        "llama-bpe", "qwen2",    "default", "\xF0\x9F\x98", "blk.0.attn_q.weight",
        "<s>",       "../../x"};
    std::string_view text = texts[below(std::size(texts))];
    for (size_t i = 0; i < field.size; ++i)
      bytes[field.at + i] = text.empty() ? uint8_t(random()) : uint8_t(text[i % text.size()]);
    note("text of " + std::to_string(field.size) + " bytes at " + std::to_string(field.at) +
         " becomes '" + std::string(text) + "'");
  }

  void truncate(size_t size) {
    bytes.resize(std::min(size, bytes.size()));
    note("cut at " + std::to_string(size));
  }

  void splice(size_t end) {
    size_t from = below(end), count = 1 + below(size_t(1) << below(10));
    if (below(2)) {
      std::vector<uint8_t> added(count);
      size_t other = below(end);
      for (size_t i = 0; i < count; ++i)
        added[i] = bytes[(other + i) % bytes.size()];
      bytes.insert(bytes.begin() + ptrdiff_t(from), added.begin(), added.end());
      note("insert " + std::to_string(count) + " bytes of " + std::to_string(other) + " at " +
           std::to_string(from));
    } else {
      count = std::min(count, bytes.size() - from);
      bytes.erase(bytes.begin() + ptrdiff_t(from), bytes.begin() + ptrdiff_t(from + count));
      note("remove " + std::to_string(count) + " bytes at " + std::to_string(from));
    }
  }

private:
  std::vector<uint8_t>& bytes;
  std::mt19937_64& random;
};

} // namespace

std::vector<uint8_t> Source::corrupt(std::mt19937_64& random, std::string& what) const {
  std::vector<uint8_t> copy = bytes;
  Damage damage(copy, random);
  auto any = [&](FieldKind kind) {
    const std::vector<Field>& all = fields[size_t(kind)];
    return all[damage.below(all.size())];
  };
  size_t count = damage.below(3) ? 1 : 2 + damage.below(3);
  for (size_t i = 0; i < count; ++i) {
    auto kind = FieldKind(damage.below(fieldKinds));
    switch (damage.below(10)) {
    case 0:
      damage.flip(0, headerEnd);
      break;
    case 1:
      damage.flip(headerEnd, copy.size());
      break;
    case 2:
      damage.rewrite(any(FieldKind::Text));
      break;
    case 3: {
      // Dimensions above all: of one tensor, or of two.
      if (damage.below(2))
        kind = FieldKind::Dimension;
      const std::vector<Field>& all = fields[size_t(kind)];
      size_t first = damage.below(all.size());
      size_t second =
          damage.below(2) ? std::min(first + 1, all.size() - 1) : damage.below(all.size());
      damage.swap(all[first], all[second]);
      break;
    }
    case 4:
    case 5:
      damage.overwrite(any(FieldKind::Scalar));
      break;
    case 6:
      damage.overwrite(any(FieldKind::Dimension));
      break;
    default:
      damage.overwrite(any(kind));
    }
  }
  if (damage.below(8) == 0)
    damage.splice(damage.below(2) ? headerEnd : copy.size());
  else if (damage.below(10) == 0)
    damage.truncate(damage.below(damage.below(2) ? headerEnd : copy.size()));
  what = damage.what;
  return copy;
}

} // namespace chordal::corruption
