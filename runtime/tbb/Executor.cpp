//===- Executor.cpp - the parallel executor, on oneTBB ----------------------------------------===//
//
// Counters. Each task has two, which count since the program was loaded and are never reset: shards
// claimed and shards done. A step adds to each task a number of shards that depends only on its
// rows and its tile (few distinct pairs, `Tiling`), so the values that the counters have when the
// step is complete, the task's *target*, follow from a handful of sums; nothing is written per
// task to begin a step. A worker claims by compare-and-swap while `claimed` is below the target:
// one that was held up and still works for an earlier step finds its targets met and claims
// nothing, so a step need not wait for such workers to end.
//
// Announcements. What workers need to know of a step is published under a sequence lock, `stamp`:
// odd while a segment runs, even between. Workers copy it and work from their copy.
//
// Helpers. The thread that executes a segment's node starts as many helper tasks in the arena as
// there are other threads, less those that linger from the segment before, and walks the list
// itself. Helpers end when they have walked the list; nobody waits for them, except after a
// cancellation, which leaves counters below their targets.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Executor.h"

#include "runtime/tbb/Memory.h"
#include "runtime/tbb/Threads.h"

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

namespace chordal {
namespace {

constexpr size_t cacheLine = 64;

/// How long a worker waits for another without giving its processor away: about the time of a
/// short shard. Longer spinning steals from whoever the other waits for.
constexpr std::chrono::nanoseconds spinTime{4000};

/// How long a helper stays after a segment, yielding, so that the next one finds it awake.
constexpr std::chrono::nanoseconds lingerTime{100000};

using Clock = std::chrono::steady_clock;

uint64_t nanoseconds(Clock::time_point time) {
  return uint64_t(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/// Calls `ready` until it is true or `giveUp` is; spins at first, then yields. Returns whether it
/// was ready.
template <typename Ready, typename GiveUp> bool waitUntil(Ready ready, GiveUp giveUp) {
  // Most waits are shorter than reading the clock twice.
  for (int i = 0; i < 16; ++i) {
    if (ready())
      return true;
    relax();
  }
  Clock::time_point begin = Clock::now();
  do {
    for (int i = 0; i < 8; ++i) {
      if (ready())
        return true;
      relax();
    }
  } while (Clock::now() - begin < spinTime);
  while (!ready()) {
    if (giveUp())
      return false;
    std::this_thread::yield();
  }
  return true;
}

struct alignas(cacheLine) Counter {
  std::atomic<uint64_t> claimed{0};
  // On a line of its own: who waits for it must not slow those who claim.
  alignas(cacheLine) std::atomic<uint64_t> done{0};
};

/// Tiles of rows of all tasks that share a count of rows and a tile.
struct Tiling {
  uint32_t rows; // enum chordal_rows
  uint32_t rowTile;
  std::atomic<uint64_t> tiles{0}; // of the present step
  std::atomic<uint64_t> total{0}; // of all steps up to the present one

  Tiling(uint32_t rows, uint32_t rowTile) : rows(rows), rowTile(rowTile) {}
};

/// A worker's copy of a tiling's numbers.
struct Tiles {
  uint64_t tiles, total;
};

/// Which tasks wait for which.
struct Schedule {
  std::vector<uint32_t> first; // by task, and one more: where its dependencies begin
  std::vector<uint32_t> dependencies;

  std::span<const uint32_t> of(uint32_t task) const {
    return std::span(dependencies).subspan(first[task], first[task + 1] - first[task]);
  }
};

struct Segment {
  uint32_t firstTask, endTask;
  std::vector<uint32_t> sinks[2]; // by Variant: tasks that no other of the segment waits for
};

/// A step without outputs has tasks without shards. Whatever waits for such a task must wait for
/// what that one waits for, so such steps have a schedule of their own.
enum Variant : uint32_t { WithOutputs, WithoutOutputs };

struct Bucket {
  std::span<const LoadedTask> tasks;
  std::unique_ptr<Counter[]> counters;
  std::vector<uint32_t> tilingOf; // by task
  std::deque<Tiling> tilings;
  std::vector<Segment> segments;
  Schedule schedules[2]; // by Variant

  std::unique_ptr<tbb::flow::graph> graph;
  std::deque<tbb::flow::continue_node<tbb::flow::continue_msg>> nodes;
};

/// What a worker knows of the segment it works on.
struct Announcement {
  uint64_t stamp = 0;
  uint32_t bucket = 0, segment = 0;
  uint32_t tokens = 0, outputs = 0;
  uint64_t step = 0;
  std::vector<Tiles> tiles; // by tiling

  Variant variant() const { return outputs > 0 ? WithOutputs : WithoutOutputs; }
};

struct alignas(cacheLine) Worker {
  Announcement announcement;
  std::byte* scratch = nullptr;
};

class Executor final : public StepExecutor {
public:
  Executor(ProgramCode code, const ExecutorOptions& options)
      : code(std::move(code)), observer(options.observer),
        threads(options.threads ? options.threads : availableThreads()), arena(int(threads)) {}

  ~Executor() override {
    if (helpers)
      arena.execute([&] { helpers->wait(); });
  }

  Result<void> load(const Program& program, const Bindings& bindings,
                    const std::atomic<bool>& cancel) override;
  Result<void> run(uint32_t bucket) override;

private:
  void prepareBucket(uint32_t index);
  Result<void> runStep(uint32_t bucket);
  void runSegment(uint32_t bucket, uint32_t segment);
  void publish(uint32_t bucket, uint32_t segment);
  void close();
  void settle(Bucket& bucket);
  bool readAnnouncement(Announcement& out);
  void startHelpers();
  void help();
  Worker& self() { return workers[size_t(tbb::this_task_arena::current_thread_index())]; }

  template <bool observed> bool walk(Worker& worker);
  bool walk(Worker& worker) { return observer ? walk<true>(worker) : walk<false>(worker); }
  bool stopped(const Announcement& announcement) const {
    return stamp.load(std::memory_order_relaxed) != announcement.stamp ||
           cancelled->load(std::memory_order_relaxed);
  }
  bool waitForTask(const Bucket& bucket, uint32_t task, const Announcement& announcement);

  ProgramCode code;
  TaskObserver* observer;
  const unsigned threads;
  const std::atomic<bool>* cancelled = nullptr;
  LoadedProgram loaded;
  Reservation scratch;
  std::vector<Worker> workers;
  std::deque<Bucket> buckets;
  bool aborted = false;                      // a segment of the present step was cancelled
  std::atomic<std::thread::id> stepThread{}; // who called run(): never lingers

  // The announcement; see the top of the file. Helpers read it all the time, so it has a line of
  // its own.
  alignas(cacheLine) std::atomic<uint64_t> stamp{0};
  std::atomic<uint32_t> bucketNow{0}, segmentNow{0}, tokensNow{0}, outputsNow{0};
  std::atomic<uint64_t> stepNow{0};
  alignas(cacheLine) std::atomic<int> active{0};  // helpers that may hold a copy of it
  alignas(cacheLine) std::atomic<int> pending{0}; // helper tasks started and not ended

  std::unique_ptr<tbb::global_control> parallelism;
  tbb::task_arena arena;
  std::unique_ptr<tbb::task_group> helpers;
};

uint64_t tilesFor(uint32_t rows, uint32_t rowTile) {
  return rowTile ? (uint64_t(rows) + rowTile - 1) / rowTile : rows > 0;
}

Result<void> Executor::load(const Program& program, const Bindings& bindings,
                            const std::atomic<bool>& cancel) {
  Result<LoadedProgram> created = LoadedProgram::create(program, bindings, code, systemMemory());
  if (!created)
    return std::move(created).error();
  loaded = *std::move(created);
  cancelled = &cancel;

  uint64_t each = loaded.scratchBytes();
  Result<Reservation> reserved =
      Reservation::create(systemMemory(), each * threads, "the scratch of the workers");
  if (!reserved)
    return std::move(reserved).error();
  scratch = *std::move(reserved);
  workers = std::vector<Worker>(threads);
  for (unsigned i = 0; i < threads; ++i)
    workers[i].scratch = scratch.data() + i * each;

  // oneTBB starts no more threads than there are processors unless it is told to.
  if (int(threads) > tbb::info::default_concurrency())
    parallelism = std::make_unique<tbb::global_control>(
        tbb::global_control::max_allowed_parallelism, threads);
  arena.execute([&] {
    helpers = std::make_unique<tbb::task_group>();
    for (uint32_t i = 0; i < program.buckets.size(); ++i)
      prepareBucket(i);
  });
  return {};
}

bool isEmpty(const LoadedTask& task, Variant variant) {
  return variant == WithoutOutputs && task.task->rows == CHORDAL_ROWS_OUTPUTS;
}

Schedule makeSchedule(const Program& program, const Bucket& bucket, Variant variant) {
  Schedule schedule;
  uint32_t count = uint32_t(bucket.tasks.size());
  std::vector<uint32_t> seenBy(count, CHORDAL_NONE);
  for (uint32_t i = 0; i < count; ++i) {
    schedule.first.push_back(uint32_t(schedule.dependencies.size()));
    auto add = [&](uint32_t task) {
      if (seenBy[task] != i)
        schedule.dependencies.push_back(task);
      seenBy[task] = i;
    };
    const chordal_task& task = *bucket.tasks[i].task;
    for (uint32_t d = 0; d < task.n_dependencies; ++d) {
      uint32_t dependency = program.dependencies[task.first_dependency + d];
      if (!isEmpty(bucket.tasks[dependency], variant)) {
        add(dependency);
        continue;
      }
      for (uint32_t k = schedule.first[dependency]; k < schedule.first[dependency + 1]; ++k)
        add(schedule.dependencies[k]);
    }
  }
  schedule.first.push_back(uint32_t(schedule.dependencies.size()));
  return schedule;
}

std::vector<uint32_t> findSinks(const Bucket& bucket, const Segment& segment, Variant variant) {
  std::vector<bool> awaited(bucket.tasks.size());
  for (uint32_t i = segment.firstTask; i < segment.endTask; ++i)
    if (!isEmpty(bucket.tasks[i], variant))
      for (uint32_t dependency : bucket.schedules[variant].of(i))
        awaited[dependency] = true;
  std::vector<uint32_t> sinks;
  for (uint32_t i = segment.firstTask; i < segment.endTask; ++i)
    if (!awaited[i] && !isEmpty(bucket.tasks[i], variant))
      sinks.push_back(i);
  return sinks;
}

void Executor::prepareBucket(uint32_t index) {
  const Program& program = loaded.program();
  Bucket& bucket = buckets.emplace_back();
  bucket.tasks = loaded.tasks(index);
  uint32_t count = uint32_t(bucket.tasks.size());
  bucket.counters = std::make_unique<Counter[]>(count);
  for (const LoadedTask& task : bucket.tasks) {
    uint32_t tiling = 0;
    for (const Tiling& known : bucket.tilings) {
      if (known.rows == task.task->rows && known.rowTile == task.task->row_tile)
        break;
      ++tiling;
    }
    if (tiling == bucket.tilings.size())
      bucket.tilings.emplace_back(task.task->rows, task.task->row_tile);
    bucket.tilingOf.push_back(tiling);
  }
  // All weights are resident, so a step is one segment.
  bucket.segments.push_back({0, count, {}});
  for (Variant variant : {WithOutputs, WithoutOutputs})
    bucket.schedules[variant] = makeSchedule(program, bucket, variant);
  for (Variant variant : {WithOutputs, WithoutOutputs})
    for (Segment& segment : bucket.segments)
      segment.sinks[variant] = findSinks(bucket, segment, variant);

  bucket.graph = std::make_unique<tbb::flow::graph>();
  for (uint32_t i = 0; i < bucket.segments.size(); ++i) {
    bucket.nodes.emplace_back(
        *bucket.graph, [this, index, i](const tbb::flow::continue_msg&) { runSegment(index, i); });
    if (i > 0)
      tbb::flow::make_edge(bucket.nodes[i - 1], bucket.nodes[i]);
  }
  for (Worker& worker : workers)
    if (worker.announcement.tiles.size() < bucket.tilings.size())
      worker.announcement.tiles.resize(bucket.tilings.size());
}

Result<void> Executor::run(uint32_t index) {
  if (!observer)
    return runStep(index);
  Clock::time_point begin = Clock::now();
  Result<void> result = runStep(index);
  observer->finished({index, stepNow.load(std::memory_order_relaxed), nanoseconds(begin),
                      nanoseconds(Clock::now())},
                     loaded.step());
  return result;
}

Result<void> Executor::runStep(uint32_t index) {
  Bucket& bucket = buckets[index];
  loaded.beginStep();
  const chordal_step& step = loaded.step();
  tokensNow.store(step.n_tokens, std::memory_order_relaxed);
  outputsNow.store(step.n_outputs, std::memory_order_relaxed);
  stepNow.store(stepNow.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  for (Tiling& tiling : bucket.tilings) {
    uint64_t tiles = tilesFor(tiling.rows == CHORDAL_ROWS_OUTPUTS ? step.n_outputs : step.n_tokens,
                              tiling.rowTile);
    tiling.tiles.store(tiles, std::memory_order_relaxed);
    tiling.total.store(tiling.total.load(std::memory_order_relaxed) + tiles,
                       std::memory_order_relaxed);
  }
  stepThread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  aborted = false;
  arena.execute([&] {
    bucket.nodes.front().try_put(tbb::flow::continue_msg());
    bucket.graph->wait_for_all();
  });
  if (!aborted)
    return {};
  settle(bucket);
  return Error{"cancelled", ErrorCode::Cancelled};
}

void Executor::runSegment(uint32_t bucketIndex, uint32_t segmentIndex) {
  if (aborted)
    return;
  Bucket& bucket = buckets[bucketIndex];
  publish(bucketIndex, segmentIndex);
  startHelpers();
  Worker& worker = self();
  bool complete = readAnnouncement(worker.announcement) && walk(worker);
  for (uint32_t sink : bucket.segments[segmentIndex].sinks[worker.announcement.variant()])
    complete = complete && waitForTask(bucket, sink, worker.announcement);
  close();
  aborted = !complete;
}

/// Opens a segment: from here on workers may claim its shards.
void Executor::publish(uint32_t bucket, uint32_t segment) {
  bucketNow.store(bucket, std::memory_order_relaxed);
  segmentNow.store(segment, std::memory_order_relaxed);
  stamp.store(stamp.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
}

/// Closes the segment: workers that have not claimed a shard stop.
void Executor::close() {
  stamp.store(stamp.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  // Nothing of the next announcement may be seen by a reader that still sees this one's stamp.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

/// Copies what is announced; false if no segment is open.
bool Executor::readAnnouncement(Announcement& out) {
  for (;;) {
    uint64_t seen = stamp.load(std::memory_order_seq_cst);
    if (seen % 2 == 0)
      return false;
    out.stamp = seen;
    out.bucket = bucketNow.load(std::memory_order_relaxed);
    out.segment = segmentNow.load(std::memory_order_relaxed);
    out.tokens = tokensNow.load(std::memory_order_relaxed);
    out.outputs = outputsNow.load(std::memory_order_relaxed);
    out.step = stepNow.load(std::memory_order_relaxed);
    const Bucket& bucket = buckets[out.bucket];
    for (size_t i = 0; i < bucket.tilings.size(); ++i)
      out.tiles[i] = {bucket.tilings[i].tiles.load(std::memory_order_relaxed),
                      bucket.tilings[i].total.load(std::memory_order_relaxed)};
    std::atomic_thread_fence(std::memory_order_acquire);
    if (stamp.load(std::memory_order_relaxed) == seen)
      return true;
  }
}

/// After a cancellation: waits until no helper works, and meets all targets without their work.
void Executor::settle(Bucket& bucket) {
  while (active.load(std::memory_order_seq_cst) != 0)
    std::this_thread::yield();
  for (size_t i = 0; i < bucket.tasks.size(); ++i) {
    uint64_t target = bucket.tilings[bucket.tilingOf[i]].total.load(std::memory_order_relaxed) *
                      bucket.tasks[i].task->shard_factor;
    bucket.counters[i].claimed.store(target, std::memory_order_relaxed);
    bucket.counters[i].done.store(target, std::memory_order_relaxed);
  }
}

void Executor::startHelpers() {
  // A helper that is about to end takes itself off `pending` and then looks at the stamp again, so
  // it either is counted here as missing or sees the segment just opened.
  for (int missing = int(threads) - 1 - pending.load(std::memory_order_seq_cst); missing > 0;
       --missing) {
    pending.fetch_add(1, std::memory_order_relaxed);
    helpers->run([this] { help(); });
  }
}

void Executor::help() {
  Worker& worker = self();
  uint64_t last = 0; // stamp of the last segment walked
  auto opened = [&] {
    uint64_t seen = stamp.load(std::memory_order_seq_cst);
    return seen % 2 == 1 && seen != last;
  };
  // The caller of run() passes by when it waits for a segment that another thread executes; its
  // step must not last longer for that.
  bool mayLinger = stepThread.load(std::memory_order_relaxed) != std::this_thread::get_id();
  for (;;) {
    active.fetch_add(1, std::memory_order_seq_cst);
    if (readAnnouncement(worker.announcement)) {
      last = worker.announcement.stamp;
      walk(worker);
    }
    active.fetch_sub(1, std::memory_order_release);
    if (mayLinger) {
      Clock::time_point begin = Clock::now();
      if (waitUntil(opened, [&] { return Clock::now() - begin > lingerTime; }))
        continue;
    }
    pending.fetch_sub(1, std::memory_order_seq_cst);
    if (!opened())
      return;
    pending.fetch_add(1, std::memory_order_relaxed);
  }
}

bool Executor::waitForTask(const Bucket& bucket, uint32_t task, const Announcement& announcement) {
  uint64_t target =
      announcement.tiles[bucket.tilingOf[task]].total * bucket.tasks[task].task->shard_factor;
  const std::atomic<uint64_t>& done = bucket.counters[task].done;
  return waitUntil([&] { return done.load(std::memory_order_acquire) >= target; },
                   [&] { return stopped(announcement); });
}

/// Walks the announced segment: true at its end, when all its shards are claimed; false if the
/// segment was closed or the step cancelled before.
template <bool observed> bool Executor::walk(Worker& worker) {
  const Announcement& announcement = worker.announcement;
  Bucket& bucket = buckets[announcement.bucket];
  const Segment& segment = bucket.segments[announcement.segment];
  const Schedule& schedule = bucket.schedules[announcement.variant()];
  for (uint32_t i = segment.firstTask; i < segment.endTask; ++i) {
    const LoadedTask& task = bucket.tasks[i];
    Counter& counter = bucket.counters[i];
    Tiles tiles = announcement.tiles[bucket.tilingOf[i]];
    uint64_t target = tiles.total * task.task->shard_factor;
    uint64_t first = target - tiles.tiles * task.task->shard_factor;
    for (uint32_t dependency : schedule.of(i))
      if (!waitForTask(bucket, dependency, announcement))
        return false;

    chordal_task_args args = task.args;
    args.n_rows =
        task.task->rows == CHORDAL_ROWS_OUTPUTS ? announcement.outputs : announcement.tokens;
    args.scratch = worker.scratch;
    uint32_t ran = 0, firstShard = 0, lastShard = 0;
    // A guess is as good as a load: if it is wrong, the exchange says what is right, and has the
    // cache line for the next attempt.
    uint64_t next = first;
    Clock::time_point begin;
    bool stop = false;
    while (next < target && !stop) {
      // Several at a time: neighbouring shards read neighbouring memory, and counters that workers
      // fight for cost as much as short shards. Fewer towards the end, for all to end together.
      uint64_t end = next + std::max<uint64_t>(1, (target - next) / (2 * threads));
      if (!counter.claimed.compare_exchange_weak(next, end, std::memory_order_relaxed))
        continue;
      if constexpr (observed)
        if (ran == 0) {
          firstShard = uint32_t(next - first);
          begin = Clock::now();
        }
      for (; next < end && !stop; ++next, ++ran) {
        LoadedProgram::runShard(task, args, uint32_t(next - first));
        stop = cancelled->load(std::memory_order_relaxed);
      }
      lastShard = uint32_t(next - 1 - first);
    }
    if (ran == 0)
      continue;
    // Before the shards count as done, so that the step does not end before it is told.
    if constexpr (observed)
      observer->ran({announcement.bucket,
                     loaded.program().buckets[announcement.bucket].first_task + i,
                     uint32_t(&worker - workers.data()), ran, firstShard, lastShard,
                     announcement.step, nanoseconds(begin), nanoseconds(Clock::now())});
    counter.done.fetch_add(ran, std::memory_order_release);
    if (stop)
      return false;
  }
  return true;
}

} // namespace

std::unique_ptr<StepExecutor> createTbbExecutor(ProgramCode code, const ExecutorOptions& options) {
  return std::make_unique<Executor>(std::move(code), options);
}

} // namespace chordal
