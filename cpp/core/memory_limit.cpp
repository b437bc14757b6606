#include "core/memory_limit.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace chainrule {

namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();
constexpr int kPath = 512;

// Calls fn(line) until it returns false.
template <typename F>
void each_line(const char* path, F&& fn) {
  std::FILE* file = std::fopen(path, "re");
  if (!file) return;
  char line[kPath];
  while (std::fgets(line, sizeof line, file) && fn(line)) {
  }
  std::fclose(file);
}

// The number behind `key` ("" for a file that is one number), or `otherwise`.
int64_t read_number(const char* path, const char* key, int64_t otherwise) {
  int64_t value = otherwise;
  const size_t length = std::strlen(key);
  each_line(path, [&](const char* line) {
    if (std::strncmp(line, key, length) != 0) return true;
    char* end;
    const long long v = std::strtoll(line + length, &end, 10);  // "max" is no number: no limit
    if (end != line + length) value = v;
    return false;
  });
  return value;
}

int64_t machine() {
  const int64_t available = read_number("/proc/meminfo", "MemAvailable:", -1);
  if (available < 0) return kUnknown;
  return (available + read_number("/proc/meminfo", "SwapFree:", 0)) * 1024;
}

struct Names {  // how one version of control groups calls its files
  const char* limit;
  const char* usage;
  const char* reclaimable;  // in memory.stat: file pages that the kernel drops when it needs room
};
constexpr Names kV1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};
constexpr Names kV2 = {"memory.max", "memory.current", "inactive_file "};

int64_t group_left(const char* directory, const Names& names) {
  char path[2 * kPath];
  const auto number = [&](const char* file, const char* key, int64_t otherwise) {
    std::snprintf(path, sizeof path, "%s/%s", directory, file);
    return read_number(path, key, otherwise);
  };
  const int64_t limit = number(names.limit, "", kUnknown);
  if (limit > kUnknown / 2) return kUnknown;  // v1 says "no limit" by a huge number
  const int64_t used = number(names.usage, "", 0) - number("memory.stat", names.reclaimable, 0);
  return std::max<int64_t>(0, limit - std::max<int64_t>(0, used));
}

// The smallest of what the group and its ancestors have left. Inside a container the group's path
// may not exist below the mount; then its root is the container's own group and the walk ends
// there.
int64_t groups_left(const char* mount, const char* group, const Names& names) {
  char directory[kPath];
  std::snprintf(directory, sizeof directory, "%s%s", mount, group);
  int64_t left = kUnknown;
  const size_t root = std::strlen(mount);
  for (;;) {
    left = std::min(left, group_left(directory, names));
    char* slash = std::strrchr(directory, '/');
    if (!slash || static_cast<size_t>(slash - directory) < root) return left;
    *slash = 0;
  }
}

int64_t control_groups() {
  int64_t left = kUnknown;
  each_line("/proc/self/cgroup", [&](char* line) {
    line[std::strcspn(line, "\n")] = 0;
    if (std::strncmp(line, "0::", 3) == 0) {
      left = std::min(left, groups_left("/sys/fs/cgroup", line + 3, kV2));
    } else if (char* group = std::strstr(line, ":memory:")) {
      left = std::min(left, groups_left("/sys/fs/cgroup/memory", group + 8, kV1));
    }
    return true;
  });
  return left;
}

}  // namespace

int64_t available_memory() noexcept { return std::min(machine(), control_groups()); }

int64_t resident_memory() noexcept {
  const int64_t kilobytes = read_number("/proc/self/status", "VmRSS:", -1);
  if (kilobytes < 0) return kUnknown;
  return (kilobytes + read_number("/proc/self/status", "VmSwap:", 0)) * 1024;
}

}  // namespace chainrule
