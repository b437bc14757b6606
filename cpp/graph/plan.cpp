#include "graph/plan.h"

#include <mutex>
#include <utility>

namespace chainrule::graph {

std::string unlike(const std::string& difference) {
  return str("[compile] expected two successive calls to do the same; got ", difference, ".");
}

bool Plan::replay(std::span<const Tensor> arguments, std::vector<Tensor>& results) {
  const Variants known = variants();
  for (const auto& recorded : known) {
    if (!recorded || !recorded->executor) continue;
    if (!recorded->executor->run(arguments, results)) continue;
    if (recorded != known[0]) place_first(recorded, recorded.get());
    return true;
  }
  return false;
}

Plan::Known Plan::known(std::span<const Tensor> arguments) const {
  Known found;
  GuardRoom room;
  const Variants known = variants();
  for (const auto& recorded : known) {
    if (!recorded || !recorded->program.guards_hold(arguments, room)) continue;
    found.like = recorded;
    break;
  }
  found.before = found.like ? found.like : known[0];
  if (found.before) {
    found.same_places = found.before->program.places_hold(arguments);
  }
  return found;
}

void Plan::put(Program program, const Known& known) {
  const Recorded* before = known.before.get();
  std::string difference;
  int tries = 1;
  if (before) {
    difference = before->program.difference(program);
    // Arguments that share other memory begin anew; so does a call after an adopted one.
    if (!difference.empty() && !before->executor && known.same_places) tries = before->tries + 1;
  }
  place_first(std::make_shared<Recorded>(std::move(program), before && difference.empty(),
                                         tries % kMaxTries),
              known.like.get());
  if (tries >= kMaxTries) throw CaptureError(unlike(difference));
}

std::shared_ptr<const Recorded> Plan::adopted() const {
  for (const auto& recorded : variants()) {
    if (recorded && recorded->executor) return recorded;
  }
  return nullptr;
}

Plan::Variants Plan::variants() const {
  const std::unique_lock held(lock_);
  return variants_;
}

// Where there is no `instead` the one that was used longest ago goes.
void Plan::place_first(std::shared_ptr<Recorded> recorded, const Recorded* instead) {
  const std::unique_lock held(lock_);
  for (auto& place : variants_) {
    std::swap(place, recorded);  // each moves on by one, up to the place that becomes free
    if (recorded.get() == instead) break;
  }
}

}  // namespace chainrule::graph
