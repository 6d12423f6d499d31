//===- Builder.h - what builders of architectures share ---------------------------------------===//
//
// A ModelBuilder turns names of tensors into checked weights and strings ops together, so that an
// architecture states its layer once and reads like the paper that describes it.
//
// Errors: the first one is kept and every later call does nothing, so a builder function needs no
// checks of its own; values are null from then on. Weights, states and constants become symbols of
// the module when first used; a step function is then built for each range of token counts.
//
//===----------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "ir/import/HyperParameters.h"
#include "ir/import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <optional>
#include <string>

namespace chordal::ir {

/// One block of the model, with what may differ from block to block.
struct Layer {
  uint32_t index = 0;
  uint32_t headCount = 0;
  uint32_t headCountKv = 0;
  uint32_t feedForwardLength = 0;

  /// Name of something in this block: "blk.3.attn_q".
  std::string operator()(llvm::StringRef part) const;
};

/// How an architecture's attention differs from the plainest one.
struct AttentionForm {
  RopeStyle ropeStyle = RopeStyle::Interleaved;
  /// RMS norm of each head of queries and keys before the rotation (attn_q_norm, attn_k_norm).
  bool normPerHead = false;
};

class ModelBuilder {
public:
  ModelBuilder(mlir::MLIRContext& context, const gguf::View& view,
               const HyperParameters& parameters, const ImportOptions& options);

  //===--- errors -----------------------------------------------------------------------------===//

  bool failed() const { return error.has_value(); }
  /// Keeps the error unless there is one already.
  void fail(Error newError);
  void fail(std::string message, ErrorCode code) { fail(Error{std::move(message), code}); }
  Error takeError() { return std::move(*error); }

  //===--- the model --------------------------------------------------------------------------===//

  const HyperParameters& parameters() const { return hyper; }
  /// The blocks, in order; none after an error.
  std::vector<Layer> layers() const;
  uint32_t contextLength() const { return positions; }

  //===--- weights ----------------------------------------------------------------------------===//

  bool hasTensor(llvm::StringRef name) const;
  /// A matrix [rows, columns] (the file's innermost dimension is the columns), as a reference to a
  /// weight in its stored format.
  mlir::Value matrix(llvm::StringRef name, uint64_t rows, uint64_t columns);
  /// A vector, float32 in the file.
  mlir::Value vector(llvm::StringRef name, uint64_t elements);

  //===--- building blocks --------------------------------------------------------------------===//
  // Names of linear maps and norms are those of their tensors without ".weight". Rows are tokens,
  // until gatherOutputs.

  /// The embedding of the step's tokens, [T, embeddingLength].
  mlir::Value embedTokens();
  /// x times the transpose of NAME.weight [features, columns of x], plus NAME.bias if there is one.
  mlir::Value linear(mlir::Value x, llvm::StringRef name, uint64_t features);
  /// RMS norm with NAME.weight, over all features or over each group of `group`.
  mlir::Value rmsNorm(mlir::Value x, llvm::StringRef name, uint32_t group = 0);
  mlir::Value add(mlir::Value a, mlir::Value b);
  /// Rotates the heads of x by the tokens' positions.
  mlir::Value rope(mlir::Value x, RopeStyle style);
  /// Appends keys and values to the layer's state and attends to it:
  /// [T, headCount * valueLength].
  mlir::Value attend(const Layer& layer, mlir::Value query, mlir::Value key, mlir::Value value);
  /// attn_q, attn_k, attn_v, rotation, attention and attn_output: [T, embeddingLength].
  mlir::Value attentionBlock(const Layer& layer, mlir::Value x, const AttentionForm& form);
  /// ffn_down(activation(ffn_gate(x)) * ffn_up(x)): [T, embeddingLength].
  mlir::Value gluFeedForward(const Layer& layer, mlir::Value x, Activation activation);
  /// The rows whose logits are wanted. What follows computes only those.
  mlir::Value gatherOutputs(mlir::Value x);
  /// Logits [output rows, vocabulary] by `output`, or by the token embedding in models that share
  /// it.
  mlir::Value logits(mlir::Value x);

  //===--- the module -------------------------------------------------------------------------===//

  /// Builds the step function for `least` to `most` tokens with the body that `build` makes.
  void step(uint32_t least, uint32_t most, mlir::Value (*build)(ModelBuilder&));
  /// Checks that every tensor of the file was used and that the module verifies, and hands it over.
  Result<mlir::OwningOpRef<mlir::ModuleOp>> finish();

private:
  /// The tensor of that name, its shape and format checked; null after an error. `shape` is
  /// outermost first: [rows, columns].
  const gguf::Tensor* checkedTensor(llvm::StringRef name, llvm::ArrayRef<uint64_t> shape);
  /// The symbol for a tensor.
  WeightOp weight(llvm::StringRef name, llvm::ArrayRef<uint64_t> shape);
  mlir::Value load(llvm::StringRef name, llvm::ArrayRef<uint64_t> shape);
  /// Linear map with the bias of NAME and the matrix `weightName`.
  mlir::Value linear(mlir::Value x, llvm::StringRef name, llvm::StringRef weightName,
                     uint64_t features);
  mlir::Value ropeTable();
  ConstantOp ropeConstant();
  mlir::Location location(llvm::StringRef name);
  mlir::OpBuilder symbolBuilder();
  void createStates(KvElement kvElement);
  void checkAllUsed();

  const gguf::View& view;
  const HyperParameters& hyper;
  uint32_t positions = 0; ///< context length of the program
  std::optional<Error> error;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder builder;
  llvm::StringMap<WeightOp> weights;
  llvm::StringSet<> used; ///< names of tensors
  std::vector<StateOp> states;
  ConstantOp ropeFrequencyTable;
  float ropeMagnitude = 1;
  mlir::Operation* firstStep = nullptr; ///< symbols are created before it

  // Of the step function being built.
  mlir::Value token, position, sequence, outputRow;
  std::vector<mlir::Value> kv; ///< newest state of each layer
  llvm::StringMap<mlir::Value> loaded;
  mlir::Value rotations;
};

} // namespace chordal::ir
