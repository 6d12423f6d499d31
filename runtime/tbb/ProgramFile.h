//===- ProgramFile.h - a compiled program, mapped from its file -------------------------------===//
//
// Maps the file that a container stands in, be it the executable that runs or a file beside it, and
// the weight file that goes with it. Pages come from the page cache and are shared by all processes
// that map the same file.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/Container.h"

#include <memory>
#include <optional>
#include <string>

namespace chordal {

class ProgramFile {
public:
  /// Whether the file at `path` ends with a container. False if it cannot be read.
  static bool isProgram(const std::string& path);

  /// Maps a compiled program and, if its weights are in a file of their own, that file. Errors: a
  /// file that cannot be mapped, or is damaged; a weight file that is missing or belongs to another
  /// program.
  static Result<ProgramFile> open(const std::string& path);

  /// The executable that is running, where the system says which that is: /proc/self/exe, else the
  /// path it was started by.
  static Result<ProgramFile> openSelf();

  const Container& program() const { return *main; }
  /// The container that has the weights.
  const Container& weights() const { return external ? *external : *main; }

private:
  struct Mapping;
  static Result<std::shared_ptr<Mapping>> map(const std::string& path);
  static Result<ProgramFile> openAt(const std::string& path, const std::string& beside);

  std::shared_ptr<Mapping> mapping, weightMapping;
  std::optional<Container> main, external;
};

} // namespace chordal
