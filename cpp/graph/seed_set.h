// Which of a program's results a gradient came to.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace chainrule::graph {

class SeedSet {
 public:
  SeedSet() = default;
  static SeedSet of(int seed) {
    SeedSet s;
    s.words_.resize(seed / 64 + 1);
    s.words_.back() = uint64_t{1} << seed % 64;
    return s;
  }

  bool empty() const { return words_.empty(); }
  bool meets(const SeedSet& o) const {
    for (size_t i = 0; i < std::min(words_.size(), o.words_.size()); ++i) {
      if (words_[i] & o.words_[i]) return true;
    }
    return false;
  }
  SeedSet& operator|=(const SeedSet& o) {
    words_.resize(std::max(words_.size(), o.words_.size()));
    for (size_t i = 0; i < o.words_.size(); ++i) words_[i] |= o.words_[i];
    return *this;
  }
  auto operator<=>(const SeedSet&) const = default;

 private:
  std::vector<uint64_t> words_;  // the last one is not zero
};

}  // namespace chainrule::graph
