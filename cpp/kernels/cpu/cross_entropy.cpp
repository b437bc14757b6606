// Cross-entropy of logits against integer targets, and its gradient; PyTorch's formulas for
// weights, ignore_index and label smoothing.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_tile.h"

namespace chainrule::kernels {
namespace {

bool in_range(int64_t target, int64_t cols) { return target >= 0 && target < cols; }

// With label smoothing e the target is (1 - e) w[t] at t and (e / cols) w[c] at every class c.
template <typename T>
struct Weights {
  const T* of_class;  // or null: all 1
  T hit, even, sum;   // 1 - e, e / cols, of all classes

  explicit Weights(const CrossEntropyArgs& args) : of_class(static_cast<const T*>(args.weight)) {
    const T smoothing = static_cast<T>(args.label_smoothing);
    hit = T(1) - smoothing;
    even = smoothing / static_cast<T>(args.cols);
    sum = of_class && even > 0 ? reduce_contiguous<Sum>(of_class, args.cols)
                               : static_cast<T>(args.cols);
  }
  T operator[](int64_t c) const { return of_class ? of_class[c] : T(1); }
  bool plain() const { return !of_class && even == 0; }
};

// The smoothed loss: hit w[t] (-log p[t]) + even (sum over c of w[c] (-log p[c])).
template <typename T>
T smoothed_loss(const Weights<T>& w, const T* x, int64_t cols, T max, T log_sum, T plain) {
  T sum = 0;
  for (int64_t c = 0; c < cols; ++c) sum += w[c] * ((x[c] - max) - log_sum);
  return w.hit * plain - w.even * sum;
}

// p, the row's softmax, becomes the gradient of its loss: (sum of the target) p - target.
template <typename T>
void slope_of(const Weights<T>& w, T* p, int64_t cols, int64_t t) {
  if (w.even == 0) {
    const T weight = w[t], at_target = weight * (p[t] - T(1));
    if (w.of_class) {
      for (int64_t c = 0; c < cols; ++c) p[c] *= weight;
    }
    p[t] = at_target;
    return;
  }
  const T hit = w.hit * w[t], total = hit + w.even * w.sum;
  const T at_target = (total * p[t] - w.even * w[t]) - hit;
  for (int64_t c = 0; c < cols; ++c) p[c] = total * p[c] - w.even * w[c];
  p[t] = at_target;
}

// Loss, scale and, where it is asked for, slope of row r, whose softmax stands where the slope
// goes; false if its target is out of range.
template <typename T>
bool finish_row(const CrossEntropyArgs& args, const Weights<T>& w, int64_t r, T max, T log_sum) {
  const T* x = static_cast<const T*>(args.logits) + r * args.cols;
  T* const slope = args.slope ? static_cast<T*>(args.slope) + r * args.cols : nullptr;
  const int64_t t = args.target[r];
  const bool ignored = t == args.ignore_index, valid = !ignored && in_range(t, args.cols);
  T loss = 0, scale = 0;
  if (valid) {
    scale = w[t];
    loss = scale * -((x[t] - max) - log_sum);
    if (w.even > 0) loss = smoothed_loss(w, x, args.cols, max, log_sum, loss);
    if (slope) slope_of(w, slope, args.cols, t);
  } else if (slope) {
    for (int64_t c = 0; c < args.cols; ++c) slope[c] = 0;
  }
  static_cast<T*>(args.loss)[r] = loss;
  static_cast<T*>(args.scale)[r] = scale;
  return valid || ignored;
}

// Targets of the rows first + lane as numbers of the lanes' type, -1 for a row that is ignored or
// bad; lanes beyond `rows` repeat the last row. The first bad row, or -1.
template <typename T>
int64_t load_targets(const CrossEntropyArgs& args, int64_t first, int64_t rows,
                     RowLanes<T>& target) {
  int64_t t[kRowLanes], wrong[kRowLanes];
  const int64_t* from = args.target + first;
  for_lanes([&](int64_t lane) { t[lane] = from[lane < rows ? lane : rows - 1]; });
  for_lanes([&](int64_t lane) {
    const bool valid = in_range(t[lane], args.cols), ignored = t[lane] == args.ignore_index;
    target.at[lane] = valid && !ignored ? static_cast<T>(t[lane]) : T(-1);
    wrong[lane] = !valid && !ignored;
  });
  int64_t any = 0;
  for (int64_t lane = 0; lane < kRowLanes; ++lane) any |= wrong[lane];
  if (!any) return -1;
  int64_t lane = 0;
  while (!wrong[lane]) ++lane;
  return first + lane;
}

// loss = -((x[t] - max) - log_sum), scale = 1.
template <typename T>
void finish_lanes(const CrossEntropyArgs& args, int64_t first, int64_t rows,
                  const RowLanes<T>& target, const RowLanes<T>& score, const RowLanes<T>& max,
                  const RowLanes<T>& log_sum) {
  RowLanes<T> loss, scale;
  for_lanes([&](int64_t lane) {
    const bool valid = target.at[lane] >= 0;
    loss.at[lane] = valid ? -((score.at[lane] - max.at[lane]) - log_sum.at[lane]) : T(0);
    scale.at[lane] = valid ? T(1) : T(0);
  });
  store_lanes(static_cast<T*>(args.loss) + first, loss, rows);
  store_lanes(static_cast<T*>(args.scale) + first, scale, rows);
}

template <typename T>
int64_t cross_entropy_block(const CrossEntropyArgs& args, const Weights<T>& w, int64_t first,
                            int64_t rows) {
  const int64_t cols = args.cols;
  T* const slope = args.slope ? static_cast<T*>(args.slope) + first * cols : nullptr;
  RowBlock<T> block;
  load_rows(block, static_cast<const T*>(args.logits) + first * cols, rows, cols);
  const RowLanes<T> max = reduce_lanes<Peak>(block, cols);
  RowLanes<T> target, score;  // the target's logit
  int64_t bad = load_targets(args, first, rows, target);
  for_lanes([&](int64_t lane) { score.at[lane] = 0; });
  for (int64_t c = 0; w.plain() && c < cols; ++c) pick_lanes(score, block.column[c], target, c);
  const RowLanes<T> sum = exponentials(block, max, cols);
  if (slope) divide_lanes(block, sum, cols);
  const RowLanes<T> log_sum = log_lanes(sum);
  if (w.plain()) {
    finish_lanes(args, first, rows, target, score, max, log_sum);
    if (!slope) return bad;
    for (int64_t c = 0; c < cols; ++c) slope_lanes(block.column[c], target, c);
    store_rows(slope, block, rows, cols);
    return bad;
  }
  if (slope) store_rows(slope, block, rows, cols);
  for (int64_t i = 0; i < rows; ++i) finish_row(args, w, first + i, max.at[i], log_sum.at[i]);
  return bad;
}

template <typename T>
[[gnu::noinline]] int64_t cross_entropy_tiles(const CrossEntropyArgs& args, const Weights<T>& w,
                                              int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  RowTile<T> tile(cols);
  int64_t bad = -1;
  for_row_tiles(tile, row_begin, row_end, [&](int64_t first, int64_t rows) {
    RowLanes<T> max, sum;
    exponentials(tile, static_cast<const T*>(args.logits) + first * cols, rows, cols, max, sum);
    const RowLanes<T> log_sum = log_lanes(sum);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t r = first + i;
      if (args.slope) {
        scale_row(cols, static_cast<T*>(args.slope) + r * cols, tile.row(i), T(1) / sum.at[i]);
      }
      if (!finish_row(args, w, r, max.at[i], log_sum.at[i]) && bad < 0) bad = r;
    }
  });
  return bad;
}

template <typename T>
[[gnu::noinline]] int64_t cross_entropy_rows(const CrossEntropyArgs& args, const Weights<T>& w,
                                             int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  int64_t bad = -1;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.logits) + r * cols;
    T* const p = args.slope ? static_cast<T*>(args.slope) + r * cols : nullptr;
    const T max = reduce_contiguous<Peak>(x, cols), sum = exponentials(p, x, max, cols);
    if (p) scale_row(cols, p, p, T(1) / sum);
    if (!finish_row(args, w, r, max, maths::log(sum)) && bad < 0) bad = r;
  }
  return bad;
}

template <typename T>
int64_t cross_entropy(const CrossEntropyArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const Weights<T> w(args);
  if (!RowTile<T>::holds(cols)) return cross_entropy_rows(args, w, row_begin, row_end);
  if (cols > kNarrowCols) return cross_entropy_tiles(args, w, row_begin, row_end);
  int64_t bad = -1;
  for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
    const int64_t found = cross_entropy_block<T>(args, w, r, rows);
    if (bad < 0) bad = found;
  });
  return bad;
}

template <typename T>
void cross_entropy_backward(const CrossEntropyBackwardArgs& args, int64_t row_begin,
                            int64_t row_end) {
  const int64_t cols = args.cols;
  const T* dy = static_cast<const T*>(args.dy);
  const T divisor = *static_cast<const T*>(args.divisor);
  const T* slope = static_cast<const T*>(args.slope) + row_begin * cols;
  T* dx = static_cast<T*>(args.dlogits) + row_begin * cols;
  const T common = *dy / divisor;
  // One factor for all rows; an ignored row's zeros times it are zeros.
  if (args.dy_stride == 0 && common > 0 && __builtin_isfinite(common)) {
    return scale_row((row_end - row_begin) * cols, dx, slope, common);
  }
  for (int64_t r = row_begin; r < row_end; ++r, dx += cols, slope += cols) {
    const T upstream = dy[r * args.dy_stride];
    if (upstream == 0 || args.target[r] == args.ignore_index || !in_range(args.target[r], cols)) {
      for (int64_t j = 0; j < cols; ++j) dx[j] = 0;
    } else {
      scale_row(cols, dx, slope, upstream / divisor);
    }
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.cross_entropy[kType] = &cross_entropy<T>;
  table.cross_entropy_backward[kType] = &cross_entropy_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(cross_entropy)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
