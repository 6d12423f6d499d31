//===- Norm.h - what rms_norm and layer_norm have in common -----------------------------------===//
//
// Passes that fuse norms, and the choice of their kernels, treat the two alike.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"

#include <optional>

namespace chordal {

struct Norm {
  mlir::Operation* op;
  mlir::Value x, weight, bias; ///< weight and bias may be null
  float epsilon;
  std::optional<int64_t> group; ///< features normalised together; none: all
  bool subtractsMean;

  mlir::Value result() const { return op->getResult(0); }
  /// Whether one kernel computes both norms, with weights of each.
  bool isLike(const Norm& other) const {
    return subtractsMean == other.subtractsMean && epsilon == other.epsilon &&
           group == other.group && weightPerGroup() == other.weightPerGroup();
  }
  /// Whether each group has weights of its own.
  bool weightPerGroup() const {
    return group && weight &&
           mlir::cast<mlir::RankedTensorType>(weight.getType()).getDimSize(0) != *group;
  }
};

/// The norm that `op` is; nothing if it is null or another op.
inline std::optional<Norm> asNorm(mlir::Operation* op) {
  if (auto norm = mlir::dyn_cast_or_null<ir::RmsNormOp>(op))
    return Norm{op,
                norm.getX(),
                norm.getWeight(),
                {},
                norm.getEpsilon().convertToFloat(),
                norm.getGroup(),
                false};
  if (auto norm = mlir::dyn_cast_or_null<ir::LayerNormOp>(op))
    return Norm{op,
                norm.getX(),
                norm.getWeight(),
                norm.getBias(),
                norm.getEpsilon().convertToFloat(),
                norm.getGroup(),
                true};
  return std::nullopt;
}

} // namespace chordal
