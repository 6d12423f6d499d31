//===- Console.cpp - what commands read and write ---------------------------------------------===//
#include "tools/console/Console.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace chordal {

namespace {

std::string programName = "chordal";

/// Writes all of it; returns errno, 0 for success.
int writeAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(size_t(written));
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

Error ioError(const char* what, const std::string& path, int number) {
  return {std::string(what) + " " + path + ": " + std::strerror(number), ErrorCode::Io};
}

/// Appends the next bytes; false at the end. `number`: errno of what went wrong.
bool readSome(int descriptor, std::string& text, int& number) {
  char buffer[1 << 14];
  for (;;) {
    ssize_t size = ::read(descriptor, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      number = errno;
    else
      text.append(buffer, size_t(size));
    return size > 0;
  }
}

} // namespace

void setProgramName(std::string name) {
  programName = std::move(name);
}

Result<void> print(std::string_view text) {
  int number = writeAll(STDOUT_FILENO, text);
  if (number == EPIPE)
    return Error{"the reader of standard output has gone away", ErrorCode::Cancelled};
  if (number != 0)
    return ioError("cannot write to", "standard output", number);
  return {};
}

void note(std::string_view text) {
  (void)writeAll(STDERR_FILENO, programName + ": " + std::string(text) + "\n");
}

Result<std::string> readFile(const std::string& path) {
  bool standard = path == "-";
  std::string name = standard ? "standard input" : path;
  int descriptor = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return ioError("cannot open", name, errno);
  std::string text;
  int number = 0;
  while (readSome(descriptor, text, number)) {
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

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Result<bool> LineReader::next(std::string& line) {
  if (isTerminal(STDIN_FILENO))
    (void)writeAll(STDERR_FILENO, "> ");
  for (;;) {
    size_t end = buffer.find('\n');
    if (end != buffer.npos || (ended && !buffer.empty())) {
      line = buffer.substr(0, end);
      buffer.erase(0, end == buffer.npos ? end : end + 1);
      if (line.ends_with('\r'))
        line.pop_back();
      return true;
    }
    if (ended)
      return false;
    int number = 0;
    ended = !readSome(STDIN_FILENO, buffer, number);
    if (number != 0)
      return ioError("cannot read", "standard input", number);
  }
}

void Progress::show(std::string_view text) {
  if (!isTerminal(STDERR_FILENO))
    return;
  (void)writeAll(STDERR_FILENO, "\r\033[K" + std::string(text));
  shown = true;
}

void Progress::clear() {
  if (!shown)
    return;
  (void)writeAll(STDERR_FILENO, "\r\033[K");
  shown = false;
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

} // namespace chordal
