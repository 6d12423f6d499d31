//===- Interpreter.h - runs the graph IR ------------------------------------------------------===//
//
// The meaning of the dialect, executable: runs step functions of any phase, from the model as
// written to the plan, with weights decoded exactly, float32 values and float64 sums. It is the
// oracle of passes and kernels.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/View.h"
#include "ir/reference/Evaluator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace chordal::reference {

class Interpreter {
public:
  /// Both must outlive the interpreter. The module is verified and not changed.
  Interpreter(mlir::ModuleOp module, const gguf::View& view);
  /// The same on bytes in memory, one span for each shard.
  Interpreter(mlir::ModuleOp module, std::vector<std::span<const std::byte>> shards);

  /// Runs one step: token[t] at position[t] of sequence[t]. Returns the logits of the rows
  /// outputRows (indices into tokens): float32 [outputRows.size(), vocabulary]. The keys and values
  /// stay for later steps. Uses the function whose `chordal.tokens` has the number of tokens, or
  /// the one named. Fails if there is none, if the inputs have different lengths, and on tokens,
  /// rows or positions that are not there (a position must follow those that were stored before).
  Result<std::vector<float>> step(std::span<const int32_t> tokens,
                                  std::span<const int32_t> positions,
                                  std::span<const int32_t> sequences,
                                  std::span<const int32_t> outputRows,
                                  llvm::StringRef function = {});

  /// Runs any function; a state argument with an attribute `chordal.state` may be a Handle and then
  /// stands for the storage of that name.
  Result<std::vector<Datum>> call(llvm::StringRef function, std::vector<Datum> arguments);

  /// Forgets all keys and values.
  void reset() { states.clear(); }

  /// The storage of a `chordal.state`; for `call` of functions without the attribute.
  KvStore& state(llvm::StringRef name, ir::KvType type);

  /// Is called after each op with its results.
  void observe(Observer newObserver) { observer = std::move(newObserver); }

private:
  Result<std::vector<Datum>> call(mlir::func::FuncOp function, std::vector<Datum> arguments);

  mlir::ModuleOp module;
  Weights weights;
  std::map<std::string, KvStore> states;
  Observer observer;
};

} // namespace chordal::reference
