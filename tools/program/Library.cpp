//===- Library.cpp - the models that a compiled library opens ---------------------------------===//
//
// Its own program, wherever its container is: in the library, or in another file that was compiled
// from the same model in the same way.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/api/OpenModel.h"
#include "tools/program/LinkedProgram.h"

#include <cstdlib>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace chordal {

namespace {

/// The file of this library. Found when it is loaded: the path may be a relative one.
const std::string libraryFile = [] {
  Dl_info info;
  if (!::dladdr(&chordal_linked_identity, &info) || !info.dli_fname)
    return std::string();
  char* resolved = ::realpath(info.dli_fname, nullptr);
  std::string path = resolved ? resolved : info.dli_fname;
  std::free(resolved);
  return path;
}();

bool isGguf(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return false;
  char magic[4];
  bool found = ::read(descriptor, magic, sizeof magic) == ssize_t(sizeof magic) &&
               std::string_view(magic, sizeof magic) == "GGUF";
  ::close(descriptor);
  return found;
}

} // namespace

Result<LoadedModel> api::openModel(const std::string& path, const OpenOptions& options) {
  constexpr const char* instead = "; libchordal, which has the compiler inside, opens it";
  if (path.empty() && libraryFile.empty())
    return Error{"the system does not say which file this library was loaded from; give its path",
                 ErrorCode::Unsupported};
  if (!path.empty() && isGguf(path))
    return Error{path + " is a model that is not compiled, and this library has no compiler" +
                     instead,
                 ErrorCode::Unsupported};
  auto file = ProgramFile::open(path.empty() ? libraryFile : path);
  if (!file)
    return file.error();
  if (!path.empty() && file->program().identity().program != chordal_linked_identity)
    return Error{path + ": this library has no code for this program but only for its own" +
                     instead,
                 ErrorCode::Unsupported};
  auto program = program::LinkedProgram::open(*std::move(file), options.isa);
  if (!program)
    return program.error();
  auto model = program->load(options.kvType);
  if (model && options.context > model->program.model.context_length)
    return Error{"this program was compiled for a context of " +
                     std::to_string(model->program.model.context_length) + " positions at most",
                 ErrorCode::OutOfRange};
  return model;
}

} // namespace chordal
