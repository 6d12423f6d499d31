//===- Output.cpp - what a compiled program reads and writes ----------------------------------===//
#include "tools/program/Output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace chordal::program {

namespace {

std::string programName = "program";

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

} // namespace

void setProgramName(std::string name) {
  programName = std::move(name);
}

Result<void> print(std::string_view text) {
  int number = writeAll(STDOUT_FILENO, text);
  if (number == EPIPE)
    return Error{"the reader of standard output has gone away", ErrorCode::Cancelled};
  if (number != 0)
    return Error{std::string("cannot write to standard output: ") + std::strerror(number),
                 ErrorCode::Io};
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
    return Error{"cannot open " + name + ": " + std::strerror(errno), ErrorCode::Io};
  std::string text;
  char buffer[1 << 14];
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
    return Error{"cannot read " + name + ": " + std::strerror(number), ErrorCode::Io};
  return text;
}

Result<bool> readLine(std::string& line) {
  line.clear();
  // Byte by byte: a terminal hands out whole lines, and nothing may be read ahead of them.
  for (;;) {
    char byte;
    ssize_t size = ::read(STDIN_FILENO, &byte, 1);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return Error{std::string("cannot read standard input: ") + std::strerror(errno),
                   ErrorCode::Io};
    if (size == 0)
      return !line.empty();
    if (byte == '\n')
      return true;
    line += byte;
  }
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

} // namespace chordal::program
