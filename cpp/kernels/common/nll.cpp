#include "kernels/nll.h"

#include <cstring>

namespace chainrule::kernels {

namespace {

bool in_range(int64_t target, int64_t cols) { return target >= 0 && target < cols; }

template <typename T>
int64_t losses(const NllArgs& args, int64_t row_begin, int64_t row_end) {
  const T* scores = static_cast<const T*>(args.scores);
  const T* weight = static_cast<const T*>(args.weight);
  T* loss = static_cast<T*>(args.loss);
  T* scale = static_cast<T*>(args.scale);
  int64_t bad = -1;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const int64_t t = args.target[r];
    const bool ignored = t == args.ignore_index, counts = !ignored && in_range(t, args.cols);
    scale[r] = counts ? weight ? weight[t] : T(1) : T(0);
    loss[r] = counts ? -(scores[r * args.cols + t] * scale[r]) : T(0);
    if (!counts && !ignored && bad < 0) bad = r;
  }
  return bad;
}

template <typename T>
void gradients(const NllBackwardArgs& args, int64_t row_begin, int64_t row_end) {
  const T* weight = static_cast<const T*>(args.weight);
  const T* dy = static_cast<const T*>(args.dy);
  const T divisor = *static_cast<const T*>(args.divisor);
  T* dx = static_cast<T*>(args.dscores) + row_begin * args.cols;
  std::memset(dx, 0, static_cast<size_t>((row_end - row_begin) * args.cols) * sizeof(T));
  for (int64_t r = row_begin; r < row_end; ++r, dx += args.cols) {
    const int64_t t = args.target[r];
    const T upstream = dy[r * args.dy_stride];
    if (upstream == 0 || t == args.ignore_index || !in_range(t, args.cols)) continue;
    dx[t] = -(upstream / divisor * (weight ? weight[t] : T(1)));
  }
}

}  // namespace

int64_t nll(DType t, const NllArgs& args, int64_t row_begin, int64_t row_end) {
  return t == DType::kFloat32 ? losses<float>(args, row_begin, row_end)
                              : losses<double>(args, row_begin, row_end);
}

void nll_backward(DType t, const NllBackwardArgs& args, int64_t row_begin, int64_t row_end) {
  return t == DType::kFloat32 ? gradients<float>(args, row_begin, row_end)
                              : gradients<double>(args, row_begin, row_end);
}

}  // namespace chainrule::kernels
