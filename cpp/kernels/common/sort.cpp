// Sorting by merging. Every element becomes an unsigned key whose order is the wanted one, next to
// its position; descending order inverts the key, so equal elements keep their order both ways.
#include <bit>
#include <cstring>

#include "kernels/bfloat16.h"
#include "kernels/index.h"

namespace chainrule::kernels {

namespace {

struct Entry {
  uint64_t key;
  int64_t position;
};

constexpr uint64_t kSign = uint64_t{1} << 63;
constexpr int64_t kRun = 16;      // sorted by insertion before merging starts
constexpr int64_t kFewBest = 64;  // up to here a row's best k are kept in a list
constexpr int64_t kLong = 1024;   // from here on 256 counters a byte are little beside the row

inline uint64_t key_of(bool x) { return x; }
inline uint64_t key_of(uint8_t x) { return x; }
inline uint64_t key_of(int32_t x) { return static_cast<uint32_t>(x) ^ (uint32_t{1} << 31); }
inline uint64_t key_of(int64_t x) { return static_cast<uint64_t>(x) ^ kSign; }
inline uint64_t key_of(double x) {
  if (x != x) return ~uint64_t{0};
  const uint64_t bits = std::bit_cast<uint64_t>(x == 0 ? 0.0 : x);
  return bits & kSign ? ~bits : bits | kSign;
}
inline uint64_t key_of(float x) {
  if (x != x) return ~uint32_t{0};
  const uint32_t bits = std::bit_cast<uint32_t>(x == 0 ? 0.0f : x);
  return bits >> 31 ? ~bits : bits | uint32_t{1} << 31;
}
inline uint64_t key_of(BFloat16 x) { return key_of(static_cast<float>(x)) >> 16; }

void insertion_sort(Entry* e, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Entry x = e[i];
    int64_t j = i;
    for (; j > 0 && x.key < e[j - 1].key; --j) e[j] = e[j - 1];
    e[j] = x;
  }
}

void merge(const Entry* a, int64_t a_size, const Entry* b, int64_t b_size, Entry* out) {
  int64_t i = 0, j = 0;
  while (i < a_size && j < b_size) {
    const bool second = b[j].key < a[i].key;
    *out++ = second ? b[j++] : a[i++];
  }
  std::memcpy(out, a + i, (a_size - i) * sizeof(Entry));
  std::memcpy(out + (a_size - i), b + j, (b_size - j) * sizeof(Entry));
}

// The sorted entries end up in the returned half of the scratch.
Entry* merge_sort(Entry* e, Entry* other, int64_t n) {
  for (int64_t i = 0; i < n; i += kRun) insertion_sort(e + i, n - i < kRun ? n - i : kRun);
  for (int64_t width = kRun; width < n; width *= 2) {
    for (int64_t i = 0; i < n; i += 2 * width) {
      const int64_t left = n - i < width ? n - i : width;
      const int64_t right = n - i - left < width ? n - i - left : width;
      merge(e + i, left, e + i + left, right, other + i);
    }
    Entry* swap = e;
    e = other;
    other = swap;
  }
  return e;
}

// By the lowest byte, then the next, ...; bytes that are equal in the whole row are left out.
Entry* radix_sort(Entry* e, Entry* other, int64_t n, int bytes) {
  for (int byte = 0; byte < bytes; ++byte) {
    const int shift = 8 * byte;
    int64_t start[256] = {};
    for (int64_t i = 0; i < n; ++i) ++start[e[i].key >> shift & 255];
    if (start[e[0].key >> shift & 255] == n) continue;
    int64_t sum = 0;
    for (int64_t& s : start) {
      const int64_t count = s;
      s = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; ++i) other[start[e[i].key >> shift & 255]++] = e[i];
    Entry* swap = e;
    e = other;
    other = swap;
  }
  return e;
}

// The k smallest keys, in order, first come first.
template <typename T>
void few_best(const T* x, int64_t n, int64_t k, uint64_t invert, Entry* best) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Entry entry{key_of(x[i]) ^ invert, i};
    if (count == k && entry.key >= best[k - 1].key) continue;
    int64_t j = count < k ? count++ : k - 1;
    for (; j > 0 && entry.key < best[j - 1].key; --j) best[j] = best[j - 1];
    best[j] = entry;
  }
}

template <typename T>
void sort_typed(const SortedRows& r, int64_t begin, int64_t end, void* scratch) {
  Entry* entries = static_cast<Entry*>(scratch);
  const uint64_t invert = r.descending ? ~uint64_t{0} : 0;
  for (int64_t row = begin; row < end; ++row) {
    const T* x = static_cast<const T*>(r.in) + row * r.n;
    const Entry* sorted = entries;
    if (r.k < r.n && r.k <= kFewBest) {
      if (r.k > 0) few_best(x, r.n, r.k, invert, entries);
    } else {
      for (int64_t i = 0; i < r.n; ++i) entries[i] = {key_of(x[i]) ^ invert, i};
      sorted = r.n < kLong ? merge_sort(entries, entries + r.n, r.n)
                           : radix_sort(entries, entries + r.n, r.n, sizeof(T));
    }
    T* values = static_cast<T*>(r.values) + row * r.k;
    int64_t* indices = r.indices + row * r.k;
    for (int64_t i = 0; i < r.k; ++i) {
      values[i] = x[sorted[i].position];
      indices[i] = sorted[i].position;
    }
  }
}

template <typename T>
void runs_typed(int64_t n, const void* sorted, int64_t* starts, int64_t* run_of, int64_t* count) {
  const T* x = static_cast<const T*>(sorted);
  int64_t runs = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || x[i] != x[i - 1]) {
      if (starts) starts[runs] = i;
      ++runs;
    }
    if (run_of) run_of[i] = runs - 1;
  }
  *count = runs;
}

int64_t runs(DType t, int64_t n, const void* sorted, int64_t* starts, int64_t* run_of) {
  int64_t count = 0;
  switch (t) {
    case DType::kBool:
    case DType::kUInt8:
      runs_typed<uint8_t>(n, sorted, starts, run_of, &count);
      break;
    case DType::kInt32:
      runs_typed<int32_t>(n, sorted, starts, run_of, &count);
      break;
    case DType::kInt64:
      runs_typed<int64_t>(n, sorted, starts, run_of, &count);
      break;
    case DType::kFloat32:
      runs_typed<float>(n, sorted, starts, run_of, &count);
      break;
    case DType::kFloat64:
      runs_typed<double>(n, sorted, starts, run_of, &count);
      break;
    case DType::kBFloat16:
      runs_typed<BFloat16>(n, sorted, starts, run_of, &count);
      break;
  }
  return count;
}

}  // namespace

int64_t sort_scratch_bytes(int64_t n) { return 2 * n * static_cast<int64_t>(sizeof(Entry)); }

void sort_rows(const SortedRows& r, int64_t begin, int64_t end, void* scratch) {
  switch (r.t) {
    case DType::kBool:
      return sort_typed<bool>(r, begin, end, scratch);
    case DType::kUInt8:
      return sort_typed<uint8_t>(r, begin, end, scratch);
    case DType::kInt32:
      return sort_typed<int32_t>(r, begin, end, scratch);
    case DType::kInt64:
      return sort_typed<int64_t>(r, begin, end, scratch);
    case DType::kFloat32:
      return sort_typed<float>(r, begin, end, scratch);
    case DType::kFloat64:
      return sort_typed<double>(r, begin, end, scratch);
    case DType::kBFloat16:
      return sort_typed<BFloat16>(r, begin, end, scratch);
  }
}

int64_t count_runs(DType t, int64_t n, const void* sorted) {
  return runs(t, n, sorted, nullptr, nullptr);
}
void find_runs(DType t, int64_t n, const void* sorted, int64_t* starts, int64_t* run_of) {
  runs(t, n, sorted, starts, run_of);
}

}  // namespace chainrule::kernels
