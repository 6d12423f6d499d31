//===- Open.cpp - mapping the files of a GGUF model -------------------------------------------===//
//
// The only part of the view that touches the operating system: it maps a file, or finds and maps
// all the shards of a split model, and hands the bytes on.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/gguf/Parser.h"
#include "ir/gguf/View.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chordal::gguf {
namespace {

struct Mapping {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

Result<Mapping> mapFile(const std::string& path) {
  auto failed = [&](const char* what) {
    return Error{path + ": " + what + ": " + std::strerror(errno), ErrorCode::Io};
  };
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    bool missing = errno == ENOENT;
    Error error = failed("cannot open the file");
    if (missing)
      error.code = ErrorCode::Missing;
    return error;
  }
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};

  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return failed("cannot examine the file");
  if (!S_ISREG(status.st_mode))
    return Error{path + ": this is not a regular file; a GGUF file is needed", ErrorCode::Io};
  size_t size = size_t(status.st_size);
  if (size == 0)
    return Error{path + ": the file is empty", ErrorCode::Malformed};
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED)
    return failed("cannot map the file");
#ifdef MADV_HUGEPAGE
  // What is not in memory yet is then read into huge pages, where the file system has them: weights
  // are read a seventh faster from those. Where it has none, nothing changes.
  ::madvise(address, size, MADV_HUGEPAGE);
#endif
  Mapping mapping;
  mapping.owner = std::shared_ptr<const void>(
      address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
  mapping.bytes = {static_cast<const std::byte*>(address), size};
  return mapping;
}

/// "-00002-of-00003.gguf": how the name of shard `index` (from 0) ends.
std::string shardSuffix(uint64_t index, uint64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05llu-of-%05llu.gguf",
                static_cast<unsigned long long>(index + 1), static_cast<unsigned long long>(count));
  return text;
}

uint64_t unsignedOr(const ParsedFile& file, std::string_view key, uint64_t fallback) {
  const Entry* entry = file.find(key);
  return entry ? unsignedValue(*entry).value_or(fallback) : fallback;
}

} // namespace

Result<View> View::open(const std::string& path) {
  auto openShard = [](const std::string& file, Shard& shard) -> Result<ParsedFile> {
    Result<Mapping> mapping = mapFile(file);
    if (!mapping.ok())
      return mapping.error();
    shard.path = file;
    shard.bytes = mapping->bytes;
    shard.mapping = mapping->owner;
    return parseFile(file, mapping->bytes);
  };

  Shard given;
  Result<ParsedFile> parsed = openShard(path, given);
  if (!parsed.ok())
    return parsed.error();

  std::vector<Shard> shards;
  std::vector<ParsedFile> files;
  uint64_t count = unsignedOr(*parsed, "split.count", 1);
  if (count <= 1) {
    shards.push_back(std::move(given));
    files.push_back(std::move(*parsed));
    return assemble(path, std::move(shards), std::move(files));
  }

  // The others are found by name, so the name must agree with what the file says of itself.
  uint64_t number = unsignedOr(*parsed, "split.no", UINT64_MAX);
  std::string what = path + ": this is one of " + std::to_string(count) + " shards";
  if (number >= count)
    return Error{what + ", but its metadata key 'split.no' is missing or too large",
                 ErrorCode::Malformed};
  std::string suffix = shardSuffix(number, count);
  if (!path.ends_with(suffix))
    return Error{what + ", but its name does not end in '" + suffix +
                     "', so the others cannot be found; give the files their original names",
                 ErrorCode::Malformed};
  std::string prefix = path.substr(0, path.size() - suffix.size());
  for (uint64_t i = 0; i < count; ++i) {
    if (i == number) {
      shards.push_back(std::move(given));
      files.push_back(std::move(*parsed));
      continue;
    }
    std::string file = prefix + shardSuffix(i, count);
    Shard shard;
    Result<ParsedFile> other = openShard(file, shard);
    if (!other.ok()) {
      Error error = other.error();
      if (error.code == ErrorCode::Missing)
        error.message = file + ": shard " + std::to_string(i + 1) + " of " + std::to_string(count) +
                        " of the model is missing; all shards must be in one folder";
      return error;
    }
    shards.push_back(std::move(shard));
    files.push_back(std::move(*other));
  }
  return assemble(path, std::move(shards), std::move(files));
}

} // namespace chordal::gguf
