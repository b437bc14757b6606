#include "ops/sides.h"

namespace chainrule::ops {

namespace {

bool in_range(const Dims& values, int64_t least) {
  for (int64_t v : values) {
    if (v < least || v > kMostOfSide) return false;
  }
  return true;
}

}  // namespace

void check_sides(const Call& c, const char* what, const Dims& values, int count, int64_t least) {
  if (values.size() == count && in_range(values, least)) return;
  fail<ShapeError>(c.name(), "expected ", count, " values of ", what, " in [", least, ", ",
                   kMostOfSide, "]; got ", values, ".");
}

Dims per_side(const char* op, const char* what, const Dims& values, int sides, int64_t least) {
  const bool fits = values.size() == 1 || values.size() == sides;
  if (!fits || !in_range(values, least)) {
    fail<ShapeError>(op, "expected ", what, ", an int ",
                     sides == 1 ? "" : "or one for each of the 2 sides, ", "in [", least, ", ",
                     kMostOfSide, "]; got ", values, ".");
  }
  return values.size() == sides ? values : Dims(sides, values[0]);
}

Dims of_plane(Dims values, int sides, int64_t of_height, int times) {
  for (int i = 0; sides == 1 && i < times; ++i) values.insert(0, of_height);
  return values;
}

Tensor as_plane(const Tensor& t, int sides) {
  if (sides == 2) return contiguous(t);
  return view(contiguous(t), {t.size(0), t.size(1), 1, t.size(2)});
}

}  // namespace chainrule::ops
