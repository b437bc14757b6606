// Stretches of memory by address. Two storages over one block of somebody else's (NumPy, DLPack)
// share what no comparison of storages shows.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace chainrule::graph {

struct Stretch {
  const char* begin;
  const char* end;
  const Storage* storage;
  bool written;
  bool foreign() const { return storage->foreign(); }
  bool meets(const Stretch& o) const { return begin < o.end && o.begin < end; }
  // Shares with it what one of them writes; within one storage that is no matter of addresses.
  bool clashes(const Stretch& o) const {
    return (written || o.written) && storage != o.storage && meets(o);
  }
};

// The elements of `t` and those after them, up to a number of `elements`.
Stretch stretch_of(const TensorImpl& t, int64_t elements, bool written);
Stretch stretch_of(const Storage& storage, bool written);

// The memory of tensors from outside, which stays where it is.
class Grounds {
 public:
  Grounds() = default;
  explicit Grounds(std::vector<Stretch> stretches);
  bool foreign() const { return foreign_; }
  bool clash() const { return clash_; }  // within it
  bool clash(const Stretch& s) const;

 private:
  std::vector<Stretch> written_, read_;  // in order, and apart where there is no clash
  bool foreign_ = false, clash_ = false;
};

// Whether any two clash, or one with the grounds. Only where memory is foreign they can.
bool any_clash(std::span<const Stretch> stretches, const Grounds& grounds);

}  // namespace chainrule::graph
