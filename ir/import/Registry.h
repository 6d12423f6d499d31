//===- Registry.h - the architectures that can be imported ------------------------------------===//
//
// Maps `general.architecture` to the function that builds a model of it. A new architecture is a
// file with such a function and a line in Registry.cpp.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"

#include <span>
#include <string_view>

namespace chordal::ir {

class ModelBuilder;

struct Architecture {
  std::string_view name;
  /// Builds the body of one step function, from tokens to logits [output rows, vocabulary]. On an
  /// error, which the builder keeps, the value is null.
  mlir::Value (*build)(ModelBuilder&);
};

/// All of them, in alphabetical order.
std::span<const Architecture> architectures();

/// The architecture of that name, or null.
const Architecture* findArchitecture(std::string_view name);

} // namespace chordal::ir
