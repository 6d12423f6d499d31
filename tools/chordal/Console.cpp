//===- Console.cpp - what the commands read and write ----------------------------------------===//
#include "tools/chordal/Console.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chordal::driver {

namespace {

/// Writes all of it; returns errno, 0 for success.
int writeAll(int descriptor, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size != 0) {
    ssize_t written = ::write(descriptor, at, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return errno;
    }
    at += written;
    size -= size_t(written);
  }
  return 0;
}

Error ioError(std::string_view what, std::string_view path, int number) {
  return {fmt::format("{} {}: {}", what, path, std::strerror(number)), ErrorCode::Io};
}

} // namespace

Result<void> print(std::string_view text) {
  int number = writeAll(STDOUT_FILENO, text.data(), text.size());
  if (number == EPIPE)
    return Error{"the reader of standard output has gone away", ErrorCode::Cancelled};
  if (number != 0)
    return ioError("cannot write to", "standard output", number);
  return {};
}

void note(std::string_view text) {
  std::string line = fmt::format("chordal: {}\n", text);
  (void)writeAll(STDERR_FILENO, line.data(), line.size());
}

Result<std::string> readFile(const std::string& path) {
  bool standard = path == "-";
  std::string name = standard ? "standard input" : path;
  int descriptor = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return ioError("cannot open", name, errno);
  std::string text;
  char buffer[1 << 16];
  int number = 0;
  for (;;) {
    ssize_t size = ::read(descriptor, buffer, sizeof buffer);
    if (size > 0) {
      text.append(buffer, size_t(size));
    } else if (size == 0) {
      break;
    } else if (errno != EINTR) {
      number = errno;
      break;
    }
  }
  if (!standard)
    ::close(descriptor);
  if (number != 0)
    return ioError("cannot read", name, number);
  return text;
}

bool isTerminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

void Progress::show(std::string_view text) {
  if (!isTerminal(STDERR_FILENO))
    return;
  std::string line = fmt::format("\r\033[K{}", text);
  (void)writeAll(STDERR_FILENO, line.data(), line.size());
  shown = true;
}

void Progress::clear() {
  if (!shown)
    return;
  (void)writeAll(STDERR_FILENO, "\r\033[K", 4);
  shown = false;
}

Error OutputFile::fail(std::string_view what) const {
  return ioError(what, target, errno);
}

Result<void> OutputFile::open(const std::string& path) {
  target = path;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    temporary = fmt::format("{}.{}.tmp", path, ::getpid());
    descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  if (descriptor < 0) {
    Error error = fail("cannot create");
    temporary.clear();
    return error;
  }
  return {};
}

Result<void> OutputFile::write(const void* data, size_t size) {
  if (int number = writeAll(descriptor, data, size))
    return ioError("cannot write", target, number);
  return {};
}

Result<void> OutputFile::commit() {
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return fail("cannot write");
  if (!temporary.empty() && ::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("cannot create");
  temporary.clear();
  return {};
}

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty())
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

MemoryUse memoryUse() {
  MemoryUse use;
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (!status)
    return use;
  char line[256];
  while (std::fgets(line, sizeof line, status)) {
    unsigned long long kilobytes;
    if (std::sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1)
      use.peak = kilobytes * 1024;
    else if (std::sscanf(line, "RssAnon: %llu kB", &kilobytes) == 1)
      use.anonymous = kilobytes * 1024;
  }
  std::fclose(status);
  return use;
}

} // namespace chordal::driver
