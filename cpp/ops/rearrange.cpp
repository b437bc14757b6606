// Elements moved or repeated, as copies: flip, roll, repeat, tile, tril, triu, diag.
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

void forward_flip(Run& r) {
  const Tensor& x = r[0];
  const Dims dims = normalize_dims(r.name(), r.as<FlipAttrs>().dims, x.dim());
  if (x.numel() == 0) return;
  Dims strides = x.strides();
  int64_t offset = x->offset;
  for (int64_t d : dims) {
    offset += (x.sizes()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  copy_strided(r.out(), x.alias(x.sizes(), strides, offset));
}

Tensor roll_dim(const Tensor& x, int d, int64_t shift) {
  const int64_t n = x.sizes()[d];
  if (n == 0) return x;
  const int64_t front = ((shift % n) + n) % n;
  if (front == 0) return x;
  const Tensor parts[] = {slice(x, d, n - front, n), slice(x, d, 0, n - front)};
  return cat(parts, d);
}

// Dimension d repeated `count` times.
Tensor repeat_dim(const Tensor& x, int d, int64_t count) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < d; ++i) outer *= x.sizes()[i];
  for (int i = d; i < x.dim(); ++i) inner *= x.sizes()[i];
  // First what refuses too many elements: the size below then fits.
  const Tensor repeated = expand(reshape(x, {outer, 1, inner}), {outer, count, inner});
  Dims sizes = x.sizes();
  sizes[d] *= count;
  return reshape(repeated, sizes);
}

Tensor repeat_all(const char* op, const Tensor& x, const Dims& repeats) {
  if (repeats.size() < x.dim()) {
    fail<ShapeError>(op, "expected a repetition for each of the ", x.dim(), " dimensions of ",
                     x.sizes(), "; got ", repeats, ".");
  }
  for (int64_t r : repeats) {
    if (r < 0) fail<ShapeError>(op, "expected repetitions >= 0; got ", repeats, ".");
  }
  Dims sizes(repeats.size() - x.dim(), 1);
  for (int64_t s : x.sizes()) sizes.push_back(s);
  Tensor y = reshape(x, sizes);
  for (int d = 0; d < repeats.size(); ++d) {
    if (repeats[d] != 1) y = repeat_dim(y, d, repeats[d]);
  }
  return y->storage == x->storage ? clone(y) : contiguous(y);  // no expanded one either
}

void infer_triangle(Infer& c) {
  if (c[0].dim() < 2) {
    fail<ShapeError>(c.name(), "expected at least 2 dimensions; got ", c[0].sizes(), ".");
  }
  c.out(c[0].dtype(), c[0].sizes());
}

void run_triangle(Run& r, int64_t diagonal, bool upper) {
  const Tensor &x = r[0], &out = r.out();
  if (x.numel() == 0) return;
  const void* in = x.raw();
  if (!x.is_contiguous()) {
    copy_strided(out, x);  // a row is then cut in place
    in = out.raw();
  }
  const int64_t cols = x.size(-1), rows = x.numel() / cols;
  const int64_t limit = x.size(-2) + cols;  // further out the answer does not change
  const kernels::Triangle job{static_cast<int64_t>(itemsize(x.dtype())),
                              x.size(-2),
                              cols,
                              std::clamp(diagonal, -limit, limit),
                              upper,
                              in,
                              out.raw()};
  const int64_t rows_per_tile = std::max<int64_t>(1, (1 << 14) / cols);
  LongWork release(x.numel());
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, x.numel(), [&](int64_t t) {
    kernels::triangle(job, t * rows_per_tile, std::min(rows, (t + 1) * rows_per_tile));
  });
}

}  // namespace

const OpDef kFlip = {
    .name = "flip",
    .doc = "The order along the dimensions dims reversed, as a copy.",
    .signatures = {"flip(Tensor input, int[] dims) -> Tensor"},
    .infer =
        [](Infer& c) {
          normalize_dims(c.name(), c.as<FlipAttrs>().dims, c[0].dim());
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward = forward_flip,
    .grad = {{0, kReadsNothing, [](Backward& b) { return flip(b.dy(), b.as<FlipAttrs>().dims); }}},
};

const OpDef kRoll = {
    .name = "roll",
    .doc =
        "The elements moved by shifts along dims, those pushed out at one end coming back at "
        "the other; without dims the flattened tensor is rolled.",
    .signatures = {"roll(Tensor input, int[] shifts, int[]? dims=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RollAttrs>();
          const Tensor& x = c[0];
          if (!a.dims.has || a.dims.value.empty()) {
            if (a.shifts.size() != 1) {
              fail<ShapeError>(c.name(), "expected one shift without dims; got ", a.shifts, ".");
            }
            const Tensor flat = roll_dim(reshape(x, Dims{-1}), 0, a.shifts[0]);
            return just(clone(view(flat, x.sizes())));
          }
          if (a.shifts.size() != a.dims.value.size()) {
            fail<ShapeError>(c.name(), "expected as many shifts as dims; got ", a.shifts, " and ",
                             a.dims.value, ".");
          }
          Tensor y = x;
          for (int i = 0; i < a.shifts.size(); ++i) {
            if (y.dim() == 0) {
              fail<IndexError>(c.name(), "expected no dims for a 0-dimensional tensor; got ",
                               a.dims.value, ".");
            }
            y = roll_dim(y, normalize_dim(c.name(), a.dims.value[i], y.dim()), a.shifts[i]);
          }
          return just(y->storage == x->storage ? clone(y) : y);
        },
};

const OpDef kRepeat = {
    .name = "repeat",
    .doc =
        "The tensor repeated repeats[i] times along dimension i, as a copy; missing dimensions "
        "come in front.",
    .signatures = {"repeat(Tensor input, int[] repeats) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) { return just(repeat_all(c.name(), c[0], c.as<RepeatAttrs>().repeats)); },
};

const OpDef kTile = {
    .name = "tile",
    .doc = "repeat() with ones put in front where the list is too short.",
    .signatures = {"tile(Tensor input, int[] dims) -> Tensor"},
    .compose =
        [](const Call& c) {
          Dims repeats = c.as<TileAttrs>().dims;
          while (repeats.size() < c[0].dim()) repeats.insert(0, 1);
          return just(repeat_all(c.name(), c[0], repeats));
        },
};

const OpDef kTril = {
    .name = "tril",
    .doc =
        "The part of the matrices (last two dimensions) on and below a diagonal, 0 above it; "
        "diagonal > 0 lies above the main one.",
    .signatures = {"tril(Tensor input, int diagonal=0) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_triangle,
    .forward = [](Run& r) { run_triangle(r, r.as<TrilAttrs>().diagonal, false); },
    .grad = {{0, kReadsNothing,
              [](Backward& b) { return tril(b.dy(), b.as<TrilAttrs>().diagonal); }}},
};

const OpDef kTriu = {
    .name = "triu",
    .doc =
        "The part of the matrices (last two dimensions) on and above a diagonal, 0 below it; "
        "diagonal > 0 lies above the main one.",
    .signatures = {"triu(Tensor input, int diagonal=0) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_triangle,
    .forward = [](Run& r) { run_triangle(r, r.as<TriuAttrs>().diagonal, true); },
    .grad = {{0, kReadsNothing,
              [](Backward& b) { return triu(b.dy(), b.as<TriuAttrs>().diagonal); }}},
};

const OpDef kDiag = {
    .name = "diag",
    .doc = "A matrix with the vector on its diagonal, or a matrix's diagonal as a copy.",
    .signatures = {"diag(Tensor input, int diagonal=0) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const int64_t diagonal_ = c.as<DiagAttrs>().diagonal;
          if (x.dim() == 2) return just(clone(diagonal(x, diagonal_)));
          if (x.dim() != 1) {
            fail<ShapeError>(c.name(), "expected 1 or 2 dimensions; got ", x.sizes(), ".");
          }
          const int64_t n = x.numel() + std::abs(diagonal_);
          const int64_t first = diagonal_ >= 0 ? diagonal_ : -diagonal_ * n;
          return just(window_backward(x, {n, n}, {n + 1}, first));
        },
};

}  // namespace chainrule::ops
