#include "kernels/labels.h"

namespace chainrule::kernels {

namespace {

// Whether all labels are classes or -1; `count` is how many come before the first -1.
bool read_labels(int64_t cols, const int64_t* labels, int64_t* count) {
  *count = cols;
  for (int64_t i = 0; i < cols; ++i) {
    if (labels[i] < -1 || labels[i] >= cols) return false;
    if (labels[i] == -1 && i < *count) *count = i;
  }
  return true;
}

// While it is made, slope counts the pairs that are too close: of a label from -1 downwards, which
// marks it as one, of every other class from 0 upwards.
template <typename T>
T row_margin(int64_t cols, const T* x, const int64_t* labels, int64_t count, T* slope) {
  for (int64_t i = 0; i < cols; ++i) slope[i] = 0;
  for (int64_t k = 0; k < count; ++k) slope[labels[k]] = -1;
  T sum = 0;
  for (int64_t k = 0; k < count; ++k) {
    const T own = T(1) - x[labels[k]];
    T hits = 0;
    for (int64_t i = 0; i < cols; ++i) {
      const T gap = own + x[i];
      const bool close = slope[i] >= 0 && !(gap <= 0);  // NaN shows
      sum += close ? gap : T(0);
      hits += close ? T(1) : T(0);
      slope[i] += close ? T(1) : T(0);
    }
    slope[labels[k]] -= hits;
  }
  const T share = T(1) / static_cast<T>(cols);
  for (int64_t i = 0; i < cols; ++i) slope[i] = (slope[i] < 0 ? slope[i] + 1 : slope[i]) * share;
  return sum * share;
}

template <typename T>
int64_t typed(const LabelMarginArgs& args, int64_t begin, int64_t end) {
  int64_t bad = -1;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * args.cols;
    int64_t count = 0;
    const bool good = read_labels(args.cols, args.labels + at, &count);
    if (!good && bad < 0) bad = row;
    static_cast<T*>(args.loss)[row] =
        row_margin(args.cols, static_cast<const T*>(args.scores) + at, args.labels + at,
                   good ? count : 0, static_cast<T*>(args.slope) + at);
  }
  return bad;
}

}  // namespace

int64_t label_margins(DType t, const LabelMarginArgs& args, int64_t row_begin, int64_t row_end) {
  return t == DType::kFloat32 ? typed<float>(args, row_begin, row_end)
                              : typed<double>(args, row_begin, row_end);
}

}  // namespace chainrule::kernels
