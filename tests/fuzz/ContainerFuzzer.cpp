//===- ContainerFuzzer.cpp - any bytes as a container -----------------------------------------===//
//
// Any bytes must give a container or an error. Checksums would keep nearly all inputs from getting
// far, so the same bytes are also tried as tables, and as the payload and the directory of a
// container whose checksums are right.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Container.h"

#include <cstdlib>
#include <cstring>

using namespace chordal;

namespace {

/// Reads all that a container offers.
void readAll(std::span<const std::byte> file) {
  auto container = Container::open(file, "fuzz");
  if (!container)
    return;
  for (const ContainerSection& section : container->sections())
    (void)container->section(section.kind, section.level).ok();
  uint64_t sum = 0;
  for (size_t i = 0; i < container->weightCount(); ++i)
    sum += container->weightIsIntact(i) + container->weight(i).size();
  for (uint32_t level : container->levels())
    if (auto program = container->program(level))
      (void)container->weights(*program).ok();
  if (sum == ~uint64_t(0))
    std::abort();
}

/// A container of these bytes and this directory, with checksums that are right.
void readAsParts(std::span<const std::byte> payload, std::span<const std::byte> sections) {
  std::vector<std::byte> file(payload.begin(), payload.end());
  std::vector<ContainerSection> directory(sections.size() / sizeof(ContainerSection));
  if (!directory.empty())
    std::memcpy(directory.data(), sections.data(), directory.size() * sizeof(ContainerSection));
  for (ContainerSection& section : directory)
    if (section.offset <= payload.size() && section.bytes <= payload.size() - section.offset)
      section.checksum = Checksum::of(payload.subspan(section.offset, section.bytes));
  auto append = [&](const void* data, size_t size) {
    auto* begin = static_cast<const std::byte*>(data);
    file.insert(file.end(), begin, begin + size);
  };
  auto stored = std::as_bytes(std::span(directory));
  append(stored.data(), stored.size());
  struct {
    char magic[8] = {'C', 'H', 'O', 'R', 'D', 'A', 'L', '\x1a'};
    uint32_t version = containerVersion, architecture = 62;
    uint64_t bytes, offset, size, checksum, reserved = 0, own;
  } trailer;
  trailer.bytes = file.size() + sizeof trailer;
  trailer.offset = payload.size();
  trailer.size = stored.size();
  trailer.checksum = Checksum::of(stored);
  trailer.own = Checksum::of(std::as_bytes(std::span(&trailer, 1)).first(56));
  append(&trailer, sizeof trailer);
  readAll(file);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  readAll(bytes);
  if (auto program = readProgram(bytes)) {
    // What is valid reads back as it is.
    auto again = readProgram(writeProgram(*program));
    if (!again || again->strings != program->strings)
      std::abort();
  }
  size_t sections = std::min<size_t>(size, size_t(size ? data[0] % 8 : 0) * 40);
  readAsParts(bytes.subspan(sections), bytes.first(sections));
  return 0;
}
