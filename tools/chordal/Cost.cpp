//===- Cost.cpp - what the tasks of a step have to do at least --------------------------------===//
#include "tools/chordal/Cost.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace chordal::driver {

using kernels::Family;
using kernels::KernelInfo;

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + 1);
  }
}

/// Removes "PREFIXnumber." from the beginning of the text, if it is there.
bool consumeNumbered(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  size_t digits = prefix.size();
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])))
    ++digits;
  if (digits == prefix.size() || digits == text.size() || text[digits] != '.')
    return false;
  text.remove_prefix(digits + 1);
  return true;
}

template <typename Parameters>
Parameters parametersOf(const Program& program, const chordal_task& task) {
  Parameters parameters;
  std::memcpy(&parameters, program.parameters.data() + task.first_parameter, sizeof parameters);
  return parameters;
}

TaskCost attentionCost(const kernels::AttentionParameters& p, const StepShape& shape) {
  TaskCost cost;
  const uint64_t dimensions = uint64_t(p.keyDimension) + p.valueDimension;
  for (const StepShape::Sequence& sequence : shape.sequences) {
    uint64_t window = p.window ? p.window : sequence.positions;
    uint64_t read = std::min<uint64_t>(sequence.positions, window + sequence.tokens - 1);
    cost.bytes += read * p.kvHeads * dimensions * (p.kvElement == CHORDAL_F16 ? 2 : 4);
    uint64_t pairs = 0;
    for (uint64_t seen = sequence.positions - sequence.tokens + 1; seen <= sequence.positions;
         ++seen)
      pairs += std::min(seen, window);
    cost.operations += 2 * pairs * p.heads * dimensions;
  }
  return cost;
}

} // namespace

StepShape StepShape::of(const chordal_step& step) {
  StepShape shape{step.n_tokens, step.n_outputs, {}};
  for (uint32_t i = 0; i < step.n_sequences; ++i)
    shape.sequences.push_back({0, step.sequences[i].n_positions});
  for (uint32_t i = 0; i < step.n_tokens; ++i)
    ++shape.sequences[size_t(step.sequence[i])].tokens;
  return shape;
}

std::string roleOf(std::string_view name) {
  if (consumeNumbered(name, "blk."))
    return std::string(name);
  for (size_t at = name.find(".kv."); at != std::string_view::npos; at = name.find(".kv.", at + 1))
    if (std::string_view rest = name.substr(at); consumeNumbered(rest, ".kv."))
      return std::string(name.substr(0, at));
  return std::string(name);
}

std::string joinKernelNames(const std::vector<std::string_view>& names) {
  std::vector<std::vector<std::string_view>> parts; // by place: those that differ
  for (std::string_view name : names) {
    std::vector<std::string_view> own = split(name, '.');
    parts.resize(std::max(parts.size(), own.size()));
    for (size_t i = 0; i < own.size(); ++i)
      if (std::find(parts[i].begin(), parts[i].end(), own[i]) == parts[i].end())
        parts[i].push_back(own[i]);
  }
  std::string joined;
  for (const std::vector<std::string_view>& place : parts)
    for (size_t i = 0; i < place.size(); ++i) {
      if (i > 0)
        joined += '+';
      else if (!joined.empty())
        joined += '.';
      joined += place[i];
    }
  return joined;
}

TaskTable::TaskTable(const Program& program) : tables(program) {
  for (size_t i = 0; i < program.tasks.size(); ++i) {
    const chordal_task& task = program.tasks[i];
    std::vector<std::string_view> names;
    for (uint32_t k = 0; k < task.n_kernels; ++k) {
      uint32_t kernel = program.kernelRefs[task.first_kernel + k].kernel;
      names.push_back(program.string(program.kernelNames[kernel]));
    }
    const KernelInfo* info = names.empty() ? nullptr : kernels::kernelNamed(names.front());
    TaskKind kind;
    kind.kernel = names.empty() ? "elementwise" : joinKernelNames(names);
    kind.role = roleOf(program.taskName(uint32_t(i)));
    if (info) {
      kind.isa = info->isa;
      if (info->activations == kernels::Activations::Q8)
        kind.arithmetic = bench::Arithmetic::Int8;
      else if (info->isa == kernels::Isa::Amx) // whatever it reads, tiles multiply this
        kind.arithmetic = bench::Arithmetic::BFloat16;
    }
    kinds.push_back(std::move(kind));
    infos.push_back(info);
  }
}

TaskCost TaskTable::cost(uint32_t index, const StepShape& shape) const {
  const chordal_task& task = tables.tasks[index];
  const uint64_t rows = task.rows == CHORDAL_ROWS_OUTPUTS ? shape.outputs : shape.tokens;
  if (rows == 0)
    return {};
  if (infos[index] && infos[index]->family == Family::Attention)
    return attentionCost(parametersOf<kernels::AttentionParameters>(tables, task), shape);
  TaskCost cost{task.weight_bytes, task.operations_per_row * rows};
  if (infos[index] && infos[index]->family == Family::ExpertMatmul) {
    // The table has the bytes of all matrices that the bucket's largest step can use.
    auto p = parametersOf<kernels::ExpertMatmulParameters>(tables, task);
    uint64_t used = p.routed ? std::min<uint64_t>(p.groups, rows * p.used) : p.groups;
    cost.bytes = cost.bytes / p.groups * used;
  }
  return cost;
}

} // namespace chordal::driver
