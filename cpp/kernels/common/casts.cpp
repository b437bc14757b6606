// Casts between all pairs of the seven dtypes. Floating to integer truncates; what does not fit
// (and NaN) becomes the type's minimum in int32 and int64, and the low byte of the int64 result in
// uint8, as PyTorch on x86. Anything non-zero, NaN too, is true.
#include "kernels/bfloat16.h"
#include "kernels/common/common.h"
#include "kernels/loops.h"
#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

// A comparison that NaN fails guards the conversion, so it is always defined.
template <typename To, typename From>
To truncate(From x) {
  constexpr To kMin = sizeof(To) == 4 ? static_cast<To>(INT32_MIN) : static_cast<To>(INT64_MIN);
  constexpr From kLimit = -static_cast<From>(kMin);  // 2^31 or 2^63, exact
  return x < kLimit && x > -kLimit - From(1) ? static_cast<To>(x) : kMin;
}

template <typename To, typename From>
To convert(From x) {
  if constexpr (__is_same(To, bool)) {
    return x != From(0);
  } else if constexpr (!maths::kIsFloating<From> || maths::kIsFloating<To>) {
    return static_cast<To>(x);
  } else if constexpr (__is_same(To, uint8_t)) {
    return static_cast<uint8_t>(truncate<int64_t>(x));
  } else {
    return truncate<To>(x);
  }
}

template <typename To>
struct CastTo {
  static constexpr int kParams = 0;
  static constexpr bool kCostly = false;
  template <typename From>
  static From param(double) {
    return From();
  }
  template <typename From>
  static To call(const From*, From x) {
    if constexpr (__is_same(From, To)) {
      return x;
    } else if constexpr (__is_same(From, BFloat16)) {
      return convert<To>(static_cast<float>(x));
    } else if constexpr (__is_same(To, BFloat16)) {
      return BFloat16(convert<float>(x));
    } else {
      return convert<To>(x);
    }
  }
};

template <typename From>
void set_from(ElementwiseFn* to) {
  to[static_cast<int>(DType::kBool)] = &map_unary<CastTo<bool>, From, bool>;
  to[static_cast<int>(DType::kUInt8)] = &map_unary<CastTo<uint8_t>, From, uint8_t>;
  to[static_cast<int>(DType::kInt32)] = &map_unary<CastTo<int32_t>, From, int32_t>;
  to[static_cast<int>(DType::kInt64)] = &map_unary<CastTo<int64_t>, From, int64_t>;
  to[static_cast<int>(DType::kBFloat16)] = &map_unary<CastTo<BFloat16>, From, BFloat16>;
  to[static_cast<int>(DType::kFloat32)] = &map_unary<CastTo<float>, From, float>;
  to[static_cast<int>(DType::kFloat64)] = &map_unary<CastTo<double>, From, double>;
}

}  // namespace

void fill_common_casts(KernelTable& table) {
  set_from<bool>(table.cast[static_cast<int>(DType::kBool)]);
  set_from<uint8_t>(table.cast[static_cast<int>(DType::kUInt8)]);
  set_from<int32_t>(table.cast[static_cast<int>(DType::kInt32)]);
  set_from<int64_t>(table.cast[static_cast<int>(DType::kInt64)]);
  set_from<BFloat16>(table.cast[static_cast<int>(DType::kBFloat16)]);
  set_from<float>(table.cast[static_cast<int>(DType::kFloat32)]);
  set_from<double>(table.cast[static_cast<int>(DType::kFloat64)]);
}

}  // namespace chainrule::kernels
