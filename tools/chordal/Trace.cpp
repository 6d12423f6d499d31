//===- Trace.cpp - what workers did, as a file for trace viewers ------------------------------===//
//
// Source: "Trace Event Format", the public description of the JSON that trace viewers read. Events
// are of the kinds X (a slice of a track) and M (names).
//
//===------------------------------------------------------------------------------------------===//
#include "tools/chordal/Trace.h"

#include "runtime/tbb/Threads.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace chordal::driver {

namespace {

constexpr std::string_view beginning = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
/// Written after the events each time, and overwritten by the next ones.
constexpr std::string_view ending = "\n]}\n";

/// The steps' track; worker i has track i + 1.
constexpr unsigned stepTrack = 0;

std::string jsonText(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

constexpr std::string_view gapNames[Gap::kinds] = {"start", "wait", "hand-over", "end"};

/// Spans that are kept before they are written: about a hundred steps of one token.
constexpr size_t mostSpans = 1 << 14;

} // namespace

TraceFile::~TraceFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Result<void> TraceFile::open(const std::string& file) {
  path = file;
  descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return Error{path + ": cannot write the trace: " + std::strerror(errno), ErrorCode::Io};
  pending = beginning;
  return flush();
}

void TraceFile::add(std::string_view event) {
  if (!first)
    pending += ",\n";
  first = false;
  pending += event;
}

void TraceFile::addSlice(unsigned track, uint64_t begin, uint64_t end, std::string_view rest) {
  uint64_t from = begin - origin, duration = end - begin;
  add(fmt::format(R"({{"ph": "X", "pid": {}, "tid": {}, "ts": {}.{:03}, "dur": {}.{:03}, {}}})",
                  group, track, from / 1000, from % 1000, duration / 1000, duration % 1000, rest));
}

void TraceFile::beginGroup(std::string_view name, unsigned threads) {
  ++group;
  auto addName = [&](std::string_view what, unsigned track, std::string_view value) {
    add(fmt::format(R"({{"ph": "M", "pid": {}, "tid": {}, "name": "{}", "args": {{"name": {}}}}})",
                    group, track, what, jsonText(value)));
  };
  addName("process_name", stepTrack, name);
  addName("thread_name", stepTrack, "steps");
  for (unsigned i = 0; i < threads; ++i)
    addName("thread_name", i + 1, fmt::format("worker {}", i));
}

Result<void> TraceFile::append(const Recording& recording, const TaskTable& tasks) {
  std::vector<std::string> names(tasks.program().tasks.size()); // by task, once needed
  for (const RecordedStep& step : recording.steps()) {
    if (origin == 0)
      origin = step.span.begin;
    uint32_t positions = 0;
    for (const StepShape::Sequence& sequence : step.shape.sequences)
      positions = std::max(positions, sequence.positions);
    addSlice(stepTrack, step.span.begin, step.span.end,
             fmt::format(R"("name": "step", "args": {{"step": {}, "tokens": {}, "outputs": {}, )"
                         R"("positions": {}}})",
                         step.span.step, step.shape.tokens, step.shape.outputs, positions));
    for (const Gap& gap : gapsOf(step))
      addSlice(gap.worker + 1, gap.begin, gap.end,
               fmt::format(R"("name": "{}", "cat": "gap")", gapNames[gap.kind]));
    for (std::span<const TaskSpan> worker : step.workers)
      for (const TaskSpan& span : worker) {
        std::string& name = names[span.task];
        const chordal_task& task = tasks.program().tasks[span.task];
        if (name.empty()) {
          const TaskKind& kind = tasks.kind(span.task);
          uint32_t first = tasks.program().buckets[span.bucket].first_task;
          name = fmt::format(R"("name": {}, "cat": {}, "args": {{"task": {}, )",
                             jsonText(kind.role), jsonText(kind.kernel), span.task - first);
          if (task.layer != CHORDAL_NONE)
            name += fmt::format(R"("layer": {}, )", task.layer);
        }
        uint32_t rows = task.rows == CHORDAL_ROWS_OUTPUTS ? step.shape.outputs : step.shape.tokens;
        uint64_t all = std::max<uint64_t>(1, shardCount(task, rows));
        uint64_t bytes = uint64_t(double(tasks.cost(span.task, step.shape).bytes) *
                                  double(span.shards) / double(all));
        addSlice(span.worker + 1, span.begin, span.end,
                 fmt::format(R"({}"shards": {}, "first": {}, "last": {}, "bytes": {}}})", name,
                             span.shards, span.firstShard, span.lastShard, bytes));
      }
  }
  return flush();
}

Result<void> TraceFile::flush() {
  const size_t size = pending.size();
  pending += ending;
  for (size_t done = 0; done < pending.size();) {
    ssize_t count =
        ::pwrite(descriptor, pending.data() + done, pending.size() - done, off_t(written + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return Error{path + ": cannot write the trace: " + std::strerror(errno), ErrorCode::Io};
    done += size_t(count);
  }
  written += size;
  pending.clear();
  return {};
}

Result<std::unique_ptr<TracedModel>> TracedModel::load(const CommonOptions& options,
                                                       const std::string& path) {
  auto traced = std::make_unique<TracedModel>();
  if (!path.empty()) {
    unsigned threads = options.threads ? options.threads : availableThreads();
    traced->tracer = std::make_unique<Tracer>(threads);
    if (Result<void> opened = traced->tracer->file.open(path); !opened)
      return opened.error();
    traced->tracer->file.beginGroup("chordal run", threads);
  }
  auto model = options.load(traced->tracer.get());
  if (!model)
    return model.error();
  traced->loaded = *std::move(model);
  if (traced->tracer)
    traced->tracer->tasks.emplace(traced->loaded->program());
  return traced;
}

void TracedModel::Tracer::finished(const StepSpan& span, const chordal_step& step) {
  Recording::finished(span, step);
  if (spanCount() >= mostSpans)
    (void)flush().ok(); // the last flush says if it failed
}

Result<void> TracedModel::Tracer::flush() {
  if (status && tasks)
    status = file.append(*this, *tasks);
  clear();
  return status;
}

} // namespace chordal::driver
