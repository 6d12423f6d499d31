//===- Trace.h - what workers did, as a file for trace viewers --------------------------------===//
//
// Writes recorded steps in the JSON form that chrome://tracing and ui.perfetto.dev read: for each
// worker a track of tasks and gaps, and a track of the steps. The file is complete after every
// write, whatever happens to the process then.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "tools/chordal/CommonOptions.h"
#include "tools/chordal/Recording.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chordal::driver {

class TraceFile {
public:
  TraceFile() = default;
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;
  ~TraceFile();

  /// Makes the file, or empties it. Errors: whatever keeps it from being written.
  Result<void> open(const std::string& path);

  /// Begins a group of tracks; what is appended from here on belongs to it.
  void beginGroup(std::string_view name, unsigned threads);

  Result<void> append(const Recording& recording, const TaskTable& tasks);

private:
  void add(std::string_view event);
  void addSlice(unsigned track, uint64_t begin, uint64_t end, std::string_view rest);
  Result<void> flush();

  std::string path;
  int descriptor = -1;
  uint64_t written = 0; // bytes, without the end of the JSON
  std::string pending;  // events that are not written yet
  bool first = true;
  unsigned group = 0;
  uint64_t origin = 0; // the time that the trace calls 0; 0: not known yet
};

/// A model, and the trace of what it does.
class TracedModel {
public:
  /// Loads a model; an empty path: without a trace.
  static Result<std::unique_ptr<TracedModel>> load(const CommonOptions& options,
                                                   const std::string& path);
  /// Writes what is recorded.
  ~TracedModel() { (void)flush().ok(); }

  Model& model() { return *loaded; }

  /// Writes what is recorded. Fails if this or an earlier write did.
  Result<void> flush() { return tracer ? tracer->flush() : Result<void>(); }

private:
  /// Writes whenever much is recorded.
  struct Tracer final : Recording {
    explicit Tracer(unsigned threads) : Recording(threads) {}
    void finished(const StepSpan& span, const chordal_step& step) override;
    Result<void> flush();

    TraceFile file;
    std::optional<TaskTable> tasks;
    Result<void> status;
  };

  std::unique_ptr<Tracer> tracer; // may be null
  std::unique_ptr<Model> loaded;
};

} // namespace chordal::driver
