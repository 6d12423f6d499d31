//===- OutputFile.cpp - a file that appears whole or not at all -------------------------------===//
#include "tools/chordal/OutputFile.h"

#include "tools/console/Console.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chordal::driver {

/// Bytes that are handed to the disk at once.
static constexpr uint64_t flushBytes = uint64_t(32) << 20;

/// The file is written in pieces of a huge page: the system then keeps them in huge pages, in which
/// whoever maps the file finds them.
static constexpr uint64_t pieceBytes = uint64_t(2) << 20;

Error OutputFile::fail(std::string_view what, int number) const {
  return {std::string(what) + " " + target + ": " + std::strerror(number), ErrorCode::Io};
}

Result<void> OutputFile::open(const std::string& path, mode_t mode) {
  target = path;
  struct stat status;
  bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode))
    return fail("cannot create", EISDIR);
  direct = exists && !S_ISREG(status.st_mode);
  if (direct) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    return descriptor < 0 ? Result<void>(fail("cannot create", errno)) : Result<void>();
  }
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  temporary = path + "." + std::to_string(::getpid()) + ".tmp";
#if defined(O_TMPFILE)
  descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  // Without /proc a nameless file cannot get a name.
  if (descriptor >= 0 && ::access("/proc/self/fd", X_OK) == 0)
    return {};
  if (descriptor >= 0)
    ::close(descriptor);
#endif
  descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0)
    return fail("cannot create", errno);
  named = true;
  return {};
}

Result<void> OutputFile::write(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  if (!waiting.empty()) {
    const size_t part = std::min(size, size_t(pieceBytes - waiting.size()));
    waiting.append(at, part);
    at += part;
    size -= part;
    if (waiting.size() < pieceBytes)
      return {};
    if (Result<void> flushed = flush(); !flushed)
      return flushed;
  }
  const size_t whole = size / pieceBytes * pieceBytes;
  if (Result<void> done = writeOut(at, whole); !done)
    return done;
  waiting.assign(at + whole, size - whole);
  return {};
}

Result<void> OutputFile::flush() {
  Result<void> done = writeOut(waiting.data(), waiting.size());
  waiting.clear();
  return done;
}

Result<void> OutputFile::writeOut(const char* at, size_t size) {
  while (size != 0) {
    ssize_t taken = ::write(descriptor, at, size);
    if (taken < 0) {
      if (errno == EINTR)
        continue;
      return fail("cannot write", errno);
    }
    at += taken;
    size -= size_t(taken);
    written += uint64_t(taken);
  }
#if defined(SYNC_FILE_RANGE_WRITE)
  // The disk works while the rest is written: sync() has less to wait for. Only a hint.
  if (!direct && written - begun >= flushBytes) {
    (void)::sync_file_range(descriptor, off_t(begun), off_t(written - begun),
                            SYNC_FILE_RANGE_WRITE);
    begun = written;
  }
#endif
  return {};
}

Result<void> OutputFile::sync() {
  if (Result<void> flushed = flush(); !flushed)
    return flushed;
  if (!direct && ::fsync(descriptor) != 0)
    return fail("cannot write", errno);
  return {};
}

Result<void> OutputFile::commit() {
  if (Result<void> flushed = flush(); !flushed)
    return flushed;
  if (!direct && !named) {
    std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return fail("cannot create", errno);
    named = true;
  }
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return fail("cannot write", errno);
  if (direct)
    return {};
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("cannot create", errno);
  named = false;
  return {};
}

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (named)
    ::unlink(temporary.c_str());
}

Result<void> writeText(const std::string& path, std::string_view text) {
  if (path.empty() || path == "-")
    return print(text);
  OutputFile file;
  if (Result<void> opened = file.open(path); !opened)
    return opened;
  if (Result<void> written = file.write(text); !written)
    return written;
  return file.commit();
}

} // namespace chordal::driver
