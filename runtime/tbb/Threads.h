//===- Threads.h - how many threads the process may use ---------------------------------------===//
//
// The processors that the affinity mask allows, limited by the CPU quota of the process's control
// groups (containers), so that the default number of threads fits what the process really gets.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <optional>
#include <string>

namespace chordal {

/// The threads this process may use: at least 1.
unsigned availableThreads();

/// The CPU quota of the process's control groups in processors (1.5: one and a half), the least of
/// the group and all above it, or nothing if there is none. Reads cgroup versions 1 and 2 below
/// `root`, which stands for "/".
std::optional<double> cgroupCpuQuota(const std::string& root = "");

} // namespace chordal
