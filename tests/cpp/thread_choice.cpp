// Which way a program's replays go is the way that is faster, found by looking now and then.
#include "graph/thread_choice.h"

#include <thread>

#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using chainrule::graph::ThreadChoice;

constexpr int64_t kMuch = int64_t{1} << 30;
constexpr std::chrono::microseconds kFast{20}, kSlow{400};

// Of `turns`, how many ran on one thread where those take `one` and the others `all`.
int ran_on_one(ThreadChoice& choice, int turns, std::chrono::microseconds one,
               std::chrono::microseconds all) {
  int count = 0;
  for (int i = 0; i < turns; ++i) {
    const ThreadChoice::Turn turn(choice, kMuch);
    const bool alone = threads_now() == 1;
    count += alone;
    std::this_thread::sleep_for(alone ? one : all);
  }
  return count;
}

}  // namespace

int main() {
  set_num_threads(2);
  ThreadChoice choice;
  expect(ran_on_one(choice, 8, kFast, kSlow) == 0, "it begins on one thread");
  ran_on_one(choice, 8, kFast, kSlow);  // the first look
  expect(ran_on_one(choice, 30, kFast, kSlow) == 30, "it goes on as it was though that is slower");
  ran_on_one(choice, 100, kSlow, kFast);
  expect(ran_on_one(choice, 20, kSlow, kFast) <= 4, "it does not come back");  // 4: another look
  const int looked = ran_on_one(choice, 1000, kFast, kFast);
  expect(looked < 100, "no difference made ", looked, " of 1000 replays run on one thread");
  {
    const ThreadChoice::Turn turn(choice, 1);
    expect(threads_now() == 2, "little work is not its business");
  }
  set_num_threads(1);
  const ThreadChoice::Turn turn(choice, kMuch);
  expect(threads_now() == 1, "one thread alone");
  return finish("thread choice");
}
