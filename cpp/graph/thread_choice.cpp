#include "graph/thread_choice.h"

#include <algorithm>

namespace chainrule::graph {

namespace {
using Clock = std::chrono::steady_clock;
}

ThreadChoice::Turn::Turn(ThreadChoice& choice, int64_t work)
    : choice_(work >= kSerialWork && num_threads() > 1 ? &choice : nullptr),
      one_(choice_ && choice.one_thread()) {
  if (choice_ && choice_->wants_time()) begin_ = Clock::now();
}

ThreadChoice::Turn::~Turn() {
  if (!choice_) return;
  if (choice_->wants_time()) {
    choice_->ran(Clock::now() - begin_);
  } else {
    choice_->ran();
  }
}

void ThreadChoice::ran(Duration passed) {
  // A look at one thread is over when it clearly takes longer: with many threads it costs the most.
  if (is_other() && !one_ && passed > best_[0] + best_[0] / 2) return end_look(false);
  // The first replay of each kind finds the caches and the workers as the others left them.
  const bool first = until_ == 0 || until_ == -kSamples;
  if (!first) best_[is_other()] = std::min(best_[is_other()], passed);
  if (--until_ > -2 * kSamples) return;
  end_look(best_[1] + best_[1] / 32 < best_[0]);  // less than 3 % is noise
}

void ThreadChoice::end_look(bool change) {
  one_ = one_ != change;
  interval_ = change ? kSoonest : std::min(2 * interval_, kLatest);
  until_ = interval_;
  best_[0] = best_[1] = Duration::max();
}

}  // namespace chainrule::graph
