//===- SelectKernels.cpp - which kernel computes each dispatch --------------------------------===//
//
// Asks the catalogue for the best kernel of the dispatch's family, the formats of its weights, the
// instruction-set level and the number of rows of the bucket, and writes the kernel's parameters.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/DispatchPattern.h"
#include "passes/Level.h"
#include "passes/Norm.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/Storage.h"
#include "passes/Weights.h"

#include <bit>
#include <cstring>

using namespace mlir;

namespace chordal {

#define GEN_PASS_DEF_SELECTKERNELSPASS
#include "passes/Passes.h.inc"

namespace {

Format formatOf(Value weight) {
  return cast<ir::QuantizedType>(weight.getType()).getFormatInfo()->format;
}

uint32_t elementOf(Type type) {
  return type.isF16() ? CHORDAL_F16 : CHORDAL_F32;
}
uint32_t gatingOf(ir::Gating gating) {
  switch (gating) {
  case ir::Gating::Softmax:
    return kernels::SoftmaxGating;
  case ir::Gating::Sigmoid:
    return kernels::SigmoidGating;
  case ir::Gating::SoftmaxChosen:
    return kernels::SoftmaxChosenGating;
  }
  llvm_unreachable("all gatings are handled");
}

Format stateFormat(ir::KvType type) {
  return type.getKeyType().isF16() ? Format::F16 : Format::F32;
}

/// A family's parameter struct as the words of the `parameters` attribute.
template <typename Parameters> SmallVector<int32_t> wordsOf(const Parameters& parameters) {
  static_assert(sizeof(Parameters) % 4 == 0);
  SmallVector<int32_t> words(sizeof(Parameters) / 4);
  std::memcpy(words.data(), &parameters, sizeof(Parameters));
  return words;
}

struct SelectKernels : impl::SelectKernelsPassBase<SelectKernels> {
  using SelectKernelsPassBase::SelectKernelsPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto tokens = function->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens");
    if (!tokens || function.isExternal())
      return;
    FailureOr<kernels::Isa> named = levelFor(function, isa);
    if (failed(named))
      return signalPassFailure();
    level = *named;
    maxRows = maxRowsOf(function);
    for (auto dispatch : function.getOps<ir::DispatchOp>()) {
      rows = typicalRows(dispatch.getRows(), maxRows);
      if (failed(selectFor(dispatch)))
        return signalPassFailure();
    }
  }

  LogicalResult selectFor(ir::DispatchOp dispatch) {
    FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
    if (failed(pattern))
      return failure();
    if (!pattern->family) {
      // Generated code: rows are claimed in tiles, all columns at once.
      auto columns = uint32_t(columnsOf(pattern->functions[0].writes[0].getType()));
      dispatch.setParametersAttr(DenseI32ArrayAttr::get(&getContext(), {int32_t(columns)}));
      ++numGenerated;
      return success();
    }
    switch (*pattern->family) {
    case kernels::Family::Embed: {
      auto op = cast<ir::EmbedOp>(pattern->root);
      auto table = cast<ir::QuantizedType>(op.getTable().getType());
      kernels::EmbedParameters p{};
      p.columns = uint32_t(table.getColumns());
      p.format = uint32_t(table.getFormatInfo()->format);
      p.vocabulary = uint32_t(table.getRows());
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo&) { return wordsOf(p); });
    }
    case kernels::Family::Norm: {
      Norm norm = *asNorm(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32, written(dispatch),
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::NormParameters p{};
                      p.columns = uint32_t(columnsOf(norm.result().getType()));
                      p.epsilon = norm.epsilon;
                      p.subtractMean = norm.subtractsMean;
                      p.hasBias = norm.bias ? 1 : 0;
                      setWritten(dispatch, p);
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    case kernels::Family::Quantize:
      return assign(dispatch, *pattern->family, Format::F32, written(dispatch),
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::QuantizeParameters p{};
                      p.columns = uint32_t(columnsOf(dispatch.getResultTypes()[0]));
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    case kernels::Family::Gather:
      return assign(dispatch, *pattern->family, Format::F32, [&](const kernels::KernelInfo&) {
        kernels::GatherParameters p{};
        p.columns = uint32_t(columnsOf(dispatch.getResultTypes()[0]));
        return wordsOf(p);
      });
    case kernels::Family::RopeTable: {
      auto op = cast<ir::RopeTableOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::RopeTableParameters p{};
                      p.half = uint32_t(columnsOf(op.getFrequencies().getType()));
                      p.magnitude = op.getMagnitude().convertToFloat();
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    case kernels::Family::RopeAppend:
      return selectRopeAppend(dispatch, *pattern);
    case kernels::Family::Attention:
      return selectAttention(dispatch, *pattern);
    case kernels::Family::AttentionCombine: {
      auto op = cast<ir::AttentionCombineOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32, written(dispatch),
                    [&](const kernels::KernelInfo&) {
                      kernels::AttentionCombineParameters p{};
                      p.dimension = uint32_t(op.getHeadDim());
                      p.heads = uint32_t(columnsOf(op.getResult().getType())) / p.dimension;
                      p.splits = uint32_t(op.getSplits());
                      setWritten(dispatch, p);
                      return wordsOf(p);
                    });
    }
    case kernels::Family::Matmul:
      return selectMatmul(dispatch, *pattern);
    case kernels::Family::ExpertMatmul:
      return selectExpertMatmul(dispatch, *pattern);
    case kernels::Family::Router: {
      auto op = cast<ir::RouterOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::RouterParameters p{};
                      p.experts = uint32_t(columnsOf(op.getLogits().getType()));
                      p.used = uint32_t(op.getUsed());
                      p.gating = gatingOf(op.getGating());
                      p.normalise = op.getNormalise();
                      p.hasBias = op.getBias() ? 1 : 0;
                      p.scale = op.getScale().convertToFloat();
                      p.groups = uint32_t(op.getGroups());
                      p.groupsUsed = uint32_t(op.getGroupsUsed());
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    case kernels::Family::GroupRoutes: {
      auto op = cast<ir::GroupRoutesOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32, [&](const kernels::KernelInfo&) {
        kernels::GroupRoutesParameters p{};
        p.experts = uint32_t(op.getCount());
        p.used = uint32_t(columnsOf(op.getExperts().getType()));
        return wordsOf(p);
      });
    }
    case kernels::Family::Combine: {
      auto op = cast<ir::MoeCombineOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::CombineParameters p{};
                      p.columns = uint32_t(columnsOf(op.getResult().getType()));
                      p.used = uint32_t(columnsOf(op.getWeights().getType()));
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    case kernels::Family::HeadSlice: {
      auto op = cast<ir::HeadSliceOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::HeadSliceParameters p{};
                      p.dimension = uint32_t(op.getHeadDim());
                      p.heads = uint32_t(columnsOf(op.getX().getType())) / p.dimension;
                      p.begin = uint32_t(op.getBegin());
                      p.size = uint32_t(op.getSize());
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    case kernels::Family::HeadJoin: {
      auto op = cast<ir::HeadJoinOp>(pattern->root);
      return assign(dispatch, *pattern->family, Format::F32,
                    [&](const kernels::KernelInfo& kernel) {
                      kernels::HeadJoinParameters p{};
                      p.heads = uint32_t(op.getHeads());
                      p.first = uint32_t(columnsOf(op.getFirst().getType())) / p.heads;
                      p.second = uint32_t(columnsOf(op.getSecond().getType())) / p.heads;
                      p.rowTile = kernel.tile;
                      return wordsOf(p);
                    });
    }
    }
    llvm_unreachable("all families are handled");
  }

  /// Whether the parameters' kernel writes float32, quantised activations or both.
  template <typename Parameters>
  static void setWritten(ir::DispatchOp dispatch, Parameters& parameters) {
    for (Type type : dispatch.getResultTypes())
      (llvm::isa<ir::QuantizedType>(type) ? parameters.writeQuantized : parameters.writeFloat) = 1;
  }

  /// What a norm, attention_combine or quantize writes beside float32; all kernels of the first two
  /// can write no more than that.
  static kernels::Activations written(ir::DispatchOp dispatch) {
    for (Type type : dispatch.getResultTypes())
      if (llvm::isa<ir::QuantizedType>(type))
        return activationsOf(type);
    return kernels::Activations::Q8;
  }

  /// What all readers of a result quantise it to; float32 if one does not or they differ.
  static kernels::Activations quantizedTo(Value result) {
    std::optional<kernels::Activations> activations;
    for (Operation* user : result.getUsers()) {
      auto dispatch = dyn_cast<ir::DispatchOp>(user);
      FailureOr<DispatchPattern> pattern =
          dispatch ? matchDispatch(dispatch) : FailureOr<DispatchPattern>(failure());
      if (failed(pattern) || pattern->family != kernels::Family::Quantize ||
          activations.value_or(written(dispatch)) != written(dispatch))
        return kernels::Activations::F32;
      activations = written(dispatch);
    }
    return activations.value_or(kernels::Activations::F32);
  }

  LogicalResult selectRopeAppend(ir::DispatchOp dispatch, const DispatchPattern& pattern) {
    auto append = cast<ir::KvAppendOp>(pattern.root);
    auto state = cast<ir::KvType>(append.getState().getType());
    auto keyRope = append.getKey().getDefiningOp<ir::RopeOp>();
    Value beforeRope = keyRope ? keyRope.getX() : append.getKey();
    std::optional<Norm> norm = asNorm(beforeRope.getDefiningOp());
    if (state.getKeyType() != state.getValueType())
      return append.emitOpError("has no kernel for keys and values of different element types");
    if (norm && norm->group.value_or(0) != state.getKeyDim())
      return norm->op->emitOpError("has a kernel only if it normalises each head");
    kernels::RopeAppendParameters p{};
    if (OperandRef query = pattern.operands[6]; query.kind == OperandRef::Kind::Result)
      p.heads =
          uint32_t(columnsOf(dispatch.getResults()[query.index].getType()) / state.getKeyDim());
    p.kvHeads = uint32_t(state.getHeads());
    p.keyDimension = uint32_t(state.getKeyDim());
    p.valueDimension = uint32_t(state.getValueDim());
    if (keyRope) {
      p.halfRotary = uint32_t(columnsOf(keyRope.getTable().getType()) / 2);
      p.halfSplit = keyRope.getStyle() == ir::RopeStyle::HalfSplit;
    }
    p.kvElement = elementOf(state.getKeyType());
    if (norm) {
      p.normalise = norm->subtractsMean ? kernels::LayerHeadNorm : kernels::RmsHeadNorm;
      p.epsilon = norm->epsilon;
      p.weightPerHead = norm->weightPerGroup();
    }
    return assign(dispatch, *pattern.family, stateFormat(state),
                  [&](const kernels::KernelInfo&) { return wordsOf(p); });
  }

  LogicalResult selectAttention(ir::DispatchOp dispatch, const DispatchPattern& pattern) {
    auto op = cast<ir::AttentionOp>(pattern.root);
    auto state = cast<ir::KvType>(op.getState().getType());
    if (state.getKeyType() != state.getValueType())
      return op.emitOpError("has no kernel for keys and values of different element types");
    kernels::Activations rounded = quantizedTo(dispatch.getResult(0));
    if (!kernels::select(*pattern.family, level, stateFormat(state), rounded, rows))
      rounded = kernels::Activations::F32;
    return assign(dispatch, *pattern.family, stateFormat(state), rounded,
                  [&](const kernels::KernelInfo& kernel) {
                    kernels::AttentionParameters p{};
                    p.heads = uint32_t(columnsOf(op.getQuery().getType()) / state.getKeyDim());
                    p.kvHeads = uint32_t(state.getHeads());
                    p.keyDimension = uint32_t(state.getKeyDim());
                    p.valueDimension = uint32_t(state.getValueDim());
                    p.scale = op.getScale().convertToFloat();
                    p.softcap = op.getSoftcap() ? op.getSoftcap()->convertToFloat() : 0.0f;
                    p.window = uint32_t(op.getWindow().value_or(0));
                    p.kvElement = elementOf(state.getKeyType());
                    p.rowTile = kernels::attentionRowTile(kernel, p.heads / p.kvHeads);
                    p.hasSinks = op.getSinks() ? 1 : 0;
                    p.splits = uint32_t(op.getSplits().value_or(1));
                    return wordsOf(p);
                  });
  }

  LogicalResult selectExpertMatmul(ir::DispatchOp dispatch, const DispatchPattern& pattern) {
    Operation* op = pattern.root;
    auto experts = dyn_cast<ir::MoeMatmulOp>(op);
    OperandRange weights = matmulWeights(op);
    auto type = dyn_cast<ir::QuantizedType>(weights[0].getType());
    for (Value weight : weights)
      if (!type || weight.getType() != type)
        return op->emitOpError("has a kernel for stored weights of one type only");
    if (weights.size() > kernels::maxExpertWeights)
      return op->emitOpError() << "has " << weights.size() << " weights; kernels take at most "
                               << kernels::maxExpertWeights;
    Format format = type.getFormatInfo()->format;
    kernels::Activations activations = activationsOf(op->getOperand(0).getType());
    if (!kernels::select(kernels::Family::ExpertMatmul, level, format, activations, rows))
      return noMatmul(op, format, activations);
    return assign(dispatch, *pattern.family, format, activations,
                  [&](const kernels::KernelInfo& chosen) {
                    kernels::ExpertMatmulParameters p{};
                    p.columns = uint32_t(type.getColumns());
                    p.weights = uint32_t(weights.size());
                    p.outputs = uint32_t(type.getRows());
                    p.outputTile = chosen.tile;
                    p.experts = uint32_t(type.getShape()[0]);
                    p.used = experts ? uint32_t(experts.getUsed()) : p.experts;
                    p.groups = uint32_t(std::min<uint64_t>(p.experts, uint64_t(maxRows) * p.used));
                    p.routed = experts ? 1 : 0;
                    p.sharedInput = experts && experts.hasSharedInput() ? 1 : 0;
                    p.hasBias = experts && !experts.getBiases().empty() ? 1 : 0;
                    return wordsOf(p);
                  });
  }

  LogicalResult selectMatmul(ir::DispatchOp dispatch, const DispatchPattern& pattern) {
    auto matmul = cast<ir::MatmulOp>(pattern.root);
    kernels::Activations activations = activationsOf(matmul.getX().getType());
    kernels::MatmulParameters p{};
    p.columns = uint32_t(columnsOf(matmul.getX().getType()));
    p.weights = uint32_t(matmul.getWeights().size());
    p.paired = pattern.paired;
    SmallVector<Attribute> names;
    for (auto [index, weight] : llvm::enumerate(matmul.getWeights())) {
      if (!llvm::isa<ir::QuantizedType>(weight.getType()))
        return matmul.emitOpError("has no kernel for a matrix that is not a stored weight");
      Format format = formatOf(weight);
      const kernels::KernelInfo* kernel =
          kernels::select(kernels::Family::Matmul, level, format, activations, rows);
      if (!kernel)
        return noMatmul(matmul, format, activations);
      if (p.paired && index > 0 &&
          names[0] != StringAttr::get(&getContext(), StringRef(kernel->name)))
        return matmul.emitOpError("computes weights of different formats together");
      if (index > 0 && kernel->tile != p.outputTile)
        return matmul.emitOpError("has kernels with tiles of different sizes");
      p.outputTile = kernel->tile;
      p.outputs[index] = uint32_t(cast<ir::QuantizedType>(weight.getType()).getRows());
      names.push_back(StringAttr::get(&getContext(), StringRef(kernel->name)));
      reportPassed(dispatch, "select-kernels", "selected", "{0} for {1} rows", kernel->name, rows);
    }
    uint32_t first = 0;
    for (auto [index, function] : llvm::enumerate(pattern.functions)) {
      size_t views = function.tiles.size() + function.views.size();
      if (views > kernels::maxEpilogueViews)
        return matmul.emitOpError()
               << "has an epilogue that reads and writes " << views
               << " values; kernels take at most " << kernels::maxEpilogueViews;
      p.epilogueFirst[index] = first;
      first += uint32_t(function.views.size());
      p.epilogueFirst[index + 1] = first;
    }
    dispatch.setKernelsAttr(ArrayAttr::get(&getContext(), names));
    dispatch.setParametersAttr(DenseI32ArrayAttr::get(&getContext(), wordsOf(p)));
    ++numSelected;
    return success();
  }

  LogicalResult noMatmul(Operation* op, Format format, kernels::Activations activations) {
    return op->emitOpError() << "has no kernel for weights of format "
                             << StringRef(formatInfo(format).name) << " and "
                             << describe(activations) << " activations at the level "
                             << StringRef(kernels::isaName(level));
  }

  using Parameters = llvm::function_ref<SmallVector<int32_t>(const kernels::KernelInfo&)>;

  /// Names the one kernel of a family that is neither of a matmul nor of activations.
  LogicalResult assign(ir::DispatchOp dispatch, kernels::Family family, Format format,
                       Parameters parameters) {
    return assign(dispatch, family, format, kernels::Activations::F32, parameters);
  }

  LogicalResult assign(ir::DispatchOp dispatch, kernels::Family family, Format format,
                       kernels::Activations activations, Parameters parameters) {
    const kernels::KernelInfo* kernel = kernels::select(family, level, format, activations, rows);
    if (!kernel)
      return dispatch.emitOpError()
             << "has no kernel at the level " << StringRef(kernels::isaName(level));
    dispatch.setKernelsAttr(
        ArrayAttr::get(&getContext(), {StringAttr::get(&getContext(), StringRef(kernel->name))}));
    dispatch.setParametersAttr(DenseI32ArrayAttr::get(&getContext(), parameters(*kernel)));
    reportPassed(dispatch, "select-kernels", "selected", "{0} for {1} rows", kernel->name, rows);
    ++numSelected;
    return success();
  }

  kernels::Isa level = kernels::Isa::Scalar;
  uint32_t maxRows = 0;
  uint32_t rows = 0; ///< that the dispatch's kernel is chosen for
};

} // namespace
} // namespace chordal
