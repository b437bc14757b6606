// What still comes from the C library, one element at a time: body and tail are equal by nature.
#pragma once

#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {
namespace maths {

#define CHAINRULE_LIBM1(name)                                                \
  CHAINRULE_HD inline float name(float x) { return __builtin_##name##f(x); } \
  CHAINRULE_HD inline double name(double x) { return __builtin_##name(x); }
#define CHAINRULE_LIBM2(name)                                                            \
  CHAINRULE_HD inline float name(float x, float y) { return __builtin_##name##f(x, y); } \
  CHAINRULE_HD inline double name(double x, double y) { return __builtin_##name(x, y); }

// One instruction each from SSE4.1 on. rint rounds halves to even.
CHAINRULE_LIBM1(floor)
CHAINRULE_LIBM1(ceil)
CHAINRULE_LIBM1(trunc)
CHAINRULE_LIBM1(rint)

CHAINRULE_LIBM2(pow)
CHAINRULE_LIBM2(fmod)

// trigonometry.h has its own for all but far angles.
namespace libm {
CHAINRULE_LIBM1(sin)
CHAINRULE_LIBM1(cos)
CHAINRULE_LIBM1(tan)
}  // namespace libm

#undef CHAINRULE_LIBM1
#undef CHAINRULE_LIBM2

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
