// The thread team: every tile of every region runs once, whatever the number of threads; nested
// regions, exceptions and the caller's rounding mode; workers that are not wanted end, and a
// process that gets none works alone; a forked child starts workers of its own.
#include <fenv.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "core/stalls.h"
#include "core/threads.h"
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;

constexpr int64_t kMuch = int64_t{1} << 30;  // operations: always split

void check_every_tile_once(int regions) {
  std::mt19937 source(7);
  for (int r = 0; r < regions; ++r) {
    const int64_t tiles = source() % 40;
    const int threads = 1 + static_cast<int>(source() % 6);
    set_num_threads(threads);
    std::vector<std::atomic<int>> runs(tiles);
    parallel_for(tiles, kMuch, [&](int64_t t) { ++runs[t]; });
    for (int64_t t = 0; t < tiles; ++t) {
      expect(runs[t] == 1, "tile ", t, " of ", tiles, " ran ", runs[t], " times, ", threads,
             " threads");
    }
    // Now and then the workers have gone to sleep.
    if (r % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Tiles that wait for each other: nobody else could run the second one.
void check_threads_work_together() {
  for (int r = 0; r < 50; ++r) {
    set_num_threads(2);  // forgets a neighbour, with whom one thread would wait for itself
    std::atomic<int> arrived{0};
    parallel_for(2, kMuch, [&](int64_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    expect(arrived == 2, "two tiles did not run side by side");
  }
}

void check_threads_side_by_side() {
  set_num_threads(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int r = 0; r < 2000; ++r) {
        parallel_for(9, kMuch, [&](int64_t t) { sum += t; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  expect(sum == 4 * 2000 * 36, "four callers at once: ", sum);
}

void check_nested() {
  set_num_threads(4);
  std::atomic<int> inner{0};
  parallel_for(8, kMuch, [&](int64_t) { parallel_for(8, kMuch, [&](int64_t) { ++inner; }); });
  expect(inner == 64, "nested regions ran ", inner, " tiles of 64");
}

void check_exception() {
  set_num_threads(3);
  for (int r = 0; r < 200; ++r) {
    bool caught = false;
    try {
      parallel_for(16, kMuch, [&](int64_t t) {
        if (t == 11) throw std::runtime_error("tile 11");
      });
    } catch (const std::runtime_error& e) {
      caught = std::string(e.what()) == "tile 11";
    }
    expect(caught, "the exception of a tile did not arrive");
  }
}

void check_one_thread() {
  set_num_threads(3);
  {
    const OneThread one(true);
    const OneThread inner(false);
    const auto caller = std::this_thread::get_id();
    parallel_for(20, kMuch, [&](int64_t) {
      expect(std::this_thread::get_id() == caller, "a tile ran on another thread within OneThread");
    });
    expect(threads_now() == 1 && num_threads() == 3, "OneThread leaves ", threads_now(), " of ",
           num_threads(), " threads");
  }
  expect(threads_now() == 3, "after OneThread there are ", threads_now(), " threads");
}

constexpr int64_t kMs = 1'000'000;  // nanoseconds

// One stall after a long time without is nothing; another soon after is. Then the threads are given
// up for 50 ms, and for four times as long when they stall again as soon as they are back.
void check_stalls() {
  Stalls stalls;
  int64_t now = 1000 * kMs;
  const auto stall = [&](int64_t after, int64_t wait = 20 * kMs) {
    stalls.waited(wait, kMs, 4, now += after + wait);
  };
  stall(0);
  expect(!stalls.fewer(now), "one stall gave up the threads");
  stall(81 * kMs);
  expect(!stalls.fewer(now), "a stall of a fifth of the time gave up the threads");
  stall(70 * kMs, kMs / 5);
  stall(0, kMs / 5);
  stall(20 * kMs);
  expect(!stalls.fewer(now), "waits as long as a start gave up the threads");
  stall(70 * kMs);
  expect(stalls.fewer(now + 49 * kMs), "two stalls, one after the other, kept the threads");
  expect(!stalls.fewer(now += 51 * kMs), "the threads did not come back");
  stall(kMs);
  expect(stalls.fewer(now + 199 * kMs), "the neighbour was looked for again too soon");
  now += 201 * kMs;
  stall(kMs);
  now += 801 * kMs;
  stall(kMs);
  expect(stalls.fewer(now + 999 * kMs), "the longest time is not kept to");
  expect(!stalls.fewer(now + 1001 * kMs), "the threads stay away for more than a second");
  stalls.forget();
  expect(stalls.never() && !stalls.fewer(now), "a neighbour is not forgotten");
}

// Work of the caller's own tiles tells how long one takes.
void check_long_tiles() {
  Stalls stalls;
  for (int i = 1; i < 9; ++i) stalls.waited(20 * kMs, 60 * kMs, 9, 1000 * kMs + i * 30 * kMs);
  expect(stalls.never(), "waits of three tiles gave up the threads");
}

// A worker that is kept in its tile as by a neighbour on its processor; false if none came.
bool stall_once() {
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> arrived{false};
  parallel_for(2, kMuch, [&](int64_t tile) {
    if (tile == 0) {
      const auto end = Clock::now() + std::chrono::seconds(1);
      while (!arrived && Clock::now() < end) std::this_thread::yield();
    } else if (threads_now() > 1) {
      arrived = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  return arrived;
}

// How soon one follows another is the machine's business here, so there are many.
void check_the_team_notes_stalls() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
    return;  // waits are wanted
  set_num_threads(2);
  for (int i = 0; i < 100 && threads_now() == 2; ++i) stall_once();
  expect(threads_now() == 1, "stall upon stall, and the threads are kept");
  set_num_threads(2);
  expect(threads_now() == 2, "set_num_threads does not forget a neighbour");
}

int64_t threads_of_the_process() {
  namespace fs = std::filesystem;
  return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

// Every region wakes every worker, so there are no more of them than were asked for, nor more than
// there were tiles for.
void check_workers_come_and_go() {
  if (!std::filesystem::exists("/proc/self/task")) return;
  set_num_threads(1000);
  parallel_for(40, kMuch, [](int64_t) {});
  expect(threads_of_the_process() <= 40, threads_of_the_process(), " threads for 40 tiles");
  for (const int threads : {2, 12, 2}) {
    set_num_threads(threads);
    for (int r = 0; r < 1000; ++r) {
      parallel_for(40, kMuch, [](int64_t) {});
      if (threads_of_the_process() == threads) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    expect(threads_of_the_process() == threads, threads_of_the_process(), " threads instead of ",
           threads);
  }
}

// Without memory for a thread's stack, or for what the library keeps about it.
void check_no_more_threads() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    rlimit nothing{1, 1};
    setrlimit(RLIMIT_AS, &nothing);
    failures = 0;
    set_num_threads(4);
    std::atomic<int64_t> sum{0};  // stacks of threads that have ended may serve new ones
    for (int r = 0; r < 50; ++r) parallel_for(9, kMuch, [&](int64_t t) { sum += t; });
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    _exit(sum == 50 * 36 && !sigismember(&blocked, SIGINT) ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  expect(status == 0, "a process without another thread ended with ", status);
}

// 1 + 1e-9 in float32 is 1 to nearest and more than 1 upwards.
void check_rounding_mode() {
  set_num_threads(4);
  for (const int mode : {FE_UPWARD, FE_TONEAREST}) {
    fesetround(mode);
    std::atomic<int> up{0};
    parallel_for(64, kMuch, [&](int64_t) {
      volatile float one = 1.0f, little = 1e-9f;
      up += one + little > 1.0f;
    });
    fesetround(FE_TONEAREST);
    expect(up == (mode == FE_UPWARD ? 64 : 0), "rounded upwards in ", up, " tiles of 64");
  }
}

void check_fork() {
  set_num_threads(3);
  parallel_for(8, kMuch, [](int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool alone = num_threads() == 1;
    failures = 0;
    check_every_tile_once(200);
    check_threads_work_together();
    _exit(alone && failures == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  expect(status == 0, "a forked child ended with ", status);
}

}  // namespace

int main() {
  check_every_tile_once(20000);
  check_threads_work_together();
  check_threads_side_by_side();
  check_nested();
  check_exception();
  check_one_thread();
  check_stalls();
  check_long_tiles();
  check_the_team_notes_stalls();
  check_rounding_mode();
  check_workers_come_and_go();
  check_no_more_threads();
  check_fork();
  return finish("team");
}
