//===- Terminal.h - a command on a terminal ---------------------------------------------------===//
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace chordal::test {

/// A command on a pseudo-terminal of its own: what is sent is typed, Ctrl-C interrupts it.
class Terminal {
public:
  Terminal(const std::string& program, const std::vector<std::string>& arguments);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  pid_t id() const { return process; }
  void send(const std::string& text);
  /// Waits until the text is shown, at most two minutes, and returns what was shown before it since
  /// the last call, with plain line ends and without what overwrites a line. Fails the test when
  /// the command ends or the time is over.
  std::string waitFor(const std::string& text);
  /// Waits for the end and returns the exit code; 128 + the signal's number if one ended it.
  int finish();
  /// All that was shown.
  const std::string& shown() const { return all; }

private:
  bool read();

  pid_t process = -1;
  int descriptor = -1;
  std::string all, unread;
};

} // namespace chordal::test
