// Launch: a kernel call made ready. All that follows from dtypes, sizes and strides is resolved
// once, so that running it again costs one indirect call. What it reads and writes stands as places
// in a table of addresses, which whoever runs it keeps: outputs first, then the inputs of the call,
// then its scratch memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace chainrule {

struct Run;
struct Launch;

// Launches that run on each part of another's output as soon as that has it: elementwise ones, on
// dense tensors of its shape.
struct Tail {
  const Launch* begin;
  const Launch* end;
};

struct Launch {
  static constexpr int kMostOperands = 10;
  static constexpr size_t kPayloadBytes = 208;

  // Null: there is nothing to do.
  void (*run)(const Launch&, char* const* table) = nullptr;
  // Of an elementwise kernel: on elements [begin, begin + n) of the output.
  void (*part)(const Launch&, char* const* table, int64_t begin, int64_t n) = nullptr;
  bool takes_tail = false;
  const Tail* tail = nullptr;
  int32_t operands[kMostOperands];  // an absent one is a place that holds null
  alignas(8) std::byte payload[kPayloadBytes];

  // What is in the cache still: 16 KB of one tensor, of three or four half a first-level cache.
  static constexpr int64_t kStrip = 4096;
  void run_tail(char* const* table, int64_t begin, int64_t n) const {
    for (const int64_t end = begin + n; begin < end; begin += kStrip) {
      const int64_t now = end - begin < kStrip ? end - begin : kStrip;
      for (const Launch* l = tail->begin; l != tail->end; ++l) l->part(*l, table, begin, now);
    }
  }

  char* address(int operand, char* const* table) const { return table[operands[operand]]; }

  template <typename T>
  void set(void (*with)(const Launch&, char* const*), const T& what) {
    static_assert(sizeof(T) <= kPayloadBytes && std::is_trivially_copyable_v<T>);
    std::memcpy(payload, &what, sizeof what);
    run = with;
  }
  template <typename T>
  const T& as() const {
    return *reinterpret_cast<const T*>(payload);
  }
};

// How an operation runs: at once, and, where it has kernels that can be resolved before, as a
// Launch.
struct Forward {
  using At = void (*)(Run&);
  // Fills `launch` for a call whose tensors have sizes and strides but no data yet; false where
  // this one cannot be resolved, and has to be run as it is.
  using Prepare = bool (*)(const Run&, Launch& launch);

  constexpr Forward(std::nullptr_t = nullptr) {}
  template <typename F>
    requires std::is_convertible_v<F, At>
  constexpr Forward(F run_, Prepare prepare_ = nullptr) : run(run_), prepare(prepare_) {}

  void operator()(Run& r) const { run(r); }
  explicit operator bool() const { return run != nullptr; }

  At run = nullptr;
  Prepare prepare = nullptr;
};

}  // namespace chainrule
