//===- Memory.cpp - address space and weights -------------------------------------------------===//
//
// On POSIX systems address space is an anonymous private mapping that is not counted as used
// (MAP_NORESERVE), so that reserving far more than the machine has is free.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Memory.h"

#include "ir/gguf/Checked.h"

#include <algorithm>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_NORESERVE // no such flag: such systems do not count reservations
#define MAP_NORESERVE 0
#endif

namespace chordal {

uint64_t pageSize() {
  static const uint64_t size = uint64_t(sysconf(_SC_PAGESIZE));
  return size;
}

uint64_t roundToPages(uint64_t value) {
  return (value + pageSize() - 1) / pageSize() * pageSize();
}

MemorySource systemMemory() {
  MemorySource source;
  source.reserve = [](void*, uint64_t bytes) -> void* {
    if (bytes > SIZE_MAX - pageSize())
      return nullptr;
    void* data = mmap(nullptr, roundToPages(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return data == MAP_FAILED ? nullptr : data;
  };
  source.release = [](void*, void* data, uint64_t bytes) { munmap(data, roundToPages(bytes)); };
  return source;
}

uint64_t residentBytes(const void* data, uint64_t size) {
  uint64_t begin = reinterpret_cast<uintptr_t>(data) / pageSize() * pageSize();
  uint64_t end = roundToPages(reinterpret_cast<uintptr_t>(data) + size);
  std::vector<unsigned char> pages((end - begin) / pageSize());
  // The element type of the last argument differs between systems.
  if (pages.empty() || mincore(reinterpret_cast<void*>(begin), end - begin,
                               reinterpret_cast<decltype(pages.data())>(pages.data())) != 0)
    return 0;
  return uint64_t(std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; })) *
         pageSize();
}

Result<std::vector<std::span<const std::byte>>> resolveWeights(const Program& program,
                                                               const gguf::View& model) {
  std::vector<std::span<const std::byte>> spans;
  spans.reserve(program.weights.size());
  for (const chordal_weight& weight : program.weights) {
    std::string name(program.string(weight.name));
    if (weight.shard >= model.shardCount())
      return Error{"weight '" + name + "' is in file " + std::to_string(weight.shard) +
                       " of the model, but " + model.name() + " has " +
                       std::to_string(model.shardCount()),
                   ErrorCode::Malformed};
    std::span<const std::byte> file = model.shardBytes(weight.shard);
    if (!checked::inRange(weight.offset, weight.bytes, file.size()))
      return Error{"weight '" + name + "': " + std::to_string(weight.bytes) +
                       " bytes from offset " + std::to_string(weight.offset) + " on reach beyond " +
                       model.shardPath(weight.shard) + " (" + std::to_string(file.size()) +
                       " bytes)",
                   ErrorCode::Malformed};
    spans.push_back(file.subspan(weight.offset, weight.bytes));
  }
  return spans;
}

} // namespace chordal
