// ThreadChoice: whether a program's replays run on all threads or on one. Results do not depend on
// it, so time may decide: now and then some replays run the other way, and if they were faster that
// becomes the way. No count of operations can tell: of two processors that share a cache the second
// takes a third off a step of 50 us, of two that do not it adds a sixth, and a virtual machine's
// may be either from one minute to the next.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/threads.h"

namespace chainrule::graph {

class ThreadChoice {
 public:
  using Duration = std::chrono::steady_clock::duration;

  bool one_thread() const { return one_ != other_; }  // of the next replay
  bool wants_time() const { return until_ <= 0; }
  void ran() { --until_; }  // it is over, and its time is not wanted
  void ran(Duration passed);

  // One replay: makes it run on one thread if that is the way.
  class Turn {
   public:
    Turn(ThreadChoice& choice, int64_t work);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    ThreadChoice* const choice_;  // null: nothing to choose
    const OneThread one_;
    std::chrono::steady_clock::time_point begin_;
  };

 private:
  // A look is kSamples replays the way they are and as many the other way; the best of each counts.
  // Before them come others for as long as a sleeping worker may take to wake.
  static constexpr int kSamples = 3;
  static constexpr Duration kWaking = std::chrono::microseconds(500);
  static constexpr int kSoonest = 32, kLatest = 1024;  // replays between two looks

  void end_half();
  void end_look(bool change);

  bool one_ = false;                                       // the way
  int until_ = 8;                                          // replays until the next look
  int interval_ = kSoonest;                                // doubles while looks change nothing
  bool other_ = false;                                     // in a look, its second half
  int samples_ = 0;                                        // of this half
  Duration awake_{};                                       // what came before them
  Duration best_[2] = {Duration::max(), Duration::max()};  // the way they are, and the other
};

}  // namespace chainrule::graph
