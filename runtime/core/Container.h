//===- Container.h - a program with its weights in one file -----------------------------------===//
//
// A container holds all that a compiled program is made of: for each instruction-set level the
// tables, the object code and the planned IR; the model's metadata with its vocabulary; the
// weights. It is written in one go, from the first byte to the last, and found from its end, so
// that it can stand behind the executable that runs it:
//
//   [executable, padding to 64 KiB] sections ... weights ... directory, trailer
//
// All numbers are little-endian, all offsets count from the container's first byte. The trailer
// (64 bytes, the last of the file) says where the directory is, the directory where each section
// is. Every part has a checksum; those of the weights are in a table of their own, so that opening
// a container reads nothing of the weights. What is read here may be hostile: nothing is used
// before it has been checked. Without calls of an operating system: the bytes are mapped by the
// caller.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/core/Program.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chordal {

constexpr uint32_t containerVersion = 2;

/// Alignment of a container in its file, and of the weights in the container, in bytes.
constexpr uint64_t containerAlignment = 65536;
/// Alignment of large weights: a page, so that each can be read, mapped or dropped by itself.
constexpr uint64_t weightPageAlignment = 4096;

enum class SectionKind : uint32_t {
  Metadata = 1,    ///< the model's metadata: a GGUF file without tensors
  Tables = 2,      ///< a Program, see writeProgram
  Object = 3,      ///< relocatable object with the generated functions
  PlannedIr = 4,   ///< MLIR text of the phase `plan`, compressed with zstd
  WeightTable = 5, ///< ContainerWeight for each weight, in the order of every Program's table
  Weights = 6,     ///< the weights' bytes
  Identity = 7,    ///< ContainerIdentity, then the name of the weight file, if there is one
};

/// What belongs together, and where the weights are.
struct ContainerIdentity {
  uint64_t program;          ///< checksum of tables, objects and metadata; linked into executables
  uint64_t weightsDirectory; ///< checksum of the weight file's directory; 0: weights are here
};

/// A section in the directory.
struct ContainerSection {
  SectionKind kind;
  uint32_t level; ///< instruction-set level (kernels::Isa) of what differs by level, else 0
  uint64_t offset;
  uint64_t bytes;
  uint64_t rawBytes; ///< before compression; else the same as bytes
  uint64_t checksum; ///< of the stored bytes; 0 for Weights, which WeightTable covers
};

/// A weight in the section Weights.
struct ContainerWeight {
  uint64_t offset; ///< within the section
  uint64_t bytes;
  uint64_t checksum;
};

/// A fast 64-bit checksum, XXH64 with seed 0 (as its specification describes it): finds damage, not
/// malice. Takes its input in pieces of any size.
class Checksum {
public:
  void update(const void* data, size_t size);
  uint64_t finish() const;
  static uint64_t of(std::span<const std::byte> bytes) {
    Checksum sum;
    sum.update(bytes.data(), bytes.size());
    return sum.finish();
  }

private:
  std::array<uint64_t, 4> lanes{0x9E3779B185EBCA87u + 0xC2B2AE3D27D4EB4Fu, 0xC2B2AE3D27D4EB4Fu, 0,
                                0u - 0x9E3779B185EBCA87u};
  std::array<std::byte, 32> pending{};
  uint64_t total = 0;
};

/// The tables of a program as packed bytes, the same for the same program; and back. `readProgram`
/// also validates. Errors: bytes that are no tables, tables that contradict one another.
std::vector<std::byte> writeProgram(const Program& program);
Result<Program> readProgram(std::span<const std::byte> bytes);

/// A container in memory, checked: trailer, directory, ranges, and the sizes of the weight table.
/// Checksums of sections are checked when they are read.
class Container {
public:
  /// Whether a file that ends with these bytes (64 at least) ends with a container's trailer.
  static bool isAtEndOf(std::span<const std::byte> file);

  /// `file`: all bytes of a file that ends with a container; it must outlive this. `name` is for
  /// messages. Errors: no container, a truncated or damaged one (Malformed), one of another version
  /// or byte order (Unsupported).
  static Result<Container> open(std::span<const std::byte> file, std::string name);

  const std::string& name() const { return fileName; }
  uint32_t architecture() const { return machine; } ///< ELF machine number: 62 for x86-64
  const ContainerIdentity& identity() const { return ids; }
  /// Name of the weight file beside this one; "" when the weights are in here.
  std::string_view weightFile() const { return weightFileName; }
  uint64_t directoryChecksum() const { return directorySum; }
  uint64_t size() const { return bytes.size(); }
  std::span<const ContainerSection> sections() const { return directory; }
  const ContainerSection* find(SectionKind kind, uint32_t level = 0) const;
  /// Levels that have tables, ascending.
  std::vector<uint32_t> levels() const;

  /// The bytes of a section, after checking its checksum. Errors: there is none, it is damaged.
  Result<std::span<const std::byte>> section(SectionKind kind, uint32_t level = 0) const;
  /// The tables of a level, validated.
  Result<Program> program(uint32_t level) const;

  size_t weightCount() const { return weightTable.size(); }
  /// The bytes of weight `index`, unchecked. Errors: there are no weights in this container.
  std::span<const std::byte> weight(size_t index) const;
  bool weightIsIntact(size_t index) const;
  /// The bytes of each of the program's weights. Errors: tables and weights do not fit.
  Result<std::vector<std::span<const std::byte>>> weights(const Program& program) const;

private:
  Error damaged(const std::string& what) const;
  Result<void> readDirectory(uint64_t offset, uint64_t size, uint64_t checksum);
  Result<void> readIdentity();
  Result<void> readWeightTable();

  std::string fileName;
  std::span<const std::byte> bytes;
  uint32_t machine = 0;
  uint64_t directorySum = 0;
  ContainerIdentity ids{};
  std::string weightFileName;
  std::vector<ContainerSection> directory;
  std::vector<ContainerWeight> weightTable;
  std::span<const std::byte> weightBytes;
};

/// Writes a container front to back, through a function that takes the next bytes.
class ContainerWriter {
public:
  using Sink = std::function<Result<void>(const void* data, size_t size)>;

  /// `position`: bytes that the file already has. Padding brings the container to its alignment.
  ContainerWriter(Sink sink, uint32_t architecture, uint64_t position)
      : sink(std::move(sink)), machine(architecture), filePosition(position) {}

  /// First, and once.
  Result<void> begin();
  Result<void> section(SectionKind kind, uint32_t level, std::span<const std::byte> bytes,
                       uint64_t rawBytes = 0);
  /// The weights, in this order. `interrupted` is asked every few MiB.
  Result<void> weights(std::span<const std::span<const std::byte>> spans,
                       const std::function<bool()>& interrupted);
  /// Directory and trailer. Nothing may follow.
  Result<void> finish();

  uint64_t directoryChecksum() const { return directorySum; }

private:
  Result<void> put(const void* data, uint64_t size);
  Result<void> pad(uint64_t alignment);

  Sink sink;
  uint32_t machine;
  uint64_t filePosition;
  uint64_t containerBegin = 0;
  uint64_t directorySum = 0;
  std::vector<ContainerSection> directory;
};

/// Where each weight of these sizes goes within the section Weights, and the section's size: small
/// ones first, then large ones on pages of their own. Nothing: the sizes overflow.
struct WeightPlacement {
  std::vector<uint64_t> offsets;
  std::vector<uint32_t> order; ///< weights by ascending offset
  uint64_t bytes = 0;
};
std::optional<WeightPlacement> placeWeights(std::span<const uint64_t> sizes);

} // namespace chordal
