//===- Builder.h - what builders of architectures share ---------------------------------------===//
//
// A ModelBuilder turns names of tensors into checked weights and strings ops together, so that an
// architecture states its layer once and reads like the paper that describes it.
//
// Errors: the first one is kept and every later call does nothing, so a builder function needs no
// checks of its own; values are null from then on. Weights, states and constants become symbols of
// the module when first used; a step function is then built for each range of token counts.
//
//===------------------------------------------------------------------------------------------===//
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
  uint32_t window = 0; ///< positions that a token attends to; 0: all

  /// Name of something in this block: "blk.3.attn_q".
  std::string operator()(llvm::StringRef part) const;
};

/// A norm of queries and keys before the rotation (attn_q_norm, attn_k_norm).
enum class QueryKeyNorm : uint8_t {
  None,
  RmsPerHead,   ///< RMS norm of each head, with one weight for all heads
  LayerPerHead, ///< layer norm of each head, with a weight for each head
  RmsTogether,  ///< RMS norm of all heads together
};

/// How an architecture's attention differs from the plainest one.
struct AttentionForm {
  RopeStyle ropeStyle = RopeStyle::Interleaved;
  QueryKeyNorm norm = QueryKeyNorm::None;
  /// Whether queries and keys are rotated in this layer.
  bool rotate = true;
  /// Frequencies of the rotation, instead of those of the file.
  std::optional<RopeParameters> rope = {};
  /// Of the scores, instead of the file's and of 1 / sqrt(keyLength).
  std::optional<float> scale = {};
  /// Of the scores, instead of the file's.
  std::optional<float> softcap = {};
};

/// What an architecture's experts are like; what the file says of it goes before.
struct MixtureForm {
  Gating gating = Gating::Softmax;
  bool normalise = false; ///< weights of a token add up to 1
  Activation activation = Activation::Silu;
};

/// What an architecture does to its logits.
struct LogitsForm {
  std::optional<float> factor = {};
  std::optional<float> softcap = {}; ///< instead of the file's
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
  /// The blocks, in order; none after an error. If the file has a window of attention, all blocks
  /// have it but those that its pattern exempts or, for want of one, each `globalPeriod`-th.
  std::vector<Layer> layers(uint32_t globalPeriod = 0) const;
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

  /// The embedding of the step's tokens, [T, embeddingLength], times the file's scale or `factor`.
  mlir::Value embedTokens(std::optional<float> factor = {});
  /// The learned embedding of the tokens' positions (position_embd), [T, embeddingLength].
  mlir::Value embedPositions();
  /// x times the transpose of NAME.weight [features, columns of x], times NAME.scale and plus
  /// NAME.bias if there are such.
  mlir::Value linear(mlir::Value x, llvm::StringRef name, uint64_t features);
  /// RMS norm with NAME.weight, over all features or over each group of `group`.
  mlir::Value rmsNorm(mlir::Value x, llvm::StringRef name, uint32_t group = 0);
  /// Layer norm with NAME.weight, plus NAME.bias if there is one.
  mlir::Value layerNorm(mlir::Value x, llvm::StringRef name);
  mlir::Value add(mlir::Value a, mlir::Value b);
  /// Adds y, times the file's residual scale, to the residual stream x.
  mlir::Value residual(mlir::Value x, mlir::Value y);
  mlir::Value scale(mlir::Value x, float factor);
  /// Rotates the heads of x by the tokens' positions.
  mlir::Value rope(mlir::Value x, RopeStyle style) { return rope(x, style, hyper.rope); }
  mlir::Value rope(mlir::Value x, RopeStyle style, const RopeParameters& parameters);
  /// Appends keys and values to the layer's state and attends to it:
  /// [T, headCount * valueLength].
  mlir::Value attend(const Layer& layer, mlir::Value query, mlir::Value key, mlir::Value value,
                     const AttentionForm& form = {});
  /// attn_q, attn_k, attn_v (or attn_qkv, which holds the three), rotation, attention and
  /// attn_output: [T, embeddingLength].
  mlir::Value attentionBlock(const Layer& layer, mlir::Value x, const AttentionForm& form);
  /// ffn_down(activation(ffn_up(x))): [T, embeddingLength].
  mlir::Value feedForward(const Layer& layer, mlir::Value x, Activation activation);
  /// ffn_down(activation(ffn_gate(x)) * ffn_up(x)): [T, embeddingLength].
  mlir::Value gluFeedForward(const Layer& layer, mlir::Value x, Activation activation);
  /// The same where ffn_up holds the gate and, below it, the other matrix.
  mlir::Value fusedGluFeedForward(const Layer& layer, mlir::Value x, Activation activation);
  /// Experts that a router chooses (ffn_gate_inp, ffn_gate_exps, ffn_up_exps, ffn_down_exps) and
  /// those that all tokens share (ffn_gate_shexp, ...): [T, embeddingLength].
  mlir::Value mixture(const Layer& layer, mlir::Value x, const MixtureForm& form);
  /// Attention over compressed keys and values (attn_q_a, attn_q_b, attn_kv_a_mqa, attn_k_b,
  /// attn_v_b) and attn_output: [T, embeddingLength].
  mlir::Value latentAttention(const Layer& layer, mlir::Value x, RopeStyle style);
  /// The rows whose logits are wanted. What follows computes only those.
  mlir::Value gatherOutputs(mlir::Value x);
  /// Logits [output rows, vocabulary] by `output`, or by the token embedding in models that share
  /// it.
  mlir::Value logits(mlir::Value x, const LogitsForm& form = {});

  //===--- the module -------------------------------------------------------------------------===//

  /// Builds the step function for `least` to `most` tokens with the body that `build` makes.
  void step(uint32_t least, uint32_t most, mlir::Value (*build)(ModelBuilder&));
  /// Checks that every tensor of the file was used and that the module verifies, and hands it over.
  Result<mlir::OwningOpRef<mlir::ModuleOp>> finish();

private:
  /// What a linear map is made of: tensors of its own, or rows of tensors that hold several. Its
  /// symbols are named as tensors of its own would be.
  struct LinearSource {
    std::string weight, bias; ///< names of tensors; the bias need not exist
    uint64_t first = 0;       ///< row
    uint64_t rows = 0;        ///< of the tensors
  };
  /// How the elements of a weight are seen: as a matrix in its format, or as a vector of float32.
  enum class WeightKind : uint8_t { Matrix, Vector };

  /// The tensor of that name, its shape and format checked; null after an error. `shape` is
  /// outermost first: [rows, columns].
  const gguf::Tensor* checkedTensor(llvm::StringRef name, llvm::ArrayRef<uint64_t> shape,
                                    WeightKind kind);
  /// A reference to `shape` of a tensor, from row `first` of `rows` on.
  mlir::Value load(llvm::StringRef symbol, llvm::ArrayRef<uint64_t> shape, WeightKind kind,
                   llvm::StringRef tensor, uint64_t first, uint64_t rows);
  mlir::Value load(llvm::StringRef name, llvm::ArrayRef<uint64_t> shape, WeightKind kind) {
    return load(name, shape, kind, name, 0, shape.front());
  }
  /// What the matrix `weight` is multiplied by (NAME.scale beside NAME.weight, which files have for
  /// NVFP4, whose blocks' scales have a short range), if anything.
  std::optional<float> matrixFactor(llvm::StringRef weight);
  mlir::Value linear(mlir::Value x, llvm::StringRef name, uint64_t features,
                     const LinearSource& source);
  /// x [T, columns] or [T, K*columns] times the matrices NAME.weight [experts, features, columns]
  /// of each token's experts, plus NAME.bias [experts, features] if there is one.
  mlir::Value expertLinear(mlir::Value x, mlir::Value routes, llvm::StringRef name,
                           uint64_t features, uint64_t columns);
  mlir::Value sharedExpert(const Layer& layer, mlir::Value x, uint64_t size);
  /// Each head of x times its matrix of NAME.weight [heads, features, columns of a head].
  mlir::Value headLinear(mlir::Value x, llvm::StringRef name, uint64_t heads, uint64_t features);
  mlir::Value headSlice(mlir::Value x, uint64_t headDim, uint64_t begin, uint64_t size);
  mlir::Value headJoin(mlir::Value first, mlir::Value second, uint64_t heads);
  /// The norm of queries or keys that `form` asks for, with the weight NAME.
  mlir::Value normHeads(mlir::Value x, llvm::StringRef name, QueryKeyNorm norm);
  /// Epsilon of a norm; an error if the file has none.
  float epsilonOf(const std::optional<float>& epsilon, llvm::StringRef suffix);

  /// Rotations by one set of parameters.
  struct Rotation {
    RopeParameters parameters;
    ConstantOp frequencies;
    float magnitude = 1;
    mlir::Value table; ///< of the step function being built
  };
  Rotation* rotation(const RopeParameters& parameters);
  std::vector<float> ropeFactors();
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
  std::vector<Rotation> rotations;
  bool residualIsScaled = false;        ///< some residual connection honours the file's scale
  mlir::Operation* firstStep = nullptr; ///< symbols are created before it

  // Of the step function being built.
  mlir::Value token, position, sequence, outputRow;
  std::vector<mlir::Value> kv; ///< newest state of each layer
  llvm::StringMap<mlir::Value> loaded;
};

} // namespace chordal::ir
