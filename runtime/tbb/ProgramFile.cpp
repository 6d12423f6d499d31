//===- ProgramFile.cpp - a compiled program, mapped from its file -----------------------------===//
#include "runtime/tbb/ProgramFile.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

namespace chordal {

namespace {

Error ioError(const std::string& path, const char* what, int number) {
  return {path + ": " + what + ": " + std::strerror(number),
          number == ENOENT ? ErrorCode::Missing : ErrorCode::Io};
}

struct Descriptor {
  explicit Descriptor(const std::string& path)
      : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
  int number;
};

std::string folderOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

} // namespace

struct ProgramFile::Mapping {
  Mapping(void* address, size_t size) : bytes(static_cast<const std::byte*>(address), size) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size()); }

  std::span<const std::byte> bytes;
};

bool ProgramFile::isProgram(const std::string& path) {
  Descriptor file(path);
  struct stat status;
  std::array<std::byte, 64> end;
  if (file.number < 0 || ::fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size < off_t(end.size()))
    return false;
  ssize_t size = ::pread(file.number, end.data(), end.size(), status.st_size - off_t(end.size()));
  return size == ssize_t(end.size()) && Container::isAtEndOf(end);
}

Result<std::shared_ptr<ProgramFile::Mapping>> ProgramFile::map(const std::string& path) {
  Descriptor file(path);
  if (file.number < 0)
    return ioError(path, "cannot open the file", errno);
  struct stat status;
  if (::fstat(file.number, &status) != 0)
    return ioError(path, "cannot examine the file", errno);
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    return Error{path + ": this is no compiled program", ErrorCode::Malformed};
  void* address = ::mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_SHARED, file.number, 0);
  if (address == MAP_FAILED)
    return ioError(path, "cannot map the file", errno);
#ifdef MADV_HUGEPAGE
  ::madvise(address, size_t(status.st_size), MADV_HUGEPAGE); // as for a model's file, ir/gguf
#endif
  return std::make_shared<Mapping>(address, size_t(status.st_size));
}

Result<ProgramFile> ProgramFile::openAt(const std::string& path, const std::string& beside) {
  ProgramFile file;
  auto mapped = map(path);
  if (!mapped)
    return mapped.error();
  file.mapping = std::move(*mapped);
  auto container = Container::open(file.mapping->bytes, beside);
  if (!container)
    return container.error();
  file.main = std::move(*container);
  if (file.main->weightFile().empty())
    return file;

  std::string weightPath = folderOf(beside) + std::string(file.main->weightFile());
  mapped = map(weightPath);
  if (!mapped) {
    Error error = mapped.error();
    if (error.code == ErrorCode::Missing)
      error.message = weightPath + ": the weights of " + beside +
                      " are missing; both files must be in one folder";
    return error;
  }
  file.weightMapping = std::move(*mapped);
  container = Container::open(file.weightMapping->bytes, weightPath);
  if (!container)
    return container.error();
  file.external = std::move(*container);
  if (file.external->directoryChecksum() != file.main->identity().weightsDirectory)
    return Error{weightPath + ": these are not the weights of " + beside +
                     "; keep the two files together that were compiled together",
                 ErrorCode::Malformed};
  return file;
}

Result<ProgramFile> ProgramFile::open(const std::string& path) {
  return openAt(path, path);
}

Result<ProgramFile> ProgramFile::openSelf() {
#if defined(__linux__)
  const char* link = "/proc/self/exe";
  char target[4096];
  ssize_t size = ::readlink(link, target, sizeof target);
  if (size > 0 && size < ssize_t(sizeof target))
    return openAt(link, std::string(target, size_t(size)));
  if (auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN)))
    return open(started);
#endif
  return Error{"the system does not say which file this program runs from", ErrorCode::Unsupported};
}

} // namespace chordal
