// What must be as it was recorded, so that a program may be replayed.
#include <algorithm>

#include "autograd/autograd.h"
#include "graph/program.h"

namespace chainrule::graph {

const Storage* Program::state_of(const TensorImpl& t) const {
  const Storage* storage = t.storage.get();
  const bool state = std::binary_search(state_storages.begin(), state_storages.end(), storage);
  return state ? storage : nullptr;
}

bool Program::places_hold(std::span<const Tensor> arguments) const {
  for (size_t i = 0; i < places.size(); ++i) {
    const Tensor &t = arguments[i], &first = arguments[places[i].first];
    if (t->storage != first->storage || t->offset - first->offset != places[i].offset) return false;
    if (state_of(*t.impl()) != places[i].state) return false;
    const bool alone = writes_arguments && places[i].first == static_cast<int>(i);
    for (size_t j = 0; alone && j < i; ++j) {
      if (arguments[j]->storage == t->storage) return false;
    }
  }
  return true;
}

bool Program::places_equal(const Program& other) const {
  return places == other.places && std::ranges::equal(grad_guards, other.grad_guards, {},
                                                      &GradGuard::place, &GradGuard::place);
}

// A `.grad` with memory of its own must have it still, where anything is written; sorted, for there
// may be a thousand.
bool Program::gradient_places_hold(std::span<const Tensor> arguments,
                                   std::vector<const Storage*>& room) const {
  const int passed = static_cast<int>(arguments.size());
  const auto grad_of = [&](size_t i) -> const TensorImpl& {
    return *grad_guards[i].leaf.among(arguments)->autograd->grad;
  };
  room.clear();
  for (size_t i = 0; i < grad_guards.size(); ++i) {
    const Place& place = grad_guards[i].place;
    if (!grad_guards[i].defined) continue;
    const TensorImpl& grad = grad_of(i);
    const TensorImpl& first =
        place.first < passed ? *arguments[place.first].impl() : grad_of(place.first - passed);
    if (grad.storage != first.storage || grad.offset - first.offset != place.offset) return false;
    if (state_of(grad) != place.state) return false;
    if (place.first == passed + static_cast<int>(i)) room.push_back(grad.storage.get());
  }
  if (room.empty() || !(writes_arguments || writes_gradients)) return true;
  std::sort(room.begin(), room.end());
  if (std::adjacent_find(room.begin(), room.end()) != room.end()) return false;
  return std::none_of(arguments.begin(), arguments.end(), [&](const Tensor& t) {
    return std::binary_search(room.begin(), room.end(), t->storage.get());
  });
}

Stretch Program::stretch_of_argument(std::span<const Tensor> arguments, size_t i) const {
  return stretch_of(*arguments[i].impl(), values[argument_values[i]].room, written_arguments[i]);
}

// Nearly always a look at each storage is all.
bool Program::memory_apart(std::span<const Tensor> arguments, std::vector<Stretch>& room) const {
  if (!writes_memory) return true;
  bool foreign = grounds.foreign();
  for (const Tensor& t : arguments) foreign |= t->storage->foreign();
  for (const GradGuard& g : grad_guards) {
    if (foreign) break;
    foreign = g.defined && g.leaf.among(arguments)->autograd->grad->storage->foreign();
  }
  if (!foreign) return true;
  room.clear();
  for (size_t i = 0; i < arguments.size(); ++i) room.push_back(stretch_of_argument(arguments, i));
  for (const GradGuard& g : grad_guards) {
    if (!g.defined) continue;
    const TensorImpl& grad = *g.leaf.among(arguments)->autograd->grad;
    room.push_back(stretch_of(grad, extent(grad.sizes, grad.strides), g.written));
  }
  return !any_clash(room, grounds);
}

bool Program::guards_hold(std::span<const Tensor> arguments, GuardRoom& room) const {
  for (size_t i = 0; i < states.size(); ++i) {
    if (autograd::standing(states[i]) != standings[i]) return false;
  }
  for (const auto& [tensor, recorded] : doubles) {
    if (autograd::standing(tensor) != recorded) return false;
  }
  for (const auto& [argument, any] : hooked) {
    if (autograd::has_hooks(arguments[argument]) != any) return false;
  }
  for (const GradGuard& g : grad_guards) {
    const Tensor& leaf = g.leaf.among(arguments);
    const bool defined = leaf->autograd && leaf->autograd->grad;
    if (defined != g.defined) return false;
    if (!defined) continue;
    const TensorImpl& grad = *leaf->autograd->grad;  // whose `.data` may be of any other layout
    if (grad.dtype != g.dtype || grad.sizes != g.sizes || grad.strides != g.strides) return false;
  }
  return places_hold(arguments) && gradient_places_hold(arguments, room.gradients) &&
         memory_apart(arguments, room.stretches) && writes_hold(arguments);
}

bool Program::hooks_hold() const {
  return std::none_of(unhooked.begin(), unhooked.end(), autograd::has_hooks);
}

bool Program::layouts_hold() const {
  return std::ranges::all_of(values, [&](const Value& v) {
    if (v.source != Source::kState) return true;
    const TensorImpl& t = *states[v.index].impl();
    return t.dtype == v.dtype && t.sizes == v.sizes && t.strides == v.strides;
  });
}

// Where this fails the function runs as it was written, and the operation that writes says why not.
bool Program::writes_hold(std::span<const Tensor> arguments) const {
  for (const WriteBack& w : writes) {
    if (w.target == Source::kState) continue;  // the very tensor that was recorded
    const TensorImpl& target =
        w.target == Source::kArgument
            ? *arguments[w.index].impl()
            : *gradient_leaves[values[w.index].index].among(arguments)->autograd->grad;
    if (target.storage->read_only() || target.inference != w.inference) return false;
    if (is_window(target) != w.window) return false;
  }
  return true;
}

}  // namespace chainrule::graph
