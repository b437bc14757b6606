// The casts that are worth an instruction set's own code: between bfloat16 and float32, which stand
// around every product under autocast, and of bytes to float32, of images. All others are those of
// common/casts.cpp.
#include "kernels/bfloat16.h"
#include "kernels/cpu/entry.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

template <typename To>
struct Cast {
  static constexpr int kParams = 0;
  static constexpr bool kCostly = false;
  template <typename T>
  static T param(double) {
    return T();
  }
  template <typename From>
  static To call(const From*, From x) {
    return To(x);
  }
};

void scale_bytes(int64_t n, void* out, const void* const* in, const int64_t*, const double*) {
  float* const y = static_cast<float*>(out);
  const uint8_t* const x = static_cast<const uint8_t*>(in[0]);
  const float factor = *static_cast<const float*>(in[1]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]) * factor;
}

}  // namespace

void CHAINRULE_ENTRY(casts)(KernelTable& table) {
  constexpr int kHalf = static_cast<int>(DType::kBFloat16);
  constexpr int kFloat = static_cast<int>(DType::kFloat32);
  table.cast[kFloat][kHalf] = &map_unary<Cast<BFloat16>, float, BFloat16>;
  table.cast[static_cast<int>(DType::kUInt8)][kFloat] = &map_unary<Cast<float>, uint8_t, float>;
  table.scale_bytes = &scale_bytes;
  table.cast[kHalf][kFloat] = &map_unary<Cast<float>, BFloat16, float>;
}

}  // namespace chainrule::kernels
