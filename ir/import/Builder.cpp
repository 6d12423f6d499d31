//===- Builder.cpp - what builders of architectures share -------------------------------------===//
//
// The module around a model: symbols, step functions, and the check that nothing of the file was
// left out. The building blocks are in BuildingBlocks.cpp.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Builder.h"

#include "ir/import/Rope.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir;

namespace chordal::ir {

namespace {

/// The longest context that is planned for without being asked for.
constexpr uint32_t defaultContextLength = 4096;

/// "[4096, 2048]", outermost first.
std::string shapeText(llvm::ArrayRef<uint64_t> shape) {
  std::string text = "[";
  for (uint64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

llvm::SmallVector<uint64_t, 4> outermostFirst(const gguf::Tensor& tensor) {
  llvm::SmallVector<uint64_t, 4> shape(tensor.shape().begin(), tensor.shape().end());
  std::reverse(shape.begin(), shape.end());
  return shape;
}

/// Tensors that files carry and no model needs: rotary frequencies, which follow from the
/// hyper-parameters (files converted from the first Llama have them in each block), and what
/// activations would be divided by if they were rounded to NVFP4.
bool isRedundant(llvm::StringRef name) {
  return (name.starts_with("blk.") && name.ends_with(".attn_rot_embd.weight")) ||
         name.ends_with(".input_scale");
}

DictionaryAttr modelAttribute(Builder& builder, const HyperParameters& p, uint32_t positions) {
  auto number = [&](StringRef name, uint64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(static_cast<int64_t>(value)));
  };
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("architecture", builder.getStringAttr(p.architecture)),
       number("block_count", p.blockCount), number("context_length", positions),
       number("embedding_length", p.embeddingLength),
       number("trained_context_length", p.contextLength),
       number("vocabulary_size", p.vocabularySize)});
}

} // namespace

ModelBuilder::ModelBuilder(MLIRContext& context, const gguf::View& view,
                           const HyperParameters& parameters, const ImportOptions& options)
    : view(view), hyper(parameters),
      positions(options.contextLength != 0
                    ? options.contextLength
                    : std::min(parameters.contextLength, defaultContextLength)),
      module(ModuleOp::create(UnknownLoc::get(&context))), builder(&context) {
  if (positions > maxContextLength)
    fail(fmt::format("a context of {} positions was asked for, but at most {} are supported",
                     positions, maxContextLength),
         ErrorCode::OutOfRange);
  (*module)->setAttr(modelAttrName, modelAttribute(builder, hyper, positions));
  createStates(options.kvElement);
}

void ModelBuilder::fail(Error newError) {
  if (!error)
    error = std::move(newError);
}

Location ModelBuilder::location(StringRef name) {
  return NameLoc::get(builder.getStringAttr(name));
}

OpBuilder ModelBuilder::symbolBuilder() {
  if (firstStep)
    return OpBuilder(firstStep);
  return OpBuilder::atBlockEnd(module->getBody());
}

void ModelBuilder::createStates(KvElement kvElement) {
  OpBuilder at = symbolBuilder();
  Type element = kvElement == KvElement::F16 ? Type(at.getF16Type()) : Type(at.getF32Type());
  for (uint32_t i = 0; i < hyper.blockCount; ++i) {
    std::string name = fmt::format("kv.{}", i);
    auto type = KvType::get(at.getContext(), hyper.headCountKv[i], hyper.keyLength,
                            hyper.valueLength, element, element);
    states.push_back(StateOp::create(at, location(name), name, type));
  }
}

//===--- weights ------------------------------------------------------------------------------===//

bool ModelBuilder::hasTensor(StringRef name) const {
  return view.findTensor(std::string_view(name)) != nullptr;
}

const gguf::Tensor* ModelBuilder::checkedTensor(StringRef name, llvm::ArrayRef<uint64_t> shape,
                                                WeightKind kind) {
  const gguf::Tensor* tensor = view.findTensor(std::string_view(name));
  if (!tensor) {
    fail(fmt::format("tensor \"{}\" is missing; a model of the architecture {} with these "
                     "hyper-parameters needs it, of shape {}",
                     std::string_view(name), hyper.architecture, shapeText(shape)),
         ErrorCode::Missing);
    return nullptr;
  }
  llvm::SmallVector<uint64_t, 4> found = outermostFirst(*tensor);
  // A matrix of one row may be stored as a vector.
  bool isRow = shape.size() == found.size() + 1 && shape.front() == 1;
  if (llvm::ArrayRef<uint64_t>(found) != (isRow ? shape.drop_front() : shape)) {
    fail(fmt::format("tensor \"{}\" has shape {}, but the hyper-parameters ask for {}",
                     tensor->name, shapeText(found), shapeText(shape)),
         ErrorCode::Malformed);
    return nullptr;
  }
  const FormatInfo& format = formatInfo(tensor->format);
  if (kind == WeightKind::Vector && tensor->format != Format::F32) {
    fail(fmt::format("tensor \"{}\" is a vector stored as {}; only F32 is supported for vectors",
                     tensor->name, format.name),
         ErrorCode::Unsupported);
    return nullptr;
  }
  if (format.kind == FormatKind::Integer || tensor->format == Format::F64) {
    fail(fmt::format("tensor \"{}\" is stored as {}, which is not a format of weights",
                     tensor->name, format.name),
         ErrorCode::Unsupported);
    return nullptr;
  }
  used.insert(name);
  return tensor;
}

Value ModelBuilder::load(StringRef symbol, llvm::ArrayRef<uint64_t> shape, WeightKind kind,
                         StringRef tensorName, uint64_t first, uint64_t rows) {
  if (failed())
    return {};
  Value& value = loaded[symbol];
  if (value)
    return value;
  WeightOp& known = weights[symbol];
  if (!known) {
    llvm::SmallVector<uint64_t, 4> whole(shape);
    whole.front() = rows;
    const gguf::Tensor* tensor = checkedTensor(tensorName, whole, kind);
    if (!tensor)
      return {};
    OpBuilder at = symbolBuilder();
    llvm::SmallVector<int64_t, 4> dims(shape.begin(), shape.end());
    Type type;
    if (kind == WeightKind::Vector) {
      int64_t elements = 1;
      for (int64_t size : dims)
        elements *= size;
      type = RankedTensorType::get({elements}, at.getF32Type());
    } else {
      type = QuantizedType::get(at.getContext(), dims, tensor->format);
    }
    // Rows of a tensor lie one behind the other.
    uint64_t rowBytes = tensor->data.size() / rows;
    auto span = SpanAttr::get(at.getContext(), tensor->shard,
                              static_cast<int64_t>(tensor->offset + first * rowBytes),
                              static_cast<int64_t>(shape.front() * rowBytes));
    known = WeightOp::create(at, location(tensorName), symbol, type, span);
  }
  return value = LoadWeightOp::create(builder, location(symbol), known);
}

Value ModelBuilder::matrix(StringRef name, uint64_t rows, uint64_t columns) {
  return load(name, {rows, columns}, WeightKind::Matrix);
}

Value ModelBuilder::vector(StringRef name, uint64_t elements) {
  return load(name, {elements}, WeightKind::Vector);
}

std::optional<float> ModelBuilder::matrixFactor(StringRef weight) {
  weight.consume_back(".weight");
  std::string name = (weight + ".scale").str();
  const gguf::Tensor* tensor =
      hasTensor(name) ? checkedTensor(name, {1}, WeightKind::Vector) : nullptr;
  if (!tensor)
    return {};
  float factor;
  std::memcpy(&factor, tensor->data.data(), sizeof factor);
  if (!std::isfinite(factor))
    fail(fmt::format("tensor \"{}\" is {}", name, factor), ErrorCode::Malformed);
  return factor;
}

//===--- rotary frequencies -------------------------------------------------------------------===//

/// Factors that divide the frequencies of the file: one set, or one for contexts beyond that of the
/// training and one for others (LongRoPE, Ding et al. 2024, arXiv:2402.13753).
std::vector<float> ModelBuilder::ropeFactors() {
  uint64_t pairs = hyper.rope.dimensionCount / 2;
  bool isLong = positions > hyper.rope.scaling.originalContextLength;
  std::vector<float> factors;
  for (StringRef name :
       {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}) {
    if (!hasTensor(name))
      continue;
    const gguf::Tensor* tensor = checkedTensor(name, {pairs}, WeightKind::Vector);
    if (!tensor)
      return {};
    if (name.contains("factors") && name.contains("long") != isLong)
      continue;
    factors.resize(pairs);
    std::memcpy(factors.data(), tensor->data.data(), pairs * sizeof(float));
  }
  return factors;
}

ModelBuilder::Rotation* ModelBuilder::rotation(const RopeParameters& parameters) {
  if (failed())
    return nullptr;
  auto known =
      llvm::find_if(rotations, [&](const Rotation& r) { return r.parameters == parameters; });
  if (known == rotations.end()) {
    std::vector<float> factors;
    if (parameters == hyper.rope)
      factors = ropeFactors();
    if (failed())
      return nullptr;
    Result<RopeFrequencies> frequencies = ropeFrequencies(parameters, factors);
    if (!frequencies) {
      std::string where = factors.empty() ? hyper.key("rope.freq_base")
                          : hasTensor("rope_freqs.weight")
                              ? "tensor \"rope_freqs.weight\""
                              : "tensors \"rope_factors_long.weight\", "
                                "\"rope_factors_short.weight\"";
      fail(where + ": " + frequencies.error().message, frequencies.error().code);
      return nullptr;
    }
    OpBuilder at = symbolBuilder();
    auto type =
        RankedTensorType::get({static_cast<int64_t>(frequencies->inverse.size())}, at.getF32Type());
    auto values = DenseElementsAttr::get(type, llvm::ArrayRef<float>(frequencies->inverse));
    std::string name = fmt::format("rope.{}", rotations.size());
    rotations.push_back({parameters, ConstantOp::create(at, location(name), name, values),
                         frequencies->magnitude, Value()});
    known = std::prev(rotations.end());
  }
  if (!known->table) {
    Location where = location("rope");
    Value frequencies = LoadConstantOp::create(builder, where, known->frequencies);
    known->table = RopeTableOp::create(builder, where, position, frequencies, known->magnitude);
  }
  return &*known;
}

//===--- step functions and the module --------------------------------------------------------===//

void ModelBuilder::step(uint32_t least, uint32_t most, Value (*build)(ModelBuilder&)) {
  if (failed())
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module->getBody());

  auto ids = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  llvm::SmallVector<Type> inputs(4, ids);
  llvm::SmallVector<Type> results = {
      rowsType(builder.getContext(), ShapedType::kDynamic, hyper.vocabularySize)};
  for (StateOp state : states) {
    inputs.push_back(state.getType());
    results.push_back(state.getType());
  }
  std::string name = fmt::format("step_{}", most);
  auto function =
      func::FuncOp::create(builder, location(name), name, builder.getFunctionType(inputs, results));
  function->setAttr(tokensAttrName, builder.getDenseI64ArrayAttr({least, most}));
  for (auto [i, state] : llvm::enumerate(states))
    function.setArgAttr(4 + i, stateAttrName, FlatSymbolRefAttr::get(state));
  if (!firstStep)
    firstStep = function;

  Block* body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  token = body->getArgument(0);
  position = body->getArgument(1);
  sequence = body->getArgument(2);
  outputRow = body->getArgument(3);
  kv.assign(body->args_begin() + 4, body->args_end());
  loaded.clear();
  for (Rotation& rotation : rotations)
    rotation.table = {};

  Value logits = build(*this);
  if (failed())
    return;
  llvm::SmallVector<Value> returned = {logits};
  returned.append(kv.begin(), kv.end());
  func::ReturnOp::create(builder, location(name), returned);
}

void ModelBuilder::checkAllUsed() {
  for (const gguf::Tensor& tensor : view.tensors()) {
    if (used.contains(tensor.name) || isRedundant(tensor.name))
      continue;
    return fail(fmt::format("tensor \"{}\" is not used by models of the architecture {}; the file "
                            "is of a variant that is not supported",
                            tensor.name, hyper.architecture),
                ErrorCode::Unsupported);
  }
}

Result<OwningOpRef<ModuleOp>> ModelBuilder::finish() {
  if (!failed())
    checkAllUsed();
  if (hyper.residualScale && !residualIsScaled)
    fail(fmt::format("{} is {}, which is not supported for this architecture",
                     hyper.key("residual_scale"), *hyper.residualScale),
         ErrorCode::Unsupported);
  if (failed())
    return takeError();
  std::string messages;
  ScopedDiagnosticHandler collect(builder.getContext(), [&](Diagnostic& diagnostic) {
    messages += (messages.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  if (mlir::failed(verify(*module)))
    return Error{"the imported graph is not valid: " + messages};
  return std::move(module);
}

} // namespace chordal::ir
