#include "kernels/labels.h"

#include "kernels/cpu/vector.h"

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

// What a label's pairs cost, and how many are too close.
template <typename T>
struct Pairs {
  Vector<T> cost{}, hits{};

  // With the classes of one vector; those whose slope is negative are labels, too.
  void add(T own, Vector<T> scores, Vector<T>& slope) {
    const Vector<T> none{}, gap = own + scores;
    const auto apart = (gap <= 0) | (slope < 0);  // of NaN false, so that it shows
    const Vector<T> hit = apart ? none : none + T(1);
    cost += apart ? none : gap;
    hits += hit;
    slope += hit;
  }
};

template <typename T>
T total(Vector<T> lanes) {
  T sum = 0;
  for (int64_t i = 0; i < kWidth<T>; ++i) sum += lanes[i];
  return sum;
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
    Pairs<T> pairs;
    int64_t i = 0;
    for (; i + kWidth<T> <= cols; i += kWidth<T>) {
      Vector<T> counts = load(slope + i);
      pairs.add(own, load(x + i), counts);
      store(slope + i, counts);
    }
    Vector<T> rest{}, counts = rest - T(1);  // beyond the last class there are labels
    for (int64_t l = 0; l < cols - i; ++l) rest[l] = x[i + l], counts[l] = slope[i + l];
    pairs.add(own, rest, counts);
    for (int64_t l = 0; l < cols - i; ++l) slope[i + l] = counts[l];
    sum += total<T>(pairs.cost);
    slope[labels[k]] -= total<T>(pairs.hits);
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
