//===- Cost.h - what the tasks of a step have to do at least ----------------------------------===//
//
// Names of tasks for people, and the bytes and operations of each: weights and KV cache are read
// once, and products that no mask leaves out are computed. Activations are not counted, nor is
// whatever a kernel does besides products.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "bench/Limits.h"
#include "runtime/core/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace chordal::driver {

/// What decides the cost of a step's tasks.
struct StepShape {
  struct Sequence {
    uint32_t tokens;    ///< of this step
    uint32_t positions; ///< in the cache, this step's tokens included
  };
  uint32_t tokens = 0, outputs = 0;
  std::vector<Sequence> sequences;

  static StepShape of(const chordal_step& step);
};

struct TaskCost {
  uint64_t bytes = 0;      ///< of weights and of the KV cache
  uint64_t operations = 0; ///< a product and a sum are two
};

/// How a kind of task is called, and what it computes with.
struct TaskKind {
  std::string kernel; ///< "matmul.Q4_K+Q6_K.gemv.avx512vnni"; "elementwise" if it is generated
  std::string role;   ///< the task's name without its layer: "ffn_gate+ffn_up", "attention"
  kernels::Isa isa = kernels::Isa::Scalar;
  bench::Arithmetic arithmetic = bench::Arithmetic::Float32;

  friend bool operator==(const TaskKind&, const TaskKind&) = default;
};

/// The tasks of a program, which must outlive it.
class TaskTable {
public:
  explicit TaskTable(const Program& program);

  const Program& program() const { return tables; }
  const TaskKind& kind(uint32_t task) const { return kinds[task]; }
  TaskCost cost(uint32_t task, const StepShape& shape) const;

private:
  const Program& tables;
  std::vector<TaskKind> kinds;                   // by task
  std::vector<const kernels::KernelInfo*> infos; // by task: its first kernel; null if generated
};

/// "blk.3.ffn_down" -> "ffn_down", "attention.kv.3.keys" -> "attention".
std::string roleOf(std::string_view taskName);

/// One name for several kernels: parts in which they differ are joined by "+".
std::string joinKernelNames(const std::vector<std::string_view>& names);

} // namespace chordal::driver
