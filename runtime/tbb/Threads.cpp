//===- Threads.cpp - how many threads the process may use -------------------------------------===//
//
// Sources: sched_getaffinity(2); the kernel's documentation of control groups, "cpu.max" (version
// 2) and "cpu.cfs_quota_us", "cpu.cfs_period_us" (version 1).
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Threads.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace chordal {

/// The whole of a small file; "" if there is none. Without streams, which would add a sixth to the
/// size of compiled programs.
static std::string readAll(const std::string& path) {
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file)
    return text;
  char buffer[4096];
  while (size_t size = std::fread(buffer, 1, sizeof buffer, file))
    text.append(buffer, size);
  std::fclose(file);
  return text;
}

/// The part of `rest` before the next `separator`, which both are taken from it.
static std::string_view next(std::string_view& rest, char separator) {
  std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

/// A quota of -1, or "max", is none.
static void lower(std::optional<double>& least, const std::string& quota,
                  const std::string& period) {
  char *quotaEnd, *periodEnd;
  double allowed = std::strtod(quota.c_str(), &quotaEnd);
  double each = std::strtod(period.c_str(), &periodEnd);
  if (quotaEnd == quota.c_str() || periodEnd == period.c_str() || !(each > 0) || !(allowed > 0))
    return;
  if (!least || allowed / each < *least)
    least = allowed / each;
}

/// "max 100000" or "150000 100000".
static void readVersion2(const std::string& folder, std::optional<double>& least) {
  std::string text = readAll(folder + "/cpu.max");
  std::string_view rest = text;
  std::string quota(next(rest, ' '));
  lower(least, quota, std::string(rest));
}

static void readVersion1(const std::string& folder, std::optional<double>& least) {
  lower(least, readAll(folder + "/cpu.cfs_quota_us"), readAll(folder + "/cpu.cfs_period_us"));
}

std::optional<double> cgroupCpuQuota(const std::string& root) {
  std::optional<double> least;
  // Lines of /proc/self/cgroup are "id:controllers:path"; version 2 has no controllers. In a
  // container the path may be that of the host and not exist: its prefixes are tried all the same,
  // down to the root of what is mounted.
  const std::string groups = readAll(root + "/proc/self/cgroup");
  for (std::string_view lines = groups; !lines.empty();) {
    std::string_view line = next(lines, '\n');
    if (std::count(line.begin(), line.end(), ':') < 2)
      continue;
    next(line, ':');
    std::string_view controllers = next(line, ':');
    std::string path(line);
    bool cpu = false;
    for (std::string_view rest = controllers; !rest.empty();)
      cpu |= next(rest, ',') == "cpu";
    if (!controllers.empty() && !cpu)
      continue;
    for (;;) {
      while (!path.empty() && path.back() == '/')
        path.pop_back();
      if (controllers.empty()) {
        readVersion2(root + "/sys/fs/cgroup" + path, least);
      } else {
        readVersion1(root + "/sys/fs/cgroup/cpu" + path, least);
        readVersion1(root + "/sys/fs/cgroup/cpu,cpuacct" + path, least);
      }
      if (path.empty())
        break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return least;
}

unsigned availableThreads() {
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
#ifdef __linux__
  // The mask of a machine with more processors than cpu_set_t holds needs a larger set.
  for (int processors = CPU_SETSIZE; processors <= CPU_SETSIZE * 64; processors *= 2) {
    cpu_set_t* set = CPU_ALLOC(processors);
    if (!set)
      break;
    size_t size = CPU_ALLOC_SIZE(processors);
    bool known = sched_getaffinity(0, size, set) == 0;
    if (known)
      threads = unsigned(std::max(1, CPU_COUNT_S(size, set)));
    CPU_FREE(set);
    if (known)
      break;
  }
#endif
  if (std::optional<double> quota = cgroupCpuQuota())
    threads = std::min(threads, std::max(1u, unsigned(std::ceil(*quota))));
  return threads;
}

} // namespace chordal
