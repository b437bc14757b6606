// Which way a program's replays go is the way that is faster, found by looking now and then.
#include "graph/thread_choice.h"

#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using chainrule::graph::ThreadChoice;
using Duration = ThreadChoice::Duration;

constexpr Duration kFast{1'000'000}, kSlow{1'400'000}, kVerySlow{9'000'000};

// Of `turns`, how many ran on one thread where those take `one` and the others `all`.
int ran_on_one(ThreadChoice& choice, int turns, Duration one, Duration all) {
  int count = 0;
  for (int i = 0; i < turns; ++i) {
    const bool alone = choice.one_thread();
    count += alone;
    if (choice.wants_time()) {
      choice.ran(alone ? one : all);
    } else {
      choice.ran();
    }
  }
  return count;
}

void check_the_faster_way() {
  ThreadChoice choice;
  expect(ran_on_one(choice, 12, kFast, kSlow) == 0, "it begins on one thread");
  ran_on_one(choice, 4, kFast, kSlow);  // the other half of the first look
  expect(ran_on_one(choice, 36, kFast, kSlow) == 36, "it goes on as it was though that is slower");
  ran_on_one(choice, 100, kSlow, kFast);
  expect(ran_on_one(choice, 20, kSlow, kFast) <= 4, "it does not come back");
}

// Equal times, and differences below 3 %, change nothing; looks become seldom.
void check_noise() {
  ThreadChoice choice;
  const int looked = ran_on_one(choice, 10'000, Duration{980'000}, kFast);
  expect(looked > 0 && looked <= 4 * 16, "of 10000 replays ", looked, " ran on one thread");
}

// Where one thread takes many times as long, a look at it ends with the first replay.
void check_short_looks() {
  ThreadChoice choice;
  const int looked = ran_on_one(choice, 10'000, kVerySlow, kFast);
  expect(looked > 0 && looked <= 16, looked, " slow replays of 10000");
}

// Replays are no sample while a worker that slept may still be waking.
void check_waking() {
  ThreadChoice choice;
  Duration worked{};
  int alone = 0;
  for (int i = 0; i < 300; ++i) {
    const bool one = choice.one_thread(), awake = worked > std::chrono::microseconds(400);
    const Duration passed{one ? 35'000 : awake ? 25'000 : 36'500};
    worked = one ? Duration::zero() : worked + passed;
    alone += one;
    if (choice.wants_time()) {
      choice.ran(passed);
    } else {
      choice.ran();
    }
  }
  expect(alone > 0 && alone < 80, "one thread in ", alone, " of 300, for a worker that slept");
}

void check_turns() {
  set_num_threads(2);
  ThreadChoice choice;
  ran_on_one(choice, 16, kFast, kSlow);
  {
    const ThreadChoice::Turn turn(choice, kSerialWork);
    expect(threads_now() == 1, "a turn does not run the way that was found");
  }
  const ThreadChoice::Turn turn(choice, kSerialWork - 1);
  expect(threads_now() == 2, "little work is not its business");
}

}  // namespace

int main() {
  check_the_faster_way();
  check_noise();
  check_short_looks();
  check_waking();
  check_turns();
  return finish("thread choice");
}
