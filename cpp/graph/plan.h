// Plan: what is known of the calls of one signature. They are recorded until two in a row agree;
// the last of these is adopted and replayed. Threads may share a plan.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "core/thread_lock.h"
#include "graph/executor.h"

namespace chainrule::graph {

// The rule of adoption, for compiled functions of C++ and of Python.
inline constexpr int kMaxTries = 4;      // recordings in a row, each unlike the one before
inline constexpr int kMaxVariants = 8;   // recordings kept of one signature
inline constexpr size_t kMaxPlans = 64;  // signatures kept of one function
// What the CaptureError after the last try says.
std::string unlike(const std::string& difference);

// One recording of a call: as recorded, to be compared with others, and made ready for replays.
struct Recorded {
  Recorded(Program recorded, bool adopted, int tries_)
      : program(std::move(recorded)), tries(tries_) {
    if (adopted) executor.emplace(program);
  }
  const Program program;
  const int tries;                   // recordings since the last two that agreed
  std::optional<Executor> executor;  // of an adopted one, which is equal to the recording before it
};

class Plan {
 public:
  // A replay by an adopted recording whose guards hold; false when there is none, and then nothing
  // has run.
  bool replay(std::span<const Tensor> arguments, std::vector<Tensor>& results);

  // What a new recording of this call is going to be compared with. To be asked before the call,
  // which may change what guards look at.
  struct Known {
    std::shared_ptr<const Recorded> like;    // the latest that found things as they are, or null
    std::shared_ptr<const Recorded> before;  // it, or the latest of all
    bool same_places = true;                 // whether arguments share memory as they did then
  };
  Known known(std::span<const Tensor> arguments) const;
  // Takes the program in the place of the one like it, or beside the others. CaptureError when it
  // is the fourth in a row that differs from the one before.
  void put(Program program, const Known& known);

  std::shared_ptr<const Recorded> adopted() const;  // that was replayed or recorded last, or null

 private:
  // Each has guards of its own: calls that find no `.grad`, and calls that add to one. Those used
  // last come first; null where there are no more.
  using Variants = std::array<std::shared_ptr<Recorded>, kMaxVariants>;
  Variants variants() const;
  void place_first(std::shared_ptr<Recorded> recorded, const Recorded* instead);

  Variants variants_;
  mutable ThreadLock lock_;  // of variants_, for moments
};

}  // namespace chainrule::graph
