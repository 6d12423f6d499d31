//===- Program.h - a program's tables in memory -----------------------------------------------===//
//
// The in-memory form of the tables that runtime/program.h defines: what the compiler hands over and
// what a container is read into. The tables hold no pointers. `validate` checks all that they say
// about each other, so that what executes a program needs no checks of its own.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/gguf/Error.h"
#include "runtime/program.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chordal {

/// A program. Names everywhere are offsets of zero-terminated strings in `strings`.
struct Program {
  uint32_t version = CHORDAL_PROGRAM_VERSION;
  chordal_shape model{};
  std::vector<chordal_bucket> buckets;
  std::vector<chordal_task> tasks;
  std::vector<chordal_kernel_ref> kernelRefs;
  std::vector<chordal_operand> operands;
  std::vector<uint32_t> parameters;
  std::vector<uint32_t> functionRefs; ///< indices into functionNames
  std::vector<uint32_t> dependencies; ///< task indices within the bucket
  std::vector<chordal_weight> weights;
  std::vector<chordal_state> states;
  std::vector<std::byte> constants;    ///< loaded at CHORDAL_ALIGNMENT
  std::string strings;                 ///< zero-terminated names, back to back
  std::vector<uint32_t> kernelNames;   ///< "matmul.Q4_K.gemv.avx512vnni"
  std::vector<uint32_t> functionNames; ///< symbols of the program's object code

  /// Appends a name to the strings and returns its offset. Equal names are not merged.
  uint32_t addString(std::string_view name);

  /// The name at this offset; "" if the offset is not in the strings.
  std::string_view string(uint32_t offset) const;

  std::string_view taskName(uint32_t task) const { return string(tasks[task].name); }

  /// Index of the bucket for this many tokens, or CHORDAL_NONE if there are none or too many.
  uint32_t bucketFor(uint32_t tokens) const;

  /// The most tokens of one step.
  uint32_t maxTokens() const { return buckets.empty() ? 0 : buckets.back().max_tokens; }
};

/// Shards of a task in a step with this many rows (see chordal_task).
inline uint64_t shardCount(const chordal_task& task, uint32_t rows) {
  uint64_t tiles = task.row_tile ? (uint64_t(rows) + task.row_tile - 1) / task.row_tile : rows > 0;
  return tiles * task.shard_factor;
}

/// Checks every index, range, size and name of the tables against one another: afterwards each
/// operand's rows begin within the memory that it names, every task has something to run, tasks
/// depend on earlier tasks only, and the buckets cover 1 to maxTokens() without gaps. What a
/// kernel does with its parameters is the kernel's to check. Errors name the table's entry.
Result<void> validate(const Program& program);

} // namespace chordal
