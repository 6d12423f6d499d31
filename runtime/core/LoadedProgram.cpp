//===- LoadedProgram.cpp - resolves a program's operands, kernels and functions ---------------===//
//
// Runs once per program. The arena is one reservation for the largest bucket: buckets never run at
// once, and pages of the large ones are not touched before a step needs them.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/LoadedProgram.h"

#include "ir/gguf/Checked.h"

#include <algorithm>
#include <cstring>

namespace chordal {

static Error loadError(const std::string& what, ErrorCode code = ErrorCode::Failed) {
  return {"loading the program: " + what, code};
}

static std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

/// Every kernel and function that a task uses must be there.
static Result<void> checkCode(const Program& program, const ProgramCode& code) {
  if (code.kernels.size() != program.kernelNames.size())
    return loadError(std::to_string(code.kernels.size()) + " kernels were given, " +
                     std::to_string(program.kernelNames.size()) + " are named");
  if (code.functions.size() != program.functionNames.size())
    return loadError(std::to_string(code.functions.size()) + " functions were given, " +
                     std::to_string(program.functionNames.size()) + " are named");
  for (const chordal_kernel_ref& ref : program.kernelRefs)
    if (ref.kernel < code.kernels.size() && !code.kernels[ref.kernel])
      return loadError("this build has no kernel " +
                           quoted(program.string(program.kernelNames[ref.kernel])),
                       ErrorCode::Missing);
  for (uint32_t function : program.functionRefs)
    if (!code.functions[function])
      return loadError("the program's code has no function " +
                           quoted(program.string(program.functionNames[function])),
                       ErrorCode::Missing);
  return {};
}

static Result<void> checkBindings(const Program& program, const Bindings& bindings) {
  if (bindings.weights.size() != program.weights.size())
    return loadError(std::to_string(bindings.weights.size()) + " weights are bound, of " +
                     std::to_string(program.weights.size()));
  for (size_t i = 0; i < program.weights.size(); ++i)
    if (bindings.weights[i].size() != program.weights[i].bytes)
      return loadError("weight " + quoted(program.string(program.weights[i].name)) + " has " +
                       std::to_string(bindings.weights[i].size()) + " bytes, not " +
                       std::to_string(program.weights[i].bytes));
  if (bindings.states.size() != program.states.size())
    return loadError(std::to_string(bindings.states.size()) + " states are bound, of " +
                     std::to_string(program.states.size()));
  if (!bindings.step || !bindings.step->token || !bindings.step->position ||
      !bindings.step->sequence || !bindings.step->output_row || !bindings.step->sequences)
    return loadError("the step's arrays are not bound");
  return {};
}

Result<LoadedProgram> LoadedProgram::create(const Program& program, const Bindings& bindings,
                                            const ProgramCode& code, const MemorySource& memory) {
  if (Result<void> complete = checkCode(program, code); !complete)
    return complete.error();
  if (Result<void> bound = checkBindings(program, bindings); !bound)
    return bound.error();

  LoadedProgram result;
  result.tables = &program;
  result.boundStep = bindings.step;

  uint64_t arenaBytes = 0;
  for (const chordal_bucket& bucket : program.buckets)
    arenaBytes = std::max(arenaBytes, bucket.arena_bytes);
  Result<Reservation> arena = Reservation::create(memory, arenaBytes, "the arena");
  if (!arena)
    return std::move(arena).error();
  result.arena = *std::move(arena);
  Result<Reservation> constants =
      Reservation::create(memory, program.constants.size(), "the constants");
  if (!constants)
    return std::move(constants).error();
  result.constants = *std::move(constants);
  if (!program.constants.empty())
    std::memcpy(result.constants.data(), program.constants.data(), program.constants.size());

  const chordal_step& step = *bindings.step;
  result.views.reserve(program.operands.size());
  for (const chordal_operand& operand : program.operands) {
    const void* base = nullptr;
    switch (operand.space) {
    case CHORDAL_SPACE_ARENA:
      base = result.arena.data();
      break;
    case CHORDAL_SPACE_WEIGHT:
      base = bindings.weights[operand.index].data();
      break;
    case CHORDAL_SPACE_STATE:
      base = bindings.states[operand.index];
      break;
    case CHORDAL_SPACE_CONSTANT:
      base = result.constants.data();
      break;
    case CHORDAL_SPACE_TOKEN:
      base = step.token;
      break;
    case CHORDAL_SPACE_POSITION:
      base = step.position;
      break;
    case CHORDAL_SPACE_SEQUENCE:
      base = step.sequence;
      break;
    case CHORDAL_SPACE_OUTPUT_ROW:
      base = step.output_row;
      break;
    case CHORDAL_SPACE_LOGITS:
      result.logitsViews.push_back({uint32_t(result.views.size()), operand.offset});
      break;
    }
    // Views are of memory that some tasks write, so they are not const; weights never are written.
    auto* data = static_cast<std::byte*>(const_cast<void*>(base));
    result.views.push_back({data ? data + operand.offset : nullptr, operand.row_bytes});
  }

  // References that no task uses may name anything.
  for (const chordal_kernel_ref& ref : program.kernelRefs)
    result.kernels.push_back(
        {ref.kernel < code.kernels.size() ? code.kernels[ref.kernel] : nullptr, ref.first_shard});
  for (uint32_t function : program.functionRefs)
    result.functions.push_back(code.functions[function]);

  result.loaded.resize(program.tasks.size());
  for (const chordal_bucket& bucket : program.buckets)
    for (uint32_t i = bucket.first_task; i < bucket.first_task + bucket.n_tasks; ++i) {
      const chordal_task& task = program.tasks[i];
      if (task.device != 0 || task.queue != 0)
        return loadError("task " + quoted(program.taskName(i)) + " is for device " +
                             std::to_string(task.device) + ", queue " + std::to_string(task.queue) +
                             ", but this executor has only device 0",
                         ErrorCode::Unsupported);
      LoadedTask& loaded = result.loaded[i];
      loaded.task = &task;
      loaded.args = {};
      loaded.args.step = bindings.step;
      loaded.args.operands = result.views.data() + task.first_operand;
      loaded.args.parameters = program.parameters.data() + task.first_parameter;
      if (task.n_functions)
        loaded.args.functions = result.functions.data() + task.first_function;
      loaded.args.function_views = result.views.data() + task.first_function_operand;
      loaded.kernels = result.kernels.data() + task.first_kernel;
      result.scratch = std::max(result.scratch, task.scratch_bytes);
    }
  std::optional<uint64_t> scratch = checked::alignUp(result.scratch, CHORDAL_ALIGNMENT);
  if (!scratch)
    return loadError("a task's scratch is too large", ErrorCode::OutOfRange);
  result.scratch = *scratch;
  return result;
}

void LoadedProgram::beginStep() {
  auto* logits = reinterpret_cast<std::byte*>(boundStep->logits);
  for (const LogitsView& view : logitsViews)
    views[view.operand].data = logits ? logits + view.offset : nullptr;
}

} // namespace chordal
