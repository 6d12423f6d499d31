//===- SerialExecutor.cpp - runs the tasks of a step one after another ------------------------===//
//
// The task list is in an order that respects the dependencies, so running it is a loop.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/SerialExecutor.h"

namespace chordal {
namespace {

class SerialExecutor final : public StepExecutor {
public:
  SerialExecutor(ProgramCode code, const MemorySource& memory)
      : code(std::move(code)), memory(memory) {}

  Result<void> load(const Program& program, const Bindings& bindings,
                    const std::atomic<bool>& cancel) override {
    Result<LoadedProgram> created = LoadedProgram::create(program, bindings, code, memory);
    if (!created)
      return std::move(created).error();
    loaded = *std::move(created);
    Result<Reservation> reserved =
        Reservation::create(memory, loaded.scratchBytes(), "the scratch of the tasks");
    if (!reserved)
      return std::move(reserved).error();
    scratch = *std::move(reserved);
    cancelled = &cancel;
    return {};
  }

  Result<void> run(uint32_t bucket) override {
    loaded.beginStep();
    for (const LoadedTask& task : loaded.tasks(bucket)) {
      chordal_task_args args = task.args;
      args.n_rows = loaded.rows(*task.task);
      args.scratch = scratch.data();
      uint32_t shards = uint32_t(shardCount(*task.task, args.n_rows));
      for (uint32_t shard = 0; shard < shards; ++shard) {
        if (cancelled->load(std::memory_order_relaxed))
          return Error{"cancelled", ErrorCode::Cancelled};
        LoadedProgram::runShard(task, args, shard);
      }
    }
    return {};
  }

private:
  ProgramCode code;
  MemorySource memory;
  LoadedProgram loaded;
  Reservation scratch;
  const std::atomic<bool>* cancelled = nullptr;
};

} // namespace

std::unique_ptr<StepExecutor> createSerialExecutor(ProgramCode code, const MemorySource& memory) {
  return std::make_unique<SerialExecutor>(std::move(code), memory);
}

} // namespace chordal
