//===- Terminal.cpp - a command on a terminal -------------------------------------------------===//
#include "tests/tools/Terminal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include <csignal>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chordal::test {

namespace {

constexpr auto timeLimit = std::chrono::minutes(2);

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// Drops "\r\033[K...", a line that is overwritten, up to the next one or its removal.
void dropProgress(std::string& text) {
  const std::string mark = "\r\033[K";
  for (size_t begin; (begin = text.find(mark)) != text.npos;) {
    size_t next = text.find(mark, begin + 1);
    text.erase(begin, next == text.npos ? mark.size() : next - begin);
  }
}

} // namespace

Terminal::Terminal(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  process = ::forkpty(&descriptor, nullptr, nullptr, nullptr);
  if (process < 0)
    std::abort();
  if (process == 0) {
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
}

Terminal::~Terminal() {
  if (process > 0) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  ::close(descriptor);
}

void Terminal::send(const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    ssize_t size = ::write(descriptor, text.data() + sent, text.size() - sent);
    ASSERT_GT(size, 0);
    sent += size_t(size);
  }
}

/// More of what is shown; false when nothing comes any more.
bool Terminal::read() {
  pollfd end{descriptor, POLLIN, 0};
  if (::poll(&end, 1, 100) <= 0)
    return true;
  char buffer[1 << 14];
  ssize_t size = ::read(descriptor, buffer, sizeof buffer);
  if (size <= 0) // an error, once the command has gone
    return false;
  all.append(buffer, size_t(size));
  unread.append(buffer, size_t(size));
  return true;
}

std::string Terminal::waitFor(const std::string& text) {
  auto limit = std::chrono::steady_clock::now() + timeLimit;
  for (;;) {
    std::string plain = unread;
    replaceAll(plain, "\r\n", "\n");
    if (size_t at = plain.find(text); at != plain.npos) {
      unread = plain.substr(at + text.size());
      plain.resize(at);
      dropProgress(plain);
      return plain;
    }
    if (!read() || std::chrono::steady_clock::now() > limit) {
      ADD_FAILURE() << "'" << text << "' was not shown, but\n" << all;
      return "";
    }
  }
}

int Terminal::finish() {
  auto limit = std::chrono::steady_clock::now() + timeLimit;
  while (read())
    if (std::chrono::steady_clock::now() > limit)
      ::kill(process, SIGKILL);
  int status = 0;
  ::waitpid(process, &status, 0);
  process = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace chordal::test
