//===- AtomicFile.cpp - a large file that appears whole or not at all -------------------------===//
#include "tools/chordal/AtomicFile.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chordal::driver {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void onInterrupt(int) {
  interrupted = 1;
}

} // namespace

Error AtomicFile::fail(std::string_view what, int number) const {
  return {std::string(what) + " " + target + ": " + std::strerror(number), ErrorCode::Io};
}

Result<void> AtomicFile::open(const std::string& path, mode_t mode) {
  target = path;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return fail("cannot replace", S_ISDIR(status.st_mode) ? EISDIR : EEXIST);
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

Result<void> AtomicFile::write(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size != 0) {
    ssize_t written = ::write(descriptor, at, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return fail("cannot write", errno);
    }
    at += written;
    size -= size_t(written);
  }
  return {};
}

Result<void> AtomicFile::commit() {
  if (!named) {
    std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return fail("cannot create", errno);
    named = true;
  }
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return fail("cannot write", errno);
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("cannot create", errno);
  named = false;
  return {};
}

AtomicFile::~AtomicFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (named)
    ::unlink(temporary.c_str());
}

InterruptFlag::InterruptFlag() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  action.sa_flags = int(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A limit on the size of files shows as an error of write().
  std::signal(SIGXFSZ, SIG_IGN);
}

InterruptFlag::~InterruptFlag() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptFlag::isSet() {
  return interrupted != 0;
}

} // namespace chordal::driver
