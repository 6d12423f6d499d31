//===- Command.cpp - runs the driver as a user does -------------------------------------------===//
#include "tests/tools/Command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chordal::test {

namespace {

constexpr auto timeLimit = std::chrono::minutes(2);

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0)
      std::abort();
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  void close(int end) {
    if (ends[end] >= 0)
      ::close(ends[end]);
    ends[end] = -1;
  }
};

} // namespace

Outcome runProgram(const std::string& program, const std::vector<std::string>& arguments,
                   const std::string& input, const Watch& watch) {
  Pipe in, out, err;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Writing to a command that has ended is an error of write(), not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  pid_t process = ::fork();
  if (process == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    ::dup2(in.ends[0], 0);
    ::dup2(out.ends[1], 1);
    ::dup2(err.ends[1], 2);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  in.close(0);
  out.close(1);
  err.close(1);
  ::fcntl(in.ends[1], F_SETFL, O_NONBLOCK);
  Outcome outcome;
  size_t sent = 0;
  auto limit = std::chrono::steady_clock::now() + timeLimit;
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    if (sent == input.size())
      in.close(1);
    pollfd ends[3] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}, {in.ends[1], POLLOUT, 0}};
    ::poll(ends, 3, 100);
    if (std::chrono::steady_clock::now() > limit)
      ::kill(process, SIGKILL);
    char buffer[1 << 16];
    for (int stream = 0; stream < 2; ++stream) {
      if (!(ends[stream].revents & (POLLIN | POLLHUP | POLLERR)))
        continue;
      Pipe& pipe = stream == 0 ? out : err;
      ssize_t size = ::read(pipe.ends[0], buffer, sizeof buffer);
      if (size <= 0)
        pipe.close(0);
      else
        (stream == 0 ? outcome.out : outcome.err).append(buffer, size_t(size));
      if (size > 0 && stream == 0 && watch)
        watch(process, outcome.out);
    }
    if (ends[2].revents & (POLLOUT | POLLERR)) {
      ssize_t size = ::write(in.ends[1], input.data() + sent, input.size() - sent);
      if (size > 0)
        sent += size_t(size);
      else if (size < 0 && errno != EAGAIN)
        sent = input.size();
    }
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

Outcome chordal(const std::vector<std::string>& arguments, const std::string& input,
                const Watch& watch) {
  return runProgram(CHORDAL_DRIVER, arguments, input, watch);
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "chordal-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    std::abort();
  path = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& content) const {
  std::ofstream(file(name), std::ios::binary) << content;
  return file(name);
}

std::vector<std::string> TemporaryFolder::list() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string data(const std::string& name) {
  return std::string(CHORDAL_TEST_DATA) + "/" + name;
}

std::string withTemplate(const std::string& path, const std::string& chatTemplate) {
  std::string bytes = readAll(path);
  const std::string key = "tokenizer.chat_template";
  // A comment makes the new entry as long as some multiple of the alignment: what comes after it
  // stays where it is, but for that.
  std::string value = chatTemplate + "{#";
  while ((8 + key.size() + 4 + 8 + value.size() + 2) % 32 != 0)
    value += ' ';
  value += "#}";
  std::string entry;
  auto append = [&](auto number) {
    entry.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  append(uint64_t(key.size()));
  entry += key;
  append(uint32_t(8)); // a string
  append(uint64_t(value.size()));
  entry += value;
  uint64_t entries;
  std::memcpy(&entries, bytes.data() + 16, sizeof entries);
  ++entries;
  std::memcpy(bytes.data() + 16, &entries, sizeof entries);
  return bytes.insert(24, entry);
}

Matrix readNpy(const std::string& path) {
  std::string bytes = readAll(path);
  Matrix matrix;
  auto fail = [&](const char* what) {
    ADD_FAILURE() << path << ": " << what;
    return Matrix();
  };
  if (bytes.size() < 10 || bytes.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0)
    return fail("is no NumPy array of version 1.0");
  size_t begin = 10 + (unsigned char)(bytes[8]) + 256 * (unsigned char)(bytes[9]);
  if (begin % 64 != 0 || begin > bytes.size() || bytes[begin - 1] != '\n')
    return fail("has a header that is not aligned");
  std::string header = bytes.substr(10, begin - 10);
  int end = 0;
  if (std::sscanf(header.c_str(),
                  "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }%n", &matrix.rows,
                  &matrix.columns, &end) != 2 ||
      end == 0)
    return fail("has an unexpected header");
  if (bytes.size() - begin != matrix.rows * matrix.columns * 4)
    return fail("has another size than its header says");
  matrix.values.resize(matrix.rows * matrix.columns);
  std::memcpy(matrix.values.data(), bytes.data() + begin, bytes.size() - begin);
  return matrix;
}

} // namespace chordal::test
