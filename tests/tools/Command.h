//===- Command.h - runs the driver as a user does ---------------------------------------------===//
//
// Starts the built executable in a process of its own and collects what it prints.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace chordal::test {

/// How a command ended.
struct Outcome {
  int code = -1; ///< exit code; 128 + the signal's number if one ended it
  std::string out, err;
};

/// While the command runs: its process, and what it has printed so far.
using Watch = std::function<void(pid_t process, const std::string& out)>;

/// Runs `chordal ARGUMENTS...` with `input` on its standard input (never a terminal). `watch`, if
/// given, is called whenever more of standard output has come. A command that runs for more than
/// two minutes is killed.
Outcome chordal(const std::vector<std::string>& arguments, const std::string& input = "",
                const Watch& watch = {});

/// The same for another executable.
Outcome runProgram(const std::string& program, const std::vector<std::string>& arguments,
                   const std::string& input = "", const Watch& watch = {});

/// A folder for the files of one test, removed at its end.
class TemporaryFolder {
public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  std::string file(const std::string& name) const { return path + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const;
  /// Names in the folder, sorted.
  std::vector<std::string> list() const;

private:
  std::string path;
};

std::string readAll(const std::string& path);

/// Path of a file of tests/data.
std::string data(const std::string& name);

/// The bytes of a GGUF file with a chat template added to its metadata.
std::string withTemplate(const std::string& path, const std::string& chatTemplate);

/// A float32 matrix from a .npy file. Fails the test and is empty if it is anything else.
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<float> values;
};
Matrix readNpy(const std::string& path);

} // namespace chordal::test
