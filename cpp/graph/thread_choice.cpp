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
  if (other_ && !one_ && passed > best_[0] + best_[0] / 2) return end_look(false);
  if (awake_ < kWaking) {
    awake_ += passed;
    return;
  }
  best_[other_] = std::min(best_[other_], passed);
  if (++samples_ < kSamples) return;
  if (other_) return end_look(best_[1] + best_[1] / 32 < best_[0]);  // less than 3 % is noise
  other_ = true;
  end_half();
}

void ThreadChoice::end_half() {
  samples_ = 0;
  awake_ = Duration::zero();
}

void ThreadChoice::end_look(bool change) {
  one_ = one_ != change;
  other_ = false;
  interval_ = change ? kSoonest : std::min(2 * interval_, kLatest);
  until_ = interval_;
  best_[0] = best_[1] = Duration::max();
  end_half();
}

}  // namespace chainrule::graph
