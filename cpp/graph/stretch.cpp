#include "graph/stretch.h"

#include <algorithm>

namespace chainrule::graph {

namespace {

// Of stretches in order that lie apart.
const Stretch* find_meeting(const std::vector<Stretch>& apart, const Stretch& s) {
  const auto after =
      std::lower_bound(apart.begin(), apart.end(), s.end,
                       [](const Stretch& a, const char* at) { return a.begin < at; });
  if (after == apart.begin()) return nullptr;
  const Stretch& before = *std::prev(after);
  return before.meets(s) ? &before : nullptr;
}

// Stretches in order, those that meet made one.
std::vector<Stretch> joined(const std::vector<Stretch>& stretches) {
  std::vector<Stretch> apart;
  for (const Stretch& s : stretches) {
    if (apart.empty() || !apart.back().meets(s)) {
      apart.push_back(s);
    } else {
      apart.back().end = std::max(apart.back().end, s.end);
    }
  }
  return apart;
}

}  // namespace

Stretch stretch_of(const TensorImpl& t, int64_t elements, bool written) {
  const auto size = static_cast<int64_t>(itemsize(t.dtype));
  const char* begin = static_cast<const char*>(t.storage->data()) + t.offset * size;
  return {begin, begin + elements * size, t.storage.get(), written};
}

Stretch stretch_of(const Storage& storage, bool written) {
  const char* begin = static_cast<const char*>(storage.data());
  return {begin, begin + storage.bytes(), &storage, written};
}

Grounds::Grounds(std::vector<Stretch> stretches) {
  std::sort(stretches.begin(), stretches.end(),
            [](const Stretch& a, const Stretch& b) { return a.begin < b.begin; });
  std::erase_if(stretches, [](const Stretch& s) { return s.begin == s.end; });
  for (const Stretch& s : stretches) {
    foreign_ |= s.foreign();
    (s.written ? written_ : read_).push_back(s);
  }
  read_ = joined(read_);
  for (size_t i = 0; i < written_.size(); ++i) {
    clash_ |= find_meeting(read_, written_[i]) != nullptr;
    clash_ |= i > 0 && written_[i - 1].meets(written_[i]);
  }
}

bool Grounds::clash(const Stretch& s) const {
  const Stretch* written = find_meeting(written_, s);
  if (written && written->storage != s.storage) return true;
  // What is one of them itself is read by all, or among the written ones.
  return s.written && !(written && written->storage == s.storage) && find_meeting(read_, s);
}

bool any_clash(std::span<const Stretch> stretches, const Grounds& grounds) {
  for (size_t i = 0; i < stretches.size(); ++i) {
    const Stretch& s = stretches[i];
    const bool foreign = s.foreign();
    if ((foreign || grounds.foreign()) && grounds.clash(s)) return true;
    for (size_t j = 0; foreign && j < stretches.size(); ++j) {
      if (s.clashes(stretches[j])) return true;
    }
  }
  return false;
}

}  // namespace chainrule::graph
