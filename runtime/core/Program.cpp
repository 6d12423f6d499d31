//===- Program.cpp - look-ups in a program's tables and their validation ----------------------===//
//
// Validation goes table by table. A message starts with the entry it is about ("program: task 12
// (blk.0.qkv): ...") and gives the numbers that disagree.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/Program.h"

#include "ir/gguf/Checked.h"
#include "ir/gguf/Formats.h"

#include <optional>

namespace chordal {

uint32_t Program::addString(std::string_view name) {
  uint32_t offset = uint32_t(strings.size());
  strings.append(name);
  strings.push_back('\0');
  return offset;
}

std::string_view Program::string(uint32_t offset) const {
  if (offset >= strings.size())
    return {};
  size_t end = strings.find('\0', offset);
  return std::string_view(strings).substr(offset, end == std::string::npos ? 0 : end - offset);
}

uint32_t Program::bucketFor(uint32_t tokens) const {
  for (size_t i = 0; i < buckets.size(); ++i)
    if (tokens >= buckets[i].min_tokens && tokens <= buckets[i].max_tokens)
      return uint32_t(i);
  return CHORDAL_NONE;
}

namespace {

/// Alignment of the float32 and int32 that operands hold.
constexpr uint64_t elementAlignment = 4;

/// Limits that keep every product below 64 bits and every shard number in 32.
constexpr uint32_t maxTokensOfStep = 1u << 20;
constexpr uint64_t maxShards = 1u << 30;
constexpr uint64_t maxBytes = uint64_t(1) << 56;

class Validator {
public:
  explicit Validator(const Program& program) : program(program) {}

  Result<void> run() {
    for (auto check : {&Validator::checkHeader, &Validator::checkNames, &Validator::checkBuckets,
                       &Validator::checkWeights, &Validator::checkStates, &Validator::checkOperands,
                       &Validator::checkFunctionRefs, &Validator::checkTasks})
      if (Result<void> result = (this->*check)(); !result)
        return result;
    return {};
  }

private:
  static std::string number(uint64_t value) { return std::to_string(value); }

  static Error error(const std::string& where, const std::string& what) {
    return {"program: " + where + ": " + what, ErrorCode::Malformed};
  }

  /// "task 3 (blk.0.attn)"; the name is left out where it is none.
  std::string entry(const char* table, uint64_t index, uint32_t name) const {
    std::string text = std::string(table) + " " + number(index);
    if (std::string_view string = program.string(name); !string.empty())
      text += " (" + std::string(string) + ")";
    return text;
  }

  bool isString(uint32_t offset) const { return offset < program.strings.size(); }

  Result<void> checkHeader() {
    if (program.version != CHORDAL_PROGRAM_VERSION)
      return Error{"program: version " + number(program.version) + ", but this runtime reads " +
                       number(CHORDAL_PROGRAM_VERSION) + ": compile the model again",
                   ErrorCode::Unsupported};
    const chordal_shape& model = program.model;
    if (model.vocabulary == 0 || model.vocabulary > INT32_MAX)
      return error("model", "a vocabulary of " + number(model.vocabulary) + " tokens");
    if (model.context_length == 0 || model.context_length > INT32_MAX)
      return error("model", "a context of " + number(model.context_length) + " positions");
    return {};
  }

  Result<void> checkNames() {
    if (program.strings.size() > UINT32_MAX)
      return error("strings", number(program.strings.size()) + " bytes, too many for offsets");
    if (!program.strings.empty() && program.strings.back() != '\0')
      return error("strings", "the last one is not terminated");
    for (size_t i = 0; i < program.kernelNames.size(); ++i)
      if (!isString(program.kernelNames[i]))
        return error("kernel " + number(i), "its name lies outside the strings");
    for (size_t i = 0; i < program.functionNames.size(); ++i)
      if (!isString(program.functionNames[i]))
        return error("function " + number(i), "its name lies outside the strings");
    return {};
  }

  Result<void> checkBuckets() {
    if (program.buckets.empty())
      return error("buckets", "there are none");
    uint64_t next = 1;
    for (size_t i = 0; i < program.buckets.size(); ++i) {
      const chordal_bucket& bucket = program.buckets[i];
      std::string where = "bucket " + number(i);
      std::string range = number(bucket.min_tokens) + " to " + number(bucket.max_tokens);
      if (bucket.min_tokens != next)
        return error(where, "it is for " + range + " tokens, but should begin at " + number(next));
      if (bucket.max_tokens < bucket.min_tokens || bucket.max_tokens > maxTokensOfStep)
        return error(where, "a range of " + range + " tokens");
      if (!checked::inRange(bucket.first_task, bucket.n_tasks, program.tasks.size()))
        return error(where, "tasks " + number(bucket.first_task) + " and " +
                                number(bucket.n_tasks) + " on, of " + number(program.tasks.size()));
      if (bucket.arena_bytes > maxBytes)
        return error(where, "an arena of " + number(bucket.arena_bytes) + " bytes");
      next = uint64_t(bucket.max_tokens) + 1;
    }
    return {};
  }

  Result<void> checkWeights() {
    for (size_t i = 0; i < program.weights.size(); ++i) {
      const chordal_weight& weight = program.weights[i];
      std::string where = entry("weight", i, weight.name);
      if (!isString(weight.name))
        return error(where, "its name lies outside the strings");
      std::optional<Format> format = formatFromId(weight.format);
      if (!format)
        return error(where, "no format has id " + number(weight.format));
      if (weight.layout != 0)
        return Error{"program: " + where + ": layout " + number(weight.layout) +
                         " is unknown to this runtime",
                     ErrorCode::Unsupported};
      const FormatInfo& info = formatInfo(*format);
      if (weight.columns % info.weightsPerBlock != 0)
        return error(where, number(weight.columns) + " columns are not whole blocks of " +
                                std::string(info.name));
      std::optional<uint64_t> bytes =
          checked::multiply(weight.columns / info.weightsPerBlock, info.bytesPerBlock);
      bytes = bytes ? checked::multiply(*bytes, weight.rows) : bytes;
      if (!bytes || *bytes != weight.bytes || *bytes > maxBytes)
        return error(where, number(weight.rows) + " rows of " + number(weight.columns) +
                                " columns of " + std::string(info.name) + " are not " +
                                number(weight.bytes) + " bytes");
      if (!checked::add(weight.offset, weight.bytes))
        return error(where, "it ends beyond all files");
    }
    return {};
  }

  Result<void> checkStates() {
    for (size_t i = 0; i < program.states.size(); ++i) {
      const chordal_state& state = program.states[i];
      std::string where = entry("state", i, state.name);
      if (!isString(state.name))
        return error(where, "its name lies outside the strings");
      if (state.element != CHORDAL_F32 && state.element != CHORDAL_F16)
        return error(where, "no element type has id " + number(state.element));
      uint64_t element = state.element == CHORDAL_F32 ? 4 : 2;
      std::optional<uint64_t> bytes = checked::multiply(state.heads, state.dimension);
      bytes = bytes ? checked::multiply(*bytes, element * CHORDAL_KV_BLOCK_POSITIONS) : bytes;
      if (!bytes || *bytes == 0 || *bytes > state.block_bytes || state.block_bytes > maxBytes ||
          state.block_bytes % CHORDAL_ALIGNMENT != 0)
        return error(where, "blocks of " + number(state.block_bytes) + " bytes for " +
                                number(state.heads) + " heads of dimension " +
                                number(state.dimension));
      uint64_t ring = state.window ? CHORDAL_RING_BLOCKS(state.window, program.maxTokens()) : 0;
      if (state.ring_blocks < ring || (state.ring_blocks != 0) != (state.window != 0))
        return error(where, "a ring of " + number(state.ring_blocks) + " blocks for a window of " +
                                number(state.window) + " positions; it takes " + number(ring));
    }
    return {};
  }

  /// What does not depend on the task that uses the operand.
  Result<void> checkOperands() {
    for (size_t i = 0; i < program.operands.size(); ++i)
      if (std::string wrong = checkOperand(program.operands[i]); !wrong.empty())
        return error("operand " + number(i), wrong);
    return {};
  }

  std::string checkOperand(const chordal_operand& operand) const {
    auto outside = [&](const std::string& what, uint64_t size) {
      return "offset " + number(operand.offset) + " and rows of " + number(operand.row_bytes) +
             " bytes lie outside " + what + " of " + number(size) + " bytes";
    };
    if (operand.row_bytes > maxBytes || operand.offset > maxBytes)
      return outside("a memory", maxBytes);
    switch (operand.space) {
    case CHORDAL_SPACE_ARENA: // its size is the bucket's
      if (operand.offset % elementAlignment != 0 || operand.row_bytes % elementAlignment != 0)
        return "offset " + number(operand.offset) + " or rows of " + number(operand.row_bytes) +
               " bytes are not aligned";
      return {};
    case CHORDAL_SPACE_WEIGHT: {
      if (operand.index >= program.weights.size())
        return "weight " + number(operand.index) + " of " + number(program.weights.size());
      const chordal_weight& weight = program.weights[operand.index];
      if (operand.offset >= weight.bytes || operand.row_bytes > weight.bytes - operand.offset)
        return outside("weight " + number(operand.index), weight.bytes);
      return {};
    }
    case CHORDAL_SPACE_STATE: {
      if (operand.index >= program.states.size())
        return "state " + number(operand.index) + " of " + number(program.states.size());
      const chordal_state& state = program.states[operand.index];
      if (operand.offset != 0 || operand.row_bytes != state.block_bytes)
        return "offset " + number(operand.offset) + " and rows of " + number(operand.row_bytes) +
               " bytes, but a state is addressed by its blocks of " + number(state.block_bytes);
      return {};
    }
    case CHORDAL_SPACE_CONSTANT:
      if (operand.offset % elementAlignment != 0 || operand.offset >= program.constants.size() ||
          operand.row_bytes > program.constants.size() - operand.offset)
        return outside("the constants", program.constants.size());
      return {};
    case CHORDAL_SPACE_TOKEN:
    case CHORDAL_SPACE_POSITION:
    case CHORDAL_SPACE_SEQUENCE:
    case CHORDAL_SPACE_OUTPUT_ROW:
      if (operand.offset != 0 || operand.row_bytes > sizeof(int32_t))
        return outside("the rows of an array of the step", sizeof(int32_t));
      return {};
    case CHORDAL_SPACE_LOGITS: {
      uint64_t row = uint64_t(program.model.vocabulary) * sizeof(float);
      if (operand.offset % elementAlignment != 0 || operand.row_bytes % elementAlignment != 0 ||
          operand.offset >= row || operand.row_bytes > row)
        return outside("the logits, rows", row);
      return {};
    }
    default:
      return "no space has id " + number(operand.space);
    }
  }

  Result<void> checkFunctionRefs() {
    for (size_t i = 0; i < program.functionRefs.size(); ++i)
      if (program.functionRefs[i] >= program.functionNames.size())
        return error("function reference " + number(i),
                     "function " + number(program.functionRefs[i]) + " of " +
                         number(program.functionNames.size()));
    return {};
  }

  Result<void> checkTasks() {
    // A task is checked with the bucket that holds it; tasks of no bucket never run.
    for (size_t b = 0; b < program.buckets.size(); ++b) {
      const chordal_bucket& bucket = program.buckets[b];
      for (uint32_t i = 0; i < bucket.n_tasks; ++i) {
        uint32_t index = bucket.first_task + i;
        const chordal_task& task = program.tasks[index];
        if (std::string wrong = checkTask(task, b, i); !wrong.empty())
          return error(entry("task", index, task.name), wrong);
      }
    }
    return {};
  }

  std::string checkTask(const chordal_task& task, size_t bucketIndex, uint32_t indexInBucket) {
    const chordal_bucket& bucket = program.buckets[bucketIndex];
    if (!isString(task.name))
      return "its name lies outside the strings";
    struct {
      const char* what;
      uint32_t first, count;
      size_t size;
    } ranges[] = {
        {"kernel references", task.first_kernel, task.n_kernels, program.kernelRefs.size()},
        {"operands", task.first_operand, task.n_operands, program.operands.size()},
        {"parameters", task.first_parameter, task.n_parameters, program.parameters.size()},
        {"function references", task.first_function, task.n_functions, program.functionRefs.size()},
        {"function operands", task.first_function_operand, task.n_function_operands,
         program.operands.size()},
        {"dependencies", task.first_dependency, task.n_dependencies, program.dependencies.size()},
    };
    for (const auto& range : ranges)
      if (!checked::inRange(range.first, range.count, range.size))
        return std::string(range.what) + " " + number(range.first) + " and " + number(range.count) +
               " on, of " + number(range.size);

    if (task.rows != CHORDAL_ROWS_TOKENS && task.rows != CHORDAL_ROWS_OUTPUTS)
      return "no count of rows has id " + number(task.rows);
    if (task.shard_factor == 0)
      return "it has no shards";
    if (shardCount(task, bucket.max_tokens) > maxShards)
      return number(shardCount(task, bucket.max_tokens)) + " shards, too many";
    if (task.scratch_bytes > maxBytes)
      return number(task.scratch_bytes) + " bytes of scratch";

    for (uint32_t i = 0; i < task.n_dependencies; ++i)
      if (program.dependencies[task.first_dependency + i] >= indexInBucket)
        return "it depends on task " + number(program.dependencies[task.first_dependency + i]) +
               " of its bucket, but is itself number " + number(indexInBucket);

    if (std::string wrong = checkCode(task); !wrong.empty())
      return wrong;
    for (uint32_t i = 0; i < task.n_operands; ++i)
      if (std::string wrong = checkArena(task.first_operand + i, bucketIndex); !wrong.empty())
        return wrong;
    for (uint32_t i = 0; i < task.n_function_operands; ++i)
      if (std::string wrong = checkArena(task.first_function_operand + i, bucketIndex);
          !wrong.empty())
        return wrong;
    return {};
  }

  std::string checkCode(const chordal_task& task) const {
    if (task.n_kernels == 0) {
      if (task.n_functions == 0 || task.n_parameters == 0)
        return "it has neither a kernel nor a function and its columns";
      if (task.shard_factor != 1)
        return "a function's shards are tiles of rows, but its shard factor is " +
               number(task.shard_factor);
      return {};
    }
    if (task.n_kernels > 1 && task.row_tile != 0)
      return "several kernels, but its shards go by rows";
    for (uint32_t i = 0; i < task.n_kernels; ++i) {
      const chordal_kernel_ref& ref = program.kernelRefs[task.first_kernel + i];
      if (ref.kernel >= program.kernelNames.size())
        return "kernel " + number(ref.kernel) + " of " + number(program.kernelNames.size());
      bool ascending = i == 0 ? ref.first_shard == 0 : ref.first_shard > (&ref)[-1].first_shard;
      if (!ascending || ref.first_shard >= task.shard_factor)
        return "kernel reference " + number(i) + " begins at shard " + number(ref.first_shard) +
               " of " + number(task.shard_factor);
    }
    return {};
  }

  /// Every row of an operand must begin within the arena of the bucket that uses it.
  std::string checkArena(uint32_t index, size_t bucketIndex) const {
    const chordal_operand& operand = program.operands[index];
    const chordal_bucket& bucket = program.buckets[bucketIndex];
    if (operand.space != CHORDAL_SPACE_ARENA)
      return {};
    std::optional<uint64_t> last = checked::multiply(operand.row_bytes, bucket.max_tokens - 1);
    last = last ? checked::add(*last, operand.offset) : last;
    last = last ? checked::add(*last, elementAlignment) : last;
    if (!last || *last > bucket.arena_bytes)
      return "operand " + number(index) + ": " + number(bucket.max_tokens) + " rows of " +
             number(operand.row_bytes) + " bytes from offset " + number(operand.offset) +
             " on lie outside the arena of bucket " + number(bucketIndex) + ", " +
             number(bucket.arena_bytes) + " bytes";
    return {};
  }

  const Program& program;
};

} // namespace

Result<void> validate(const Program& program) {
  return Validator(program).run();
}

} // namespace chordal
