//===- Evaluator.h - runs ops -----------------------------------------------------------------===//
//
// Walks a block of the graph and keeps what each value holds.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/reference/Arithmetic.h"
#include "ir/reference/Weights.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace chordal::reference {

using SharedFloats = std::shared_ptr<const Floats>;
using SharedInts = std::shared_ptr<const Ints>;
/// A weight that is referred to but not decoded.
struct WeightName {
  std::string name;
};
/// A handle of the schedule: nothing that numbers depend on.
struct Handle {};
/// What a value of the IR holds. Q8 activations are floats: the values they stand for.
using Datum = std::variant<Handle, SharedFloats, SharedInts, WeightName, KvStore*>;

/// Called after each op with its results, those in regions too.
using Observer = std::function<void(mlir::Operation*, const std::vector<Datum>&)>;

/// Element-wise ops of `arith` and `math`; null if `op` is none of them. All operands are floats of
/// one shape.
Result<SharedFloats> evaluateElementwise(mlir::Operation* op,
                                         const std::vector<SharedFloats>& operands);

class Evaluator {
public:
  Evaluator(Weights& weights, const Observer& observer) : weights(weights), observer(observer) {}

  /// Runs the ops of a block and returns what its terminator passes on.
  Result<std::vector<Datum>> run(mlir::Block& block, const std::vector<Datum>& arguments);

private:
  Result<std::vector<Datum>> evaluate(mlir::Operation* op);
  const Datum& get(mlir::Value value) const { return values.find(value)->second; }
  const Floats& floats(mlir::Value value) const { return *std::get<SharedFloats>(get(value)); }
  const Ints& ints(mlir::Value value) const { return *std::get<SharedInts>(get(value)); }
  /// A matrix as floats, whether it was decoded already or not.
  Result<SharedFloats> matrix(mlir::Value value);
  Result<std::vector<Datum>> runRegion(mlir::Region& region, mlir::OperandRange inputs);

  Weights& weights;
  const Observer& observer;
  llvm::DenseMap<mlir::Value, Datum> values;
};

} // namespace chordal::reference
