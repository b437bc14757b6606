#include "kernels/create.h"

#include "kernels/bfloat16.h"

namespace chainrule::kernels {

namespace {

template <typename T>
void ramp_real(const Ramp& r, int64_t begin, int64_t end, void* out) {
  T* y = static_cast<T*>(out);
  for (int64_t i = begin; i < end; ++i) {
    y[i] = static_cast<T>(r.start + static_cast<double>(i) * r.step);
  }
}

template <typename T>
void ramp_integer(const Ramp& r, int64_t begin, int64_t end, void* out) {
  T* y = static_cast<T*>(out);
  for (int64_t i = begin; i < end; ++i) {
    // Unsigned: wraps as the other integer kernels do.
    y[i] = static_cast<T>(static_cast<uint64_t>(r.int_start) +
                          static_cast<uint64_t>(i) * static_cast<uint64_t>(r.int_step));
  }
}

template <typename T>
void linspace_typed(const Linspace& l, int64_t begin, int64_t end, void* out) {
  T* y = static_cast<T*>(out);
  const double step = l.steps > 1 ? (l.end - l.start) / static_cast<double>(l.steps - 1) : 0;
  for (int64_t i = begin; i < end; ++i) {
    const double near_start = l.start + step * static_cast<double>(i);
    const double near_end = l.end - step * static_cast<double>(l.steps - 1 - i);
    y[i] = static_cast<T>(2 * i < l.steps ? near_start : near_end);
  }
}

template <typename T>
void integers_typed(int64_t begin, int64_t end, const uint64_t* bits, int64_t low, uint64_t range,
                    void* out) {
  T* y = static_cast<T*>(out);
  for (int64_t i = begin; i < end; ++i) {
    const uint64_t scaled =
        range ? static_cast<uint64_t>(static_cast<unsigned __int128>(bits[i]) * range >> 64)
              : bits[i];
    y[i] = static_cast<T>(static_cast<int64_t>(static_cast<uint64_t>(low) + scaled));
  }
}

template <typename T>
int64_t bernoulli_typed(int64_t n, const void* uniform, const void* probability, int64_t stride,
                        void* out) {
  const T* u = static_cast<const T*>(uniform);
  const T* p = static_cast<const T*>(probability);
  T* y = static_cast<T*>(out);
  int64_t bad = -1;
  for (int64_t i = 0; i < n; ++i) {
    const T q = p[i * stride];
    const bool valid = q >= T(0) && q <= T(1);
    if (!valid && bad < 0) bad = i;
    y[i] = valid && u[i] < q ? T(1) : T(0);
  }
  return bad;
}

}  // namespace

void ramp(const Ramp& r, int64_t begin, int64_t end, void* out) {
  switch (r.to) {
    case DType::kBool:
    case DType::kUInt8:
      return ramp_integer<uint8_t>(r, begin, end, out);
    case DType::kInt32:
      return ramp_integer<int32_t>(r, begin, end, out);
    case DType::kInt64:
      return ramp_integer<int64_t>(r, begin, end, out);
    case DType::kFloat32:
      return ramp_real<float>(r, begin, end, out);
    case DType::kFloat64:
      return ramp_real<double>(r, begin, end, out);
    case DType::kBFloat16:
      return ramp_real<BFloat16>(r, begin, end, out);
  }
}

void linspace(const Linspace& l, int64_t begin, int64_t end, void* out) {
  switch (l.to) {
    case DType::kBool:
    case DType::kUInt8:
      return linspace_typed<uint8_t>(l, begin, end, out);
    case DType::kInt32:
      return linspace_typed<int32_t>(l, begin, end, out);
    case DType::kInt64:
      return linspace_typed<int64_t>(l, begin, end, out);
    case DType::kFloat32:
      return linspace_typed<float>(l, begin, end, out);
    case DType::kFloat64:
      return linspace_typed<double>(l, begin, end, out);
    case DType::kBFloat16:
      return linspace_typed<BFloat16>(l, begin, end, out);
  }
}

void random_integers(DType to, int64_t begin, int64_t end, const uint64_t* bits, int64_t low,
                     uint64_t range, void* out) {
  switch (to) {
    case DType::kBool:
    case DType::kUInt8:
      return integers_typed<uint8_t>(begin, end, bits, low, range, out);
    case DType::kInt32:
      return integers_typed<int32_t>(begin, end, bits, low, range, out);
    case DType::kInt64:
      return integers_typed<int64_t>(begin, end, bits, low, range, out);
    case DType::kFloat32:
      return integers_typed<float>(begin, end, bits, low, range, out);
    case DType::kFloat64:
      return integers_typed<double>(begin, end, bits, low, range, out);
    case DType::kBFloat16:
      return integers_typed<BFloat16>(begin, end, bits, low, range, out);
  }
}

void permutation(int64_t n, const uint64_t* bits, int64_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = i;
  for (int64_t i = n - 1; i > 0; --i) {
    const uint64_t count = static_cast<uint64_t>(i) + 1;
    const int64_t j = static_cast<int64_t>(static_cast<unsigned __int128>(bits[i]) * count >> 64);
    const int64_t other = out[j];
    out[j] = out[i];
    out[i] = other;
  }
}

int64_t bernoulli(DType t, int64_t n, const void* uniform, const void* probability, int64_t stride,
                  void* out) {
  return t == DType::kFloat32 ? bernoulli_typed<float>(n, uniform, probability, stride, out)
                              : bernoulli_typed<double>(n, uniform, probability, stride, out);
}

}  // namespace chainrule::kernels
