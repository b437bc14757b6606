// What losses against classes share: scores (C,), (N, C) or (N, C, d1, ...) and a class per score
// vector, put in lines.
#pragma once

#include "ops/loss.h"

namespace chainrule::ops {

int class_dim(const Tensor& scores);
// (N, C, d1, ...) as dense (rows, C).
Tensor score_rows(const Tensor& scores);
// Input 1, the classes, as dense (rows,) of int64; ShapeError, DtypeError for others.
Tensor target_rows(const Call& c);
// DtypeError unless the scores are floating.
void check_scores(const Call& c);
// The optional input 2, a dense weight for each class.
Tensor class_weight(const Call& c);

}  // namespace chainrule::ops
