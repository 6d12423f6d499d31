//===- Emit.cpp - from planned IR to a program's tables ---------------------------------------===//
//
// One task for each dispatch. Values become operands: a slice of the arena, a weight, a state, a
// constant, an array of the step, or the step's logits.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/host/Emit.h"

#include "ir/dialect/Chordal.h"
#include "kernels/catalogue/Catalogue.h"
#include "passes/DispatchPattern.h"
#include "passes/Storage.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <cstring>

using namespace mlir;

namespace chordal::codegen {
namespace {

class Emitter {
public:
  explicit Emitter(ModuleOp planned) : module(planned) {}

  Result<Program> emit() {
    if (auto result = emitModel(); !result.ok())
      return result.error();
    emitSymbols();
    SmallVector<func::FuncOp> steps;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr("chordal.tokens"))
        steps.push_back(function);
    llvm::sort(steps, [&](func::FuncOp a, func::FuncOp b) { return tokens(a)[0] < tokens(b)[0]; });
    findWindows(steps);
    for (func::FuncOp step : steps)
      if (auto result = emitBucket(step); !result.ok())
        return result.error();
    return std::move(program);
  }

private:
  static ArrayRef<int64_t> tokens(func::FuncOp step) {
    return step->getAttrOfType<DenseI64ArrayAttr>("chordal.tokens").asArrayRef();
  }

  Result<void> emitModel() {
    auto attribute = module->getAttrOfType<DictionaryAttr>("chordal.model");
    if (!attribute)
      return Error{"the module has no attribute 'chordal.model'"};
    auto number = [&](StringRef name) -> uint32_t {
      auto value = attribute.getAs<IntegerAttr>(name);
      return value ? uint32_t(value.getInt()) : 0;
    };
    program.model.vocabulary = number("vocabulary_size");
    program.model.context_length = number("context_length");
    program.model.embedding = number("embedding_length");
    program.model.layers = number("block_count");
    return {};
  }

  uint32_t string(StringRef text) {
    auto [entry, isNew] = strings.try_emplace(text);
    if (isNew)
      entry->second = program.addString(std::string_view(text));
    return entry->second;
  }

  void emitSymbols() {
    for (Operation& op : *module.getBody()) {
      if (auto weight = dyn_cast<ir::WeightOp>(op)) {
        chordal_weight entry{};
        entry.name = string(weight.getSymName());
        ir::SpanAttr span = weight.getSpan();
        entry.shard = uint32_t(span.getShard());
        entry.offset = uint64_t(span.getOffset());
        entry.bytes = uint64_t(span.getBytes());
        if (auto type = dyn_cast<ir::QuantizedType>(weight.getType())) {
          entry.format = uint32_t(type.getFormatInfo()->format);
          entry.columns = uint64_t(type.getColumns());
          entry.rows = 1;
          for (int64_t dimension : type.getShape().drop_back())
            entry.rows *= uint64_t(dimension);
        } else {
          entry.format = uint32_t(Format::F32);
          entry.columns = uint64_t(columnsOf(weight.getType()));
          entry.rows = 1;
        }
        weights[weight.getSymName()] = uint32_t(program.weights.size());
        program.weights.push_back(entry);
      } else if (auto state = dyn_cast<ir::StateOp>(op)) {
        auto type = cast<ir::KvType>(state.getType());
        states[state.getSymName()] = uint32_t(program.states.size());
        addState(state.getSymName().str() + ".keys", type.getKeyType(), type.getHeads(),
                 type.getKeyDim());
        addState(state.getSymName().str() + ".values", type.getValueType(), type.getHeads(),
                 type.getValueDim());
      } else if (auto constant = dyn_cast<ir::ConstantOp>(op)) {
        while (program.constants.size() % CHORDAL_ALIGNMENT != 0)
          program.constants.push_back(std::byte(0));
        constants[constant.getSymName()] = {program.constants.size(), 0};
        for (float value : cast<DenseElementsAttr>(constant.getValue()).getValues<float>()) {
          std::byte bytes[4];
          std::memcpy(bytes, &value, 4);
          program.constants.insert(program.constants.end(), bytes, bytes + 4);
        }
        auto& range = constants[constant.getSymName()];
        range.second = program.constants.size() - range.first;
      }
    }
  }

  void addState(const std::string& name, Type element, int64_t heads, int64_t dimension) {
    chordal_state entry{};
    entry.name = string(name);
    entry.element = element.isF16() ? CHORDAL_F16 : CHORDAL_F32;
    entry.heads = uint32_t(heads);
    entry.dimension = uint32_t(dimension);
    uint64_t bytes = uint64_t(heads) * CHORDAL_KV_BLOCK_POSITIONS * uint64_t(dimension) *
                     (element.isF16() ? 2 : 4);
    entry.block_bytes = (bytes + CHORDAL_ALIGNMENT - 1) / CHORDAL_ALIGNMENT * CHORDAL_ALIGNMENT;
    program.states.push_back(entry);
  }

  /// A state that all steps only read through windows keeps the widest of them, if that is less
  /// than the whole context.
  void findWindows(ArrayRef<func::FuncOp> steps) {
    SmallVector<uint32_t> windows(program.states.size()); // 0: not read; CHORDAL_NONE: no window
    uint32_t most = 0;
    for (func::FuncOp step : steps) {
      most = std::max(most, uint32_t(tokens(step)[1]));
      for (auto dispatch : step.getOps<ir::DispatchOp>()) {
        FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
        if (failed(pattern) || pattern->family != kernels::Family::Attention)
          continue;
        int64_t window = cast<ir::AttentionOp>(pattern->root).getWindow().value_or(0);
        uint32_t keys = keysOf(dispatch);
        for (uint32_t state : {keys, keys + 1})
          windows[state] =
              std::max(windows[state], window > 0 && window < INT32_MAX ? uint32_t(window)
                                                                        : uint32_t(CHORDAL_NONE));
      }
    }
    uint64_t context = (uint64_t(program.model.context_length) + CHORDAL_KV_BLOCK_POSITIONS - 1) /
                       CHORDAL_KV_BLOCK_POSITIONS;
    for (auto [state, window] : llvm::zip_equal(program.states, windows)) {
      uint64_t ring = CHORDAL_RING_BLOCKS(window, most);
      if (window == 0 || window == CHORDAL_NONE || ring >= context)
        continue;
      state.window = window;
      state.ring_blocks = uint32_t(ring);
    }
  }

  /// The keys of the one state among a dispatch's inputs; its values follow.
  uint32_t keysOf(ir::DispatchOp dispatch) {
    for (Value input : dispatch.getInputs())
      if (isa<ir::KvType>(input.getType()))
        return stateOf(input);
    llvm_unreachable("a dispatch that works on a state has it among its inputs");
  }

  /// Kernels that work on a state are told of its ring.
  template <typename Parameters> void setRing(ir::DispatchOp dispatch, uint32_t* parameters) {
    Parameters p;
    std::memcpy(&p, parameters, sizeof p);
    p.ringBlocks = program.states[keysOf(dispatch)].ring_blocks;
    std::memcpy(parameters, &p, sizeof p);
  }

  Result<void> emitBucket(func::FuncOp step) {
    chordal_bucket bucket{};
    bucket.min_tokens = uint32_t(tokens(step)[0]);
    bucket.max_tokens = uint32_t(tokens(step)[1]);
    bucket.first_task = uint32_t(program.tasks.size());
    maxRows = bucket.max_tokens;
    for (auto arena : step.getOps<ir::ArenaOp>())
      bucket.arena_bytes = uint64_t(arena.getBytes());
    logits = step.front().getTerminator()->getOperand(0);
    if (!logits.getDefiningOp<ir::DispatchOp>())
      return Error{"'" + step.getName().str() +
                   "' is not divided into dispatches: the phase 'dispatch' has not run"};
    for (auto dispatch : step.getOps<ir::DispatchOp>())
      if (auto result = emitTask(dispatch); !result.ok())
        return result;
    bucket.n_tasks = uint32_t(program.tasks.size()) - bucket.first_task;
    program.buckets.push_back(bucket);
    return {};
  }

  /// The state symbol whose storage a value of a KV type is.
  uint32_t stateOf(Value value) {
    while (auto dispatch = value.getDefiningOp<ir::DispatchOp>()) {
      // A dispatch appends to the one state among its inputs.
      for (Value input : dispatch.getInputs())
        if (isa<ir::KvType>(input.getType()))
          value = input;
    }
    auto argument = cast<BlockArgument>(value);
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto symbol =
        function.getArgAttrOfType<FlatSymbolRefAttr>(argument.getArgNumber(), "chordal.state");
    return states.lookup(symbol.getValue());
  }

  Result<chordal_operand> operandOf(Value value, OperandRef::Kind kind) {
    chordal_operand operand{};
    if (kind == OperandRef::Kind::StateKeys || kind == OperandRef::Kind::StateValues) {
      operand.space = CHORDAL_SPACE_STATE;
      operand.index = stateOf(value) + (kind == OperandRef::Kind::StateValues ? 1 : 0);
      operand.row_bytes = program.states[operand.index].block_bytes;
      return operand;
    }
    if (value == logits) {
      operand.space = CHORDAL_SPACE_LOGITS;
      operand.row_bytes = uint64_t(columnsOf(value.getType())) * 4;
      return operand;
    }
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      constexpr uint32_t spaces[] = {CHORDAL_SPACE_TOKEN, CHORDAL_SPACE_POSITION,
                                     CHORDAL_SPACE_SEQUENCE, CHORDAL_SPACE_OUTPUT_ROW};
      if (argument.getArgNumber() >= std::size(spaces))
        return Error{"a state is used as if it were a tensor"};
      operand.space = spaces[argument.getArgNumber()];
      operand.row_bytes = sizeof(int32_t);
      return operand;
    }
    if (auto load = value.getDefiningOp<ir::LoadWeightOp>()) {
      operand.space = CHORDAL_SPACE_WEIGHT;
      operand.index = weights.lookup(load.getName());
      const chordal_weight& weight = program.weights[operand.index];
      // A vector is one row, repeated for all rows of activations.
      operand.row_bytes = isa<ir::QuantizedType>(load.getType()) ? weight.bytes / weight.rows : 0;
      return operand;
    }
    if (auto load = value.getDefiningOp<ir::LoadConstantOp>()) {
      operand.space = CHORDAL_SPACE_CONSTANT;
      operand.offset = constants.lookup(load.getName()).first;
      return operand;
    }
    auto producer = value.getDefiningOp<ir::DispatchOp>();
    if (!producer)
      return Error{"a value is neither a weight nor the result of a dispatch"};
    unsigned next = 0;
    for (Value result : producer.getResults()) {
      if (isa<ir::KvType>(result.getType()))
        continue;
      if (result == value) {
        if (next >= producer.getSlices().size())
          return Error{"a result of dispatch " + std::to_string(producer.getId()) +
                       " has no slice of the arena: the phase 'schedule' has not run"};
        auto slice = producer.getSlices()[next].getDefiningOp<ir::SliceOp>();
        operand.space = CHORDAL_SPACE_ARENA;
        operand.offset = uint64_t(slice.getOffset());
        operand.row_bytes = uint64_t(activationStride(value.getType()));
        return operand;
      }
      ++next;
    }
    return Error{"a value is no result of its dispatch"};
  }

  Result<void> addOperands(ir::DispatchOp dispatch, ArrayRef<OperandRef> references,
                           uint32_t& first, uint32_t& count) {
    first = uint32_t(program.operands.size());
    return appendOperands(dispatch, references, count);
  }

  Result<void> appendOperands(ir::DispatchOp dispatch, ArrayRef<OperandRef> references,
                              uint32_t& count) {
    for (OperandRef reference : references) {
      Value value = reference.kind == OperandRef::Kind::Result
                        ? Value(dispatch.getResults()[reference.index])
                        : dispatch.getInputs()[reference.index];
      auto operand = operandOf(value, reference.kind);
      if (!operand.ok())
        return operand.error();
      program.operands.push_back(*operand);
      ++count;
    }
    return {};
  }

  Result<void> emitTask(ir::DispatchOp dispatch) {
    FailureOr<DispatchPattern> pattern = matchDispatch(dispatch);
    if (failed(pattern) || !dispatch.getParameters())
      return Error{"dispatch " + std::to_string(dispatch.getId()) +
                   " has no kernel: the phase 'dispatch' has not run"};
    chordal_task task{};
    std::string name = taskName(dispatch, *pattern);
    task.name = string(name);
    task.rows =
        dispatch.getRows() == ir::RowKind::Outputs ? CHORDAL_ROWS_OUTPUTS : CHORDAL_ROWS_TOKENS;
    task.layer = layerOf(dispatch);

    task.first_parameter = uint32_t(program.parameters.size());
    for (int32_t word : dispatch.getParametersAttr().asArrayRef())
      program.parameters.push_back(uint32_t(word));
    task.n_parameters = uint32_t(program.parameters.size()) - task.first_parameter;
    if (task.n_parameters != parameterWords(pattern->family))
      return Error{"dispatch " + std::to_string(dispatch.getId()) + " has " +
                   std::to_string(task.n_parameters) + " words of parameters, not " +
                   std::to_string(parameterWords(pattern->family))};
    uint32_t* parameters = program.parameters.data() + task.first_parameter;
    if (pattern->family == kernels::Family::Attention)
      setRing<kernels::AttentionParameters>(dispatch, parameters);
    else if (pattern->family == kernels::Family::RopeAppend)
      setRing<kernels::RopeAppendParameters>(dispatch, parameters);

    if (auto result = emitShards(dispatch, *pattern, parameters, task); !result.ok())
      return result;
    if (auto result = addOperands(dispatch, pattern->operands, task.first_operand, task.n_operands);
        !result.ok())
      return result;

    task.first_function = uint32_t(program.functionRefs.size());
    if (dispatch.getFunctions())
      for (auto reference : dispatch.getFunctions()->getAsRange<FlatSymbolRefAttr>())
        program.functionRefs.push_back(functionIndex(reference.getValue()));
    task.n_functions = uint32_t(program.functionRefs.size()) - task.first_function;
    if (task.n_functions != pattern->functions.size())
      return Error{"dispatch " + std::to_string(dispatch.getId()) +
                   " has no generated code: the phase 'kernel' has not run"};
    task.first_function_operand = uint32_t(program.operands.size());
    for (const ElementwiseFunction& function : pattern->functions)
      if (auto result = appendOperands(dispatch, function.views, task.n_function_operands);
          !result.ok())
        return result;

    task.first_dependency = uint32_t(program.dependencies.size());
    for (int64_t other : dispatch.getAfter().value_or(ArrayRef<int64_t>()))
      program.dependencies.push_back(uint32_t(other));
    task.n_dependencies = uint32_t(program.dependencies.size()) - task.first_dependency;
    program.tasks.push_back(task);
    return {};
  }

  /// Kernels, shards, scratch and cost.
  Result<void> emitShards(ir::DispatchOp dispatch, const DispatchPattern& pattern,
                          const uint32_t* parameters, chordal_task& task) {
    task.first_kernel = uint32_t(program.kernelRefs.size());
    task.shard_factor = 1;
    if (!pattern.family) {
      task.row_tile = 8;
      task.operations_per_row = parameters[0] * pattern.functions[0].ops.size();
      return {};
    }
    SmallVector<const kernels::KernelInfo*> chosen;
    for (auto name : dispatch.getKernels().getAsValueRange<StringAttr>()) {
      const kernels::KernelInfo* kernel = kernels::kernelNamed(name);
      if (!kernel)
        return Error{"the kernel '" + name.str() + "' is not in the catalogue"};
      chosen.push_back(kernel);
      task.scratch_bytes =
          std::max(task.scratch_bytes, kernels::scratchBytes(*kernel, parameters, maxRows));
    }
    if (chosen.empty())
      return Error{"dispatch " + std::to_string(dispatch.getId()) + " names no kernel"};
    if (*pattern.family == kernels::Family::ExpertMatmul) {
      kernels::ExpertMatmulParameters p;
      std::memcpy(&p, parameters, sizeof p);
      task.shard_factor = p.groups * ((p.outputs + p.outputTile - 1) / p.outputTile);
      task.operations_per_row = 2ull * p.columns * p.outputs * p.weights * p.used;
      program.kernelRefs.push_back({kernelIndex(chosen[0]->name), 0});
    } else if (*pattern.family != kernels::Family::Matmul) {
      task.row_tile = chosen[0]->tile;
      if (*pattern.family == kernels::Family::Attention) {
        kernels::AttentionParameters p;
        std::memcpy(&p, parameters, sizeof p);
        task.row_tile = p.rowTile;
        task.shard_factor = p.kvHeads * p.splits;
      }
      program.kernelRefs.push_back({kernelIndex(chosen[0]->name), 0});
    } else {
      kernels::MatmulParameters p;
      std::memcpy(&p, parameters, sizeof p);
      uint32_t shards = 0;
      for (uint32_t i = 0; i < p.weights; ++i) {
        // Neighbours of one format share a reference.
        if (i == 0 || chosen[i] != chosen[i - 1])
          program.kernelRefs.push_back({kernelIndex(chosen[i]->name), shards});
        if (i == 0 || !p.paired)
          shards += (p.outputs[i] + p.outputTile - 1) / p.outputTile;
        task.operations_per_row += 2ull * p.columns * p.outputs[i];
      }
      task.shard_factor = shards;
    }
    task.n_kernels = uint32_t(program.kernelRefs.size()) - task.first_kernel;
    for (Value input : dispatch.getInputs())
      if (auto load = input.getDefiningOp<ir::LoadWeightOp>()) {
        uint64_t bytes = program.weights[weights.lookup(load.getName())].bytes;
        if (*pattern.family == kernels::Family::ExpertMatmul) {
          // At most the matrices that can be in use.
          kernels::ExpertMatmulParameters p;
          std::memcpy(&p, parameters, sizeof p);
          bytes = bytes / p.experts * p.groups;
        }
        if (*pattern.family != kernels::Family::Embed)
          task.weight_bytes += bytes;
      }
    return {};
  }

  uint32_t kernelIndex(std::string_view name) {
    auto [entry, isNew] = kernelIndices.try_emplace(StringRef(name), program.kernelNames.size());
    if (isNew)
      program.kernelNames.push_back(string(name));
    return entry->second;
  }

  uint32_t functionIndex(StringRef name) {
    auto [entry, isNew] = functionIndices.try_emplace(name, program.functionNames.size());
    if (isNew)
      program.functionNames.push_back(string(name));
    return entry->second;
  }

  /// The first weight or state among the inputs that belongs to a layer ("blk.3.", "kv.3").
  static uint32_t layerOf(ir::DispatchOp dispatch) {
    for (Value input : dispatch.getInputs())
      if (auto load = input.getDefiningOp<ir::LoadWeightOp>()) {
        StringRef name = load.getName();
        uint32_t layer;
        if (name.consume_front("blk.") && !name.consumeInteger(10, layer))
          return layer;
      }
    return CHORDAL_NONE;
  }

  /// What a task is called: its weights for a matmul or norm ("blk.0.ffn_gate+ffn_up"), else its op
  /// and the state it works on.
  std::string taskName(ir::DispatchOp dispatch, const DispatchPattern& pattern) {
    std::string name;
    StringRef prefix;
    for (Value input : dispatch.getInputs())
      if (auto load = input.getDefiningOp<ir::LoadWeightOp>()) {
        StringRef weight = load.getName();
        weight.consume_back(".weight");
        StringRef own = weight.contains('.') ? weight.substr(0, weight.rfind('.') + 1) : "";
        if (name.empty()) {
          name = weight.str();
          prefix = own;
        } else if (pattern.family == kernels::Family::Matmul ||
                   pattern.family == kernels::Family::ExpertMatmul) {
          name += "+" + weight.substr(own == prefix ? own.size() : 0).str();
        }
      }
    StringRef op = "elementwise";
    if (pattern.root)
      op = pattern.root->getName().stripDialect();
    if (!name.empty() && pattern.family != kernels::Family::RopeAppend)
      return name;
    for (Value input : dispatch.getInputs())
      if (isa<ir::KvType>(input.getType()))
        return (op + "." + program.string(program.states[stateOf(input)].name)).str();
    return op.str();
  }

  ModuleOp module;
  Program program;
  llvm::StringMap<uint32_t> strings, weights, states, kernelIndices, functionIndices;
  llvm::StringMap<std::pair<uint64_t, uint64_t>> constants; // offset, bytes
  uint32_t maxRows = 0;
  Value logits;
};

} // namespace

Result<Program> emitProgram(ModuleOp planned) {
  return Emitter(planned).emit();
}

} // namespace chordal::codegen
