// Timing for the C++ benchmarks. Contract: candidates take turns within one round, each next to a
// run of the machine's multiply-add peak of the same length, because processors change their clock
// with the load; a figure is the median over rounds, its spread the quartiles. JSON says where it
// was measured.
#pragma once

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace bench {

// `cpu` counts only the time in which this thread ran: for machines that others use too. It sees
// what they do to caches and clock, but not the turns they take. One thread only.
inline double seconds(bool cpu) {
  timespec t;
  clock_gettime(cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Summary {
  double low, median, high;
};

inline Summary summary(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

inline double time_of(const std::function<void()>& run, int64_t calls, bool cpu) {
  const double begin = seconds(cpu);
  for (int64_t i = 0; i < calls; ++i) run();
  return (seconds(cpu) - begin) / static_cast<double>(calls);
}

// How many calls take about `target` seconds; warms up on the way.
inline int64_t calls_for(const std::function<void()>& run, double target, bool cpu) {
  run();
  for (int64_t calls = 1;; calls *= 4) {
    const double one = time_of(run, calls, cpu);
    if (one * static_cast<double>(calls) > target / 4 || calls >= (1 << 24)) {
      return std::max<int64_t>(1, static_cast<int64_t>(target / one));
    }
  }
}

// The first `count` processors of those this process may use.
inline void pin(int count) {
  cpu_set_t allowed, chosen;
  sched_getaffinity(0, sizeof allowed, &allowed);
  CPU_ZERO(&chosen);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&chosen) < count; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &chosen);
  }
  sched_setaffinity(0, sizeof chosen, &chosen);
}

// Microseconds for a cache line to go to another thread and back: what two threads can gain on
// small products hangs on it, and it changes when a host moves its guests' processors about.
inline double round_trip_us() {
  constexpr int kTrips = 20000;
  alignas(64) std::atomic<int> turn{0};
  std::thread partner([&] {
    for (int i = 0; i < kTrips; ++i) {
      while (turn.load(std::memory_order_acquire) != 1) {
      }
      turn.store(0, std::memory_order_release);
    }
  });
  const double begin = seconds(false);
  for (int i = 0; i < kTrips; ++i) {
    turn.store(1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 0) {
    }
  }
  partner.join();
  return (seconds(false) - begin) / kTrips * 1e6;
}

inline std::string output_of(const std::string& command) {
  std::string text;
  if (FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, pipe)) text += line;
    pclose(pipe);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// "commit": ..., "cpu": ..., "processors": ...: the first members of every record.
inline std::string environment(const char* source_file) {
  const std::string path = source_file;
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const std::string commit = output_of("git -C '" + folder + ".' describe --always --dirty");
  const std::string cpu = output_of("sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1");
  return "\"commit\": \"" + commit + "\", \"cpu\": \"" + cpu +
         "\", \"processors\": " + std::to_string(std::thread::hardware_concurrency());
}

}  // namespace bench
