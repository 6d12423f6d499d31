//===- Library.cpp - the models that libchordal opens -----------------------------------------===//
#include "runtime/api/OpenModel.h"
#include "tools/chordal/Model.h"

namespace chordal {

Result<LoadedModel> api::openModel(const std::string& path, const OpenOptions& options) {
  if (path.empty())
    return Error{"this library has no program of its own; give the path of a GGUF file or of a "
                 "compiled program",
                 ErrorCode::OutOfRange};
  ModelOptions compile;
  compile.contextLength = options.context;
  compile.kvFloat32 = options.kvType == "f32";
  compile.isa = options.isa;
  auto model = loadModel(path, compile);
  if (model)
    if (Result<void> good = requireKvType(model->program, options.kvType); !good)
      return good.error();
  return model;
}

} // namespace chordal
