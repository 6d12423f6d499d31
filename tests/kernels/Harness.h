//===- Harness.h - memory and calls for the tests of kernels ----------------------------------===//
//
// Kernels get memory that ends at a page nobody may touch and begins behind bytes that must stay as
// they are, and are run shard by shard as an executor would.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/catalogue/Catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace chordal::kernels {

/// Memory of exactly `bytes` bytes whose end is the end of the accessible pages, so that a read or
/// write beyond it stops the test; bytes before it are checked when it goes. Filled with 0xff: NaN
/// as float and as half.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes) : bytes(bytes) {
    size_t page = size_t(sysconf(_SC_PAGESIZE));
    size_t pages = (bytes + guard + page - 1) / page;
    mapped = (pages + 1) * page;
    base = static_cast<char*>(
        mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED)
      std::abort();
    mprotect(base + pages * page, page, PROT_NONE);
    start = base + pages * page - bytes;
    std::memset(base, canary, size_t(start - base));
    std::memset(start, 0xff, bytes);
  }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() {
    for (const char* p = base; p < start; ++p)
      if (*p != char(canary)) {
        ADD_FAILURE() << "byte " << start - p << " before a buffer was written";
        break;
      }
    munmap(base, mapped);
  }

  template <typename T = char> T* data() const { return reinterpret_cast<T*>(start); }
  size_t size() const { return bytes; }

private:
  static constexpr size_t guard = 256;
  static constexpr int canary = 0x5a;
  size_t bytes, mapped;
  char *base, *start;
};

/// Rows of `columns` elements, with a stride that is no multiple of a vector.
template <typename T> class Rows {
public:
  Rows(size_t rows, size_t columns, size_t padding = 3)
      : rows(rows), columns(columns), stride(columns + (rows > 1 ? padding : 0)),
        memory((rows ? (rows - 1) * stride + columns : 0) * sizeof(T)) {}
  T* operator[](size_t row) const { return memory.template data<T>() + row * stride; }
  chordal_view view() const { return {memory.data(), stride * sizeof(T)}; }
  /// Random normal numbers times `scale`.
  template <typename Random> void fill(Random& random, float scale = 1) {
    std::normal_distribution<float> normal(0, scale);
    for (size_t r = 0; r < rows; ++r)
      for (size_t c = 0; c < columns; ++c)
        (*this)[r][c] = T(normal(random));
  }

  const size_t rows, columns, stride;

private:
  GuardedMemory memory;
};

/// A source of random numbers, different in each run; failures show the seed.
class Random : public std::mt19937 {
public:
  Random() : Random(std::random_device()()) {}
  explicit Random(uint32_t seed) : std::mt19937(seed), trace(__FILE__, __LINE__, Message(seed)) {}
  uint32_t below(uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n - 1)(*this); }

private:
  static std::string Message(uint32_t seed) { return "seed " + std::to_string(seed); }
  testing::ScopedTrace trace;
};

/// The levels that this machine runs and that have kernels of the family (of rows as they come: the
/// kernels for rows that matrix units interleave have tests of their own).
inline std::set<Isa> levels(Family family) {
  std::set<Isa> result;
  for (const KernelInfo& kernel : catalogue())
    if (kernel.family == family && BF16x16Rows::parts(kernel.activations) == 0 &&
        isaIncludes(hostIsa(), kernel.isa))
      result.insert(kernel.isa);
  return result;
}

/// The kernel of a family at a level, or one of the lower levels where it has none.
inline const KernelInfo& kernelAt(Family family, Isa isa, Format format = Format::F32,
                                  uint32_t rows = 1) {
  const KernelInfo* kernel =
      select(family, isa, format, bestActivations(family, isa, format, rows), rows);
  if (!kernel)
    std::abort();
  return *kernel;
}

/// Runs the shards of a task one after the other (backwards, if asked).
template <typename Parameters>
void runKernel(const KernelInfo& kernel, const Parameters& parameters,
               const std::vector<chordal_view>& operands, uint32_t rows, uint32_t shards,
               const chordal_step* step = nullptr, bool backwards = false) {
  std::string name(kernel.name);
  chordal_kernel body = find(name.c_str());
  ASSERT_NE(body, nullptr) << name;
  const auto* words = reinterpret_cast<const uint32_t*>(&parameters);
  uint64_t bytes = (scratchBytes(kernel, words, rows) + CHORDAL_ALIGNMENT - 1) / CHORDAL_ALIGNMENT *
                   CHORDAL_ALIGNMENT;
  GuardedMemory scratch(bytes);
  chordal_task_args args = {};
  args.step = step;
  args.operands = operands.data();
  args.parameters = words;
  args.scratch = scratch.data();
  args.n_rows = rows;
  for (uint32_t i = 0; i < shards; ++i)
    body(&args, backwards ? shards - 1 - i : i);
}

inline uint32_t tiles(uint32_t rows, uint32_t tile) {
  return (rows + tile - 1) / tile;
}

} // namespace chordal::kernels
