#include "graph/thread_choice.h"

#include <algorithm>
#include <utility>

namespace chainrule::graph {

namespace {
using Clock = std::chrono::steady_clock;
}

ThreadChoice::Turn::Turn(ThreadChoice& choice, int64_t work)
    : choice_(work >= kSerialWork && num_threads() > 1 ? &choice : nullptr),
      one_(choice_ && choice.one_thread()) {
  if (choice_ && choice_->is_looking()) begin_ = Clock::now();
}

ThreadChoice::Turn::~Turn() {
  if (!choice_) return;
  if (choice_->is_looking()) {
    choice_->note(Clock::now() - begin_);
  } else {
    --choice_->until_;
  }
}

void ThreadChoice::note(Duration passed) {
  // The first replay of each kind finds the caches and the workers as the others left them.
  const bool other = until_ <= -kSamples, first = until_ == 0 || until_ == -kSamples;
  if (!first) best_[other] = std::min(best_[other], passed);
  if (--until_ > -2 * kSamples) return;
  // Less than 3 % is noise.
  const bool change = best_[1] + best_[1] / 32 < best_[0];
  one_ = one_ != change;
  interval_ = change ? kSoonest : std::min(2 * interval_, kLatest);
  until_ = interval_;
  best_[0] = best_[1] = Duration::max();
}

}  // namespace chainrule::graph
