//===- OpenModel.h - where the C API's models come from ---------------------------------------===//
#pragma once

#include "runtime/tbb/LoadedModel.h"

#include <cstdint>
#include <string>

namespace chordal::api {

/// See chordal_open_options.
struct OpenOptions {
  std::string isa;    ///< empty: the machine's
  std::string kvType; ///< "f16", "f32"; empty: f16, or what a program has
  uint32_t context = 0;
};

/// Opens a model; with an empty path the program of this library. Each library with the C API
/// defines it once: it is what they differ in.
Result<LoadedModel> openModel(const std::string& path, const OpenOptions& options);

} // namespace chordal::api
