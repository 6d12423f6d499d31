//===- Threads.cpp - how many threads the process may use -------------------------------------===//
//
// Sources: sched_getaffinity(2); the kernel's documentation of control groups, "cpu.max" (version
// 2) and "cpu.cfs_quota_us", "cpu.cfs_period_us" (version 1).
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/tbb/Threads.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace chordal {

static void lower(std::optional<double>& least, double quota) {
  if (quota > 0 && (!least || quota < *least))
    least = quota;
}

/// "max 100000" or "150000 100000".
static void readVersion2(const std::string& folder, std::optional<double>& least) {
  std::ifstream file(folder + "/cpu.max");
  double quota, period;
  if (file >> quota >> period && period > 0)
    lower(least, quota / period);
}

static void readVersion1(const std::string& folder, std::optional<double>& least) {
  std::ifstream quotaFile(folder + "/cpu.cfs_quota_us"), periodFile(folder + "/cpu.cfs_period_us");
  double quota, period;
  if (quotaFile >> quota && periodFile >> period && period > 0)
    lower(least, quota / period); // -1: no quota
}

std::optional<double> cgroupCpuQuota(const std::string& root) {
  std::optional<double> least;
  // Lines of /proc/self/cgroup are "id:controllers:path"; version 2 has no controllers. In a
  // container the path may be that of the host and not exist: its prefixes are tried all the same,
  // down to the root of what is mounted.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    bool cpu = false;
    std::istringstream list(controllers);
    for (std::string controller; std::getline(list, controller, ',');)
      cpu |= controller == "cpu";
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
