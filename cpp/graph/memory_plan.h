// Where the values of a forward run lie. What outlives it has a block of its own; the rest shares
// one arena, in which a value's bytes are another's as soon as nobody reads it any more.
#pragma once

#include <cstdint>
#include <vector>

namespace chainrule::graph {

struct Program;

enum class Home : uint8_t {
  kOutside,   // an argument, a `.grad`, a state: where it is
  kConstant,  // an immediate, or made of immediates alone: once for all runs
  kArena,
  kFresh,  // a block of its own in every run
};

struct MemoryPlan {
  struct Place {
    Home home = Home::kOutside;
    int32_t root = -1;  // the value whose memory it is; itself, unless it is a view
    // Bytes from the start of the arena, or from the root's first element.
    int64_t offset = 0;
  };
  std::vector<Place> places;     // of each value
  std::vector<int64_t> scratch;  // of each instruction: bytes from the start of the arena
  std::vector<bool> constant;    // instructions that run once for all runs
  int64_t arena_bytes = 0;
  int64_t peak_bytes = 0;  // the arena, what outlives a run, and constants
};

MemoryPlan plan_memory(const Program& program);
// Checks a plan by another way than it was made; InternalError.
void verify_memory(const Program& program);

}  // namespace chainrule::graph
