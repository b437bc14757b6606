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

// Those this thread may use.
inline std::vector<int> processors() {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// The first `count` of them alone.
inline void pin(int count) {
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (const int cpu : processors()) {
    if (CPU_COUNT(&chosen) < count) CPU_SET(cpu, &chosen);
  }
  sched_setaffinity(0, sizeof chosen, &chosen);
}

// Keeps the calling thread on one processor while it lives.
class OnProcessor {
 public:
  explicit OnProcessor(int cpu) {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnProcessor() { sched_setaffinity(0, sizeof before_, &before_); }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  cpu_set_t before_;
};

// Microseconds for a cache line to go to the second processor and back, 0 if there is one alone:
// what two threads can gain on small products hangs on it, and it changes when a host moves its
// guests' processors about.
inline double round_trip_us(int trips = 20000) {
  const std::vector<int> cpus = processors();
  if (cpus.size() < 2) return 0;
  alignas(64) std::atomic<int> turn{0};
  std::thread partner([&] {
    const OnProcessor pinned(cpus[1]);
    for (int i = 0; i < trips; ++i) {
      while (turn.load(std::memory_order_acquire) != 1) {
      }
      turn.store(0, std::memory_order_release);
    }
  });
  const OnProcessor pinned(cpus[0]);
  const double begin = seconds(false);
  for (int i = 0; i < trips; ++i) {
    turn.store(1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 0) {
    }
  }
  const double end = seconds(false);
  partner.join();
  return (end - begin) / trips * 1e6;
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
