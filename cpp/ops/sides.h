// What operations on windows are given for the sides of planes: a number each, or one for all.
#pragma once

#include "ops/rules.h"

namespace chainrule::ops {

inline constexpr int64_t kMostOfSide = INT32_MAX;  // so that places are computed in int64

// ShapeError unless there are `count` values in [least, kMostOfSide].
void check_sides(const Call& c, const char* what, const Dims& values, int count, int64_t least);

// ---- What users give: lines are planes of height 1.

// One for each of the sides, in that range.
Dims per_side(const char* op, const char* what, const Dims& values, int sides, int64_t least);
// The same for planes.
Dims of_plane(Dims values, int sides, int64_t of_height, int times = 1);
Tensor as_plane(const Tensor& t, int sides);

}  // namespace chainrule::ops
