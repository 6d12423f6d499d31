//===- Container.cpp - a program with its weights in one file ---------------------------------===//
//
// The checksum, the reader and the writer. Tables are stored as arrays behind one another, each
// with its number of entries and aligned to 8 bytes, in the order of forEachTable; then packed.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Container.h"

#include "ir/gguf/Checked.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace chordal {

static_assert(std::endian::native == std::endian::little, "tables are stored as they are used");

namespace {

//===--- checksum: XXH64 as its specification describes it ------------------------------------===//

constexpr uint64_t prime1 = 0x9E3779B185EBCA87u, prime2 = 0xC2B2AE3D27D4EB4Fu,
                   prime3 = 0x165667B19E3779F9u, prime4 = 0x85EBCA77C2B2AE63u,
                   prime5 = 0x27D4EB2F165667C5u;

uint64_t load64(const std::byte* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

uint64_t mix(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

void mixStripe(std::array<uint64_t, 4>& lanes, const std::byte* at) {
  for (size_t i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], load64(at + 8 * i));
}

//===--- the trailer --------------------------------------------------------------------------===//

constexpr char trailerMagic[8] = {'C', 'H', 'O', 'R', 'D', 'A', 'L', '\x1a'};

struct Trailer {
  char magic[8];
  uint32_t version;
  uint32_t architecture;
  uint64_t containerBytes; // from the container's first byte to the trailer's last
  uint64_t directoryOffset, directoryBytes, directoryChecksum;
  uint64_t reserved;
  uint64_t checksum; // of the trailer up to here
};
static_assert(sizeof(Trailer) == 64);
static_assert(sizeof(ContainerSection) == 40 && sizeof(ContainerWeight) == 24);

uint64_t checksumOf(const Trailer& trailer) {
  return Checksum::of(std::as_bytes(std::span(&trailer, 1)).first(offsetof(Trailer, checksum)));
}

constexpr uint64_t maxSections = 1024;

//===--- tables -------------------------------------------------------------------------------===//

constexpr uint64_t tablesMagic = 0x53454c4241544843; // "CHTABLES"

/// Calls `visit` with each table of the program, in the order in which they are stored.
template <typename P, typename Visit> bool forEachTable(P& program, Visit visit) {
  return visit(program.buckets) && visit(program.tasks) && visit(program.kernelRefs) &&
         visit(program.operands) && visit(program.parameters) && visit(program.functionRefs) &&
         visit(program.dependencies) && visit(program.weights) && visit(program.states) &&
         visit(program.constants) && visit(program.strings) && visit(program.kernelNames) &&
         visit(program.functionNames);
}

struct TablesHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t taskBytes; // sizeof(chordal_task): tables of another shape are not read
  chordal_shape model;
};

/// The bytes between two members of a task that no member covers.
constexpr size_t taskGap = offsetof(chordal_task, layer) + sizeof(uint32_t);
constexpr size_t taskGapBytes = offsetof(chordal_task, scratch_bytes) - taskGap;

} // namespace

void Checksum::update(const void* data, size_t size) {
  const std::byte* at = static_cast<const std::byte*>(data);
  size_t held = total % 32;
  total += size;
  if (held != 0) {
    size_t take = std::min(size, 32 - held);
    std::memcpy(pending.data() + held, at, take);
    at += take;
    size -= take;
    if (held + take < 32)
      return;
    mixStripe(lanes, pending.data());
  }
  // Local lanes stay in registers.
  std::array<uint64_t, 4> running = lanes;
  for (; size >= 32; at += 32, size -= 32)
    mixStripe(running, at);
  lanes = running;
  if (size != 0)
    std::memcpy(pending.data(), at, size);
}

uint64_t Checksum::finish() const {
  uint64_t hash = prime5;
  if (total >= 32) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += total;
  const std::byte* at = pending.data();
  size_t left = total % 32;
  for (; left >= 8; left -= 8, at += 8)
    hash = std::rotl(hash ^ mix(0, load64(at)), 27) * prime1 + prime4;
  if (left >= 4) {
    uint32_t word;
    std::memcpy(&word, at, sizeof word);
    hash = std::rotl(hash ^ word * prime1, 23) * prime2 + prime3;
    left -= 4;
    at += 4;
  }
  for (; left != 0; --left, ++at)
    hash = std::rotl(hash ^ uint64_t(*at) * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

namespace {

/// Most bytes of tables are zeros. Groups of eight are stored as a byte whose bit i says whether
/// byte i is anything else, and those that are.
std::vector<std::byte> pack(std::span<const std::byte> bytes) {
  std::vector<std::byte> out;
  for (; !bytes.empty(); bytes = bytes.subspan(8)) {
    size_t mask = out.size();
    out.push_back(std::byte(0));
    for (unsigned i = 0; i < 8; ++i)
      if (bytes[i] != std::byte(0)) {
        out[mask] |= std::byte(1u << i);
        out.push_back(bytes[i]);
      }
  }
  return out;
}

/// The reverse; nothing if the last group is incomplete. At most eight times as many bytes.
std::optional<std::vector<std::byte>> unpack(std::span<const std::byte> bytes) {
  std::vector<std::byte> out;
  out.reserve(bytes.size() * 4);
  for (size_t at = 0; at < bytes.size();) {
    const unsigned mask = std::to_integer<unsigned>(bytes[at++]);
    if (bytes.size() - at < size_t(std::popcount(mask)))
      return std::nullopt;
    for (unsigned i = 0; i < 8; ++i)
      out.push_back(mask >> i & 1 ? bytes[at++] : std::byte(0));
  }
  return out;
}

} // namespace

std::vector<std::byte> writeProgram(const Program& program) {
  std::vector<std::byte> out;
  auto append = [&](const void* data, size_t size) {
    size_t before = out.size();
    out.resize((before + size + 7) / 8 * 8, std::byte(0));
    if (size != 0)
      std::memcpy(out.data() + before, data, size);
    return before;
  };
  forEachTable(program, [&](const auto& table) {
    using Entry = std::remove_cvref_t<decltype(table[0])>;
    uint64_t count = table.size();
    append(&count, sizeof count);
    size_t begin = append(table.data(), table.size() * sizeof(Entry));
    if constexpr (std::is_same_v<Entry, chordal_task>)
      for (size_t i = 0; i < count; ++i)
        std::memset(out.data() + begin + i * sizeof(Entry) + taskGap, 0, taskGapBytes);
    return true;
  });
  const TablesHeader header{tablesMagic, program.version, sizeof(chordal_task), program.model};
  const std::span<const std::byte> begin = std::as_bytes(std::span(&header, 1));
  std::vector<std::byte> packed = pack(out);
  packed.insert(packed.begin(), begin.begin(), begin.end());
  return packed;
}

Result<Program> readProgram(std::span<const std::byte> stored) {
  const Error malformed{"the program's tables are truncated or damaged", ErrorCode::Malformed};
  TablesHeader header;
  if (stored.size() < sizeof header)
    return malformed;
  std::memcpy(&header, stored.data(), sizeof header);
  if (header.magic != tablesMagic)
    return malformed;
  if (header.version != CHORDAL_PROGRAM_VERSION || header.taskBytes != sizeof(chordal_task))
    return Error{"the program's tables are of version " + std::to_string(header.version) +
                     ", but this runtime reads version " + std::to_string(CHORDAL_PROGRAM_VERSION) +
                     ": compile the model again",
                 ErrorCode::Unsupported};
  const std::optional<std::vector<std::byte>> unpacked = unpack(stored.subspan(sizeof header));
  if (!unpacked)
    return malformed;
  const std::span<const std::byte> bytes = *unpacked;
  Program program;
  program.version = header.version;
  program.model = header.model;
  size_t at = 0;
  bool complete = forEachTable(program, [&](auto& table) {
    using Entry = std::remove_cvref_t<decltype(table[0])>;
    uint64_t count;
    if (!checked::inRange(at, sizeof count, bytes.size()))
      return false;
    std::memcpy(&count, bytes.data() + at, sizeof count);
    at += sizeof count;
    if (count > (bytes.size() - at) / sizeof(Entry))
      return false;
    table.resize(count);
    if (count != 0)
      std::memcpy(table.data(), bytes.data() + at, count * sizeof(Entry));
    at += (count * sizeof(Entry) + 7) / 8 * 8;
    return at <= bytes.size();
  });
  if (!complete || at != bytes.size())
    return malformed;
  if (Result<void> valid = validate(program); !valid)
    return valid.error();
  return program;
}

//===--- reading ------------------------------------------------------------------------------===//

bool Container::isAtEndOf(std::span<const std::byte> file) {
  return file.size() >= sizeof(Trailer) &&
         std::memcmp(file.last(sizeof(Trailer)).data(), trailerMagic, sizeof trailerMagic) == 0;
}

Error Container::damaged(const std::string& what) const {
  return {fileName + ": " + what + ": the file is truncated or has been changed; compile it again",
          ErrorCode::Malformed};
}

Result<Container> Container::open(std::span<const std::byte> file, std::string name) {
  Container container;
  container.fileName = std::move(name);
  if (!isAtEndOf(file))
    return container.damaged("there is no program at its end");
  Trailer trailer;
  std::memcpy(&trailer, file.last(sizeof trailer).data(), sizeof trailer);
  if (checksumOf(trailer) != trailer.checksum)
    return container.damaged("the end of the program is damaged");
  if (trailer.version != containerVersion)
    return Error{container.fileName + ": a program of format " + std::to_string(trailer.version) +
                     ", but this runtime reads format " + std::to_string(containerVersion) +
                     "; compile the model again",
                 ErrorCode::Unsupported};
  if (trailer.containerBytes < sizeof trailer || trailer.containerBytes > file.size())
    return container.damaged("the program should have " + std::to_string(trailer.containerBytes) +
                             " bytes, but the file has " + std::to_string(file.size()));
  container.bytes = file.last(trailer.containerBytes);
  container.machine = trailer.architecture;
  if (!checked::inRange(trailer.directoryOffset, trailer.directoryBytes,
                        trailer.containerBytes - sizeof trailer))
    return container.damaged("its directory lies outside of it");
  if (Result<void> done = container.readDirectory(trailer.directoryOffset, trailer.directoryBytes,
                                                  trailer.directoryChecksum);
      !done)
    return done.error();
  if (Result<void> done = container.readIdentity(); !done)
    return done.error();
  if (Result<void> done = container.readWeightTable(); !done)
    return done.error();
  return container;
}

Result<void> Container::readDirectory(uint64_t offset, uint64_t size, uint64_t checksum) {
  std::span<const std::byte> stored = bytes.subspan(offset, size);
  if (size % sizeof(ContainerSection) != 0 || size / sizeof(ContainerSection) > maxSections ||
      Checksum::of(stored) != checksum)
    return damaged("its directory is damaged");
  directorySum = checksum;
  directory.resize(size / sizeof(ContainerSection));
  if (size != 0)
    std::memcpy(directory.data(), stored.data(), size);
  for (const ContainerSection& section : directory)
    if (!checked::inRange(section.offset, section.bytes, offset))
      return damaged("a section of " + std::to_string(section.bytes) + " bytes at " +
                     std::to_string(section.offset) + " lies outside of it");
  return {};
}

Result<void> Container::readIdentity() {
  auto stored = section(SectionKind::Identity);
  if (!stored)
    return stored.error();
  if (stored->size() < sizeof ids)
    return damaged("its identity is too short");
  std::memcpy(&ids, stored->data(), sizeof ids);
  auto file = stored->subspan(sizeof ids);
  weightFileName.assign(reinterpret_cast<const char*>(file.data()), file.size());
  // A name and no path: the weights lie beside the program and nowhere else.
  if (weightFileName.find('/') != std::string::npos ||
      weightFileName.find('\0') != std::string::npos || weightFileName == "." ||
      weightFileName == "..")
    return damaged("the name of its weight file is none");
  return {};
}

Result<void> Container::readWeightTable() {
  const ContainerSection* data = find(SectionKind::Weights);
  if (!data) {
    if (find(SectionKind::WeightTable))
      return damaged("it has a table of weights but none of them");
    return {};
  }
  auto stored = section(SectionKind::WeightTable);
  if (!stored)
    return stored.error();
  if (stored->size() % sizeof(ContainerWeight) != 0)
    return damaged("the table of weights is damaged");
  weightTable.resize(stored->size() / sizeof(ContainerWeight));
  if (!stored->empty())
    std::memcpy(weightTable.data(), stored->data(), stored->size());
  for (const ContainerWeight& weight : weightTable)
    if (!checked::inRange(weight.offset, weight.bytes, data->bytes))
      return damaged("a weight lies outside of the weights");
  weightBytes = bytes.subspan(data->offset, data->bytes);
  return {};
}

const ContainerSection* Container::find(SectionKind kind, uint32_t level) const {
  for (const ContainerSection& section : directory)
    if (section.kind == kind && section.level == level)
      return &section;
  return nullptr;
}

std::vector<uint32_t> Container::levels() const {
  std::vector<uint32_t> found;
  for (const ContainerSection& section : directory)
    if (section.kind == SectionKind::Tables)
      found.push_back(section.level);
  std::ranges::sort(found);
  return found;
}

Result<std::span<const std::byte>> Container::section(SectionKind kind, uint32_t level) const {
  const ContainerSection* found = find(kind, level);
  if (!found)
    return damaged("section " + std::to_string(uint32_t(kind)) + " is missing");
  std::span<const std::byte> stored = bytes.subspan(found->offset, found->bytes);
  if (Checksum::of(stored) != found->checksum)
    return damaged("section " + std::to_string(uint32_t(kind)) + " is damaged");
  return stored;
}

Result<Program> Container::program(uint32_t level) const {
  auto stored = section(SectionKind::Tables, level);
  if (!stored)
    return stored.error();
  auto tables = readProgram(*stored);
  if (!tables)
    return Error{fileName + ": " + tables.error().message, tables.error().code};
  return tables;
}

std::span<const std::byte> Container::weight(size_t index) const {
  return weightBytes.subspan(weightTable[index].offset, weightTable[index].bytes);
}

bool Container::weightIsIntact(size_t index) const {
  return Checksum::of(weight(index)) == weightTable[index].checksum;
}

Result<std::vector<std::span<const std::byte>>> Container::weights(const Program& program) const {
  if (program.weights.size() != weightTable.size())
    return damaged("it has " + std::to_string(weightTable.size()) + " weights, but its tables " +
                   std::to_string(program.weights.size()));
  std::vector<std::span<const std::byte>> spans;
  spans.reserve(weightTable.size());
  for (size_t i = 0; i < weightTable.size(); ++i) {
    if (program.weights[i].bytes != weightTable[i].bytes)
      return damaged("weight '" + std::string(program.string(program.weights[i].name)) + "' has " +
                     std::to_string(weightTable[i].bytes) + " bytes, but should have " +
                     std::to_string(program.weights[i].bytes));
    spans.push_back(weight(i));
  }
  return spans;
}

//===--- writing ------------------------------------------------------------------------------===//

std::optional<WeightPlacement> placeWeights(std::span<const uint64_t> sizes) {
  constexpr uint64_t large = 65536;
  WeightPlacement placement;
  placement.offsets.resize(sizes.size());
  for (bool wantLarge : {false, true})
    for (size_t i = 0; i < sizes.size(); ++i) {
      if ((sizes[i] >= large) != wantLarge)
        continue;
      auto begin = checked::alignUp(placement.bytes,
                                    wantLarge ? weightPageAlignment : uint64_t(CHORDAL_ALIGNMENT));
      auto end = begin ? checked::add(*begin, sizes[i]) : begin;
      if (!end)
        return std::nullopt;
      placement.offsets[i] = *begin;
      placement.order.push_back(uint32_t(i));
      placement.bytes = *end;
    }
  return placement;
}

Result<void> ContainerWriter::put(const void* data, uint64_t size) {
  if (Result<void> done = sink(data, size); !done)
    return done;
  filePosition += size;
  return {};
}

Result<void> ContainerWriter::pad(uint64_t alignment) {
  static constexpr std::array<std::byte, weightPageAlignment> zeros{};
  uint64_t gap = (alignment - filePosition % alignment) % alignment;
  for (uint64_t piece; gap != 0; gap -= piece) {
    piece = std::min<uint64_t>(gap, zeros.size());
    if (Result<void> done = put(zeros.data(), piece); !done)
      return done;
  }
  return {};
}

Result<void> ContainerWriter::begin() {
  if (Result<void> padded = pad(containerAlignment); !padded)
    return padded;
  containerBegin = filePosition;
  return {};
}

Result<void> ContainerWriter::section(SectionKind kind, uint32_t level,
                                      std::span<const std::byte> bytes, uint64_t rawBytes) {
  if (Result<void> padded = pad(CHORDAL_ALIGNMENT); !padded)
    return padded;
  directory.push_back({kind, level, filePosition - containerBegin, bytes.size(),
                       rawBytes ? rawBytes : bytes.size(), Checksum::of(bytes)});
  return put(bytes.data(), bytes.size());
}

Result<void> ContainerWriter::weights(std::span<const std::span<const std::byte>> spans,
                                      const std::function<bool()>& interrupted) {
  std::vector<uint64_t> sizes;
  for (auto span : spans)
    sizes.push_back(span.size());
  std::optional<WeightPlacement> placement = placeWeights(sizes);
  if (!placement)
    return Error{"the weights are too large for a file", ErrorCode::Unsupported};
  if (Result<void> padded = pad(containerAlignment); !padded)
    return padded;
  uint64_t begin = filePosition;
  std::vector<ContainerWeight> table(spans.size());
  for (uint32_t index : placement->order) {
    uint64_t target = begin + placement->offsets[index];
    // Offsets are multiples of their alignment, and so is `begin`.
    if (Result<void> padded =
            pad(target % weightPageAlignment ? uint64_t(CHORDAL_ALIGNMENT) : weightPageAlignment);
        !padded)
      return padded;
    constexpr size_t piece = size_t(4) << 20;
    Checksum sum;
    for (auto rest = spans[index]; !rest.empty();
         rest = rest.subspan(std::min(piece, rest.size()))) {
      if (interrupted())
        return Error{"interrupted", ErrorCode::Cancelled};
      auto next = rest.first(std::min(piece, rest.size()));
      sum.update(next.data(), next.size());
      if (Result<void> done = put(next.data(), next.size()); !done)
        return done;
    }
    table[index] = {placement->offsets[index], sizes[index], sum.finish()};
  }
  directory.push_back(
      {SectionKind::Weights, 0, begin - containerBegin, placement->bytes, placement->bytes, 0});
  return section(SectionKind::WeightTable, 0, std::as_bytes(std::span(table)));
}

Result<void> ContainerWriter::finish() {
  if (Result<void> padded = pad(CHORDAL_ALIGNMENT); !padded)
    return padded;
  auto stored = std::as_bytes(std::span(directory));
  Trailer trailer{};
  std::memcpy(trailer.magic, trailerMagic, sizeof trailerMagic);
  trailer.version = containerVersion;
  trailer.architecture = machine;
  trailer.directoryOffset = filePosition - containerBegin;
  trailer.directoryBytes = stored.size();
  trailer.directoryChecksum = directorySum = Checksum::of(stored);
  if (Result<void> done = put(stored.data(), stored.size()); !done)
    return done;
  trailer.containerBytes = filePosition + sizeof trailer - containerBegin;
  trailer.checksum = checksumOf(trailer);
  return put(&trailer, sizeof trailer);
}

} // namespace chordal
