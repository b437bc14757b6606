// Columns brought to mean 0 and variance 1, and the gradients: what BatchNorm of (N, C) is. The
// columns of a band stand side by side, so that lanes are columns and rows are read in one piece.
// Sums go over blocks of rows, each from zero, added up in ascending order.
#include "kernels/blocking.h"
#include "kernels/cpu/entry.h"
#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {

// A value of each column of a band.
template <typename T>
struct Band {
  T at[kNormalizeBand];
};

// The sums over all rows of what term(row, column) gives for the columns of a band.
template <typename T, typename Term>
[[gnu::always_inline]] inline Band<T> sum_down(int64_t rows, int64_t width, Term term) {
  Band<T> total = {};
  for (int64_t begin = 0; begin < rows; begin += kProductBlockK) {
    const int64_t end = rows - begin < kProductBlockK ? rows : begin + kProductBlockK;
    Band<T> block = {};
    for (int64_t r = begin; r < end; ++r) {
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) block.at[j] += term(r, j);
    }
    for (int64_t j = 0; j < width; ++j) total.at[j] += block.at[j];
  }
  return total;
}

template <typename T>
struct Affine {
  Band<T> weight, bias;
  bool has_weight, has_bias;

  Affine(const void* w, const void* b, int64_t first, int64_t width)
      : has_weight(w != nullptr), has_bias(b != nullptr) {
    for (int64_t j = 0; j < width; ++j) {
      weight.at[j] = w ? static_cast<const T*>(w)[first + j] : T(1);
      bias.at[j] = b ? static_cast<const T*>(b)[first + j] : T(0);
    }
  }
};

template <typename T>
void normalize_band(const NormalizeArgs& args, int64_t first, int64_t width) {
  const int64_t rows = args.rows, cols = args.cols;
  const T n = static_cast<T>(rows);
  const T* x = static_cast<const T*>(args.x) + first;
  T* y = static_cast<T*>(args.y) + first;
  Band<T> mean = {}, rstd;
  if (args.center) {
    mean = sum_down<T>(rows, width, [=](int64_t r, int64_t j) { return x[r * cols + j]; });
    for (int64_t j = 0; j < width; ++j) mean.at[j] /= n;
  }
  Band<T> var = sum_down<T>(rows, width, [&mean, x, cols](int64_t r, int64_t j) {
    const T distance = x[r * cols + j] - mean.at[j];
    return distance * distance;
  });
  for (int64_t j = 0; j < width; ++j) {
    var.at[j] /= n;
    rstd.at[j] = T(1) / maths::sqrt(var.at[j] + static_cast<T>(args.eps));
    static_cast<T*>(args.mean)[first + j] = mean.at[j];
    static_cast<T*>(args.var)[first + j] = var.at[j];
    static_cast<T*>(args.rstd)[first + j] = rstd.at[j];
  }
  const Affine<T> affine(args.weight, args.bias, first, width);
  for (int64_t r = 0; r < rows; ++r) {
#pragma GCC ivdep
    for (int64_t j = 0; j < width; ++j) {
      const T hat = (x[r * cols + j] - mean.at[j]) * rstd.at[j];
      const T scaled = affine.has_weight ? hat * affine.weight.at[j] : hat;
      y[r * cols + j] = affine.has_bias ? scaled + affine.bias.at[j] : scaled;
    }
  }
}

// ---- What the gradients read of a band.

template <typename T>
struct Incoming {
  const T *dy, *x;
  int64_t cols;
  Band<T> mean, rstd, weight;

  Incoming(const NormalizeBackwardArgs& args, int64_t first, int64_t width)
      : dy(static_cast<const T*>(args.dy) + first),
        x(static_cast<const T*>(args.x) + first),
        cols(args.cols) {
    for (int64_t j = 0; j < width; ++j) {
      mean.at[j] = static_cast<const T*>(args.mean)[first + j];
      rstd.at[j] = static_cast<const T*>(args.rstd)[first + j];
      weight.at[j] = args.weight ? static_cast<const T*>(args.weight)[first + j] : T(1);
    }
  }
  T hat(int64_t r, int64_t j) const { return (x[r * cols + j] - mean.at[j]) * rstd.at[j]; }
  T g(int64_t r, int64_t j) const { return maths::chain(dy[r * cols + j], weight.at[j]); }
};

// dx = rstd (g - mean(g) - x^ mean(g x^)) with g = dy weight and x^ the normalised x.
template <typename T>
void backward_band(const NormalizeBackwardArgs& args, int64_t first, int64_t width) {
  const int64_t rows = args.rows;
  const T n = static_cast<T>(rows);
  const Incoming<T> in(args, first, width);
  T* dx = static_cast<T*>(args.out) + first;
  Band<T> mean_g = {};
  if (args.center) {
    mean_g = sum_down<T>(rows, width, [&in](int64_t r, int64_t j) { return in.g(r, j); });
    for (int64_t j = 0; j < width; ++j) mean_g.at[j] /= n;
  }
  Band<T> mean_dot = sum_down<T>(
      rows, width, [&in](int64_t r, int64_t j) { return maths::chain(in.g(r, j), in.hat(r, j)); });
  for (int64_t j = 0; j < width; ++j) mean_dot.at[j] /= n;
  for (int64_t r = 0; r < rows; ++r) {
#pragma GCC ivdep
    for (int64_t j = 0; j < width; ++j) {
      const T along = maths::chain(mean_dot.at[j], in.hat(r, j));
      dx[r * args.cols + j] = maths::chain((in.g(r, j) - mean_g.at[j]) - along, in.rstd.at[j]);
    }
  }
}

template <typename T>
void weight_band(const NormalizeBackwardArgs& args, int64_t first, int64_t width) {
  const Incoming<T> in(args, first, width);
  const Band<T> sums = sum_down<T>(args.rows, width, [&in](int64_t r, int64_t j) {
    return maths::chain(in.dy[r * in.cols + j], in.hat(r, j));
  });
  for (int64_t j = 0; j < width; ++j) static_cast<T*>(args.out)[first + j] = sums.at[j];
}

template <typename Args, void (*kDo)(const Args&, int64_t, int64_t)>
void by_bands(const Args& args, int64_t begin, int64_t end) {
  for (int64_t c = begin; c < end; c += kNormalizeBand)
    kDo(args, c, end - c < kNormalizeBand ? end - c : kNormalizeBand);
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize[1][kType] = &by_bands<NormalizeArgs, &normalize_band<T>>;
  table.normalize_backward[1][kType] = &by_bands<NormalizeBackwardArgs, &backward_band<T>>;
  table.normalize_weight[1][kType] = &by_bands<NormalizeBackwardArgs, &weight_band<T>>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize_columns)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
