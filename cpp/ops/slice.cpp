// Views of a part: select, slice, narrow, diagonal, and the lists unbind, split and chunk. What was
// not part of the view gets gradient zero (window_backward).
#include <algorithm>
#include <cstring>

#include "core/allocator.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/view_rules.h"

namespace chainrule {

namespace {

Window select_window(const char* op, const SelectAttrs& a, const Dims& sizes, const Dims& strides) {
  if (sizes.empty()) {
    fail<IndexError>(op, "expected at least one dimension; got a 0-dimensional tensor.");
  }
  const int d = normalize_dim(op, a.dim, sizes.size());
  if (a.index < -sizes[d] || a.index >= sizes[d]) {
    fail<IndexError>(op, "expected an index in [", -sizes[d], ", ", sizes[d] - 1, "] for dim ", d,
                     " of ", sizes, "; got ", a.index, ".");
  }
  Window w{sizes, strides, (a.index < 0 ? a.index + sizes[d] : a.index) * strides[d]};
  w.sizes.erase(d);
  w.strides.erase(d);
  return w;
}

Window slice_window(const char* op, const SliceAttrs& a, const Dims& sizes, const Dims& strides) {
  if (sizes.empty()) {
    fail<IndexError>(op, "expected at least one dimension; got a 0-dimensional tensor.");
  }
  if (a.step <= 0) fail<ValueError>(op, "expected step > 0; got ", a.step, ". Use flip().");
  const int d = normalize_dim(op, a.dim, sizes.size());
  const int64_t n = sizes[d];
  const auto clip = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const int64_t start = a.start.has ? clip(a.start.value) : 0;
  const int64_t end = std::max(start, a.end.has ? clip(a.end.value) : n);
  Window w{sizes, strides, start * strides[d]};
  w.sizes[d] = (end - start) / a.step + ((end - start) % a.step != 0);
  // A step past the end is never taken; its product with the stride might overflow.
  w.strides[d] = w.sizes[d] > 1 ? strides[d] * a.step : strides[d];
  return w;
}

Window diagonal_window(const char* op, const DiagonalAttrs& a, const Dims& sizes,
                       const Dims& strides) {
  const Dims dims = normalize_dims(op, Dims{a.dim1, a.dim2}, sizes.size());
  const int d1 = static_cast<int>(dims[0]), d2 = static_cast<int>(dims[1]);
  // Far offsets are clipped: every one past the edge gives an empty diagonal.
  const int64_t offset = std::clamp(a.offset, -sizes[d1], sizes[d2]);
  const int64_t down = std::max<int64_t>(-offset, 0), right = std::max<int64_t>(offset, 0);
  const int64_t length = std::max<int64_t>(0, std::min(sizes[d1] - down, sizes[d2] - right));
  Window w{sizes, strides, length ? down * strides[d1] + right * strides[d2] : 0};
  w.sizes.erase(std::max(d1, d2));
  w.sizes.erase(std::min(d1, d2));
  w.strides.erase(std::max(d1, d2));
  w.strides.erase(std::min(d1, d2));
  w.sizes.push_back(length);
  w.strides.push_back(strides[d1] + strides[d2]);
  return w;
}

template <typename Attrs, Window (*kWindow)(const char*, const Attrs&, const Dims&, const Dims&)>
void infer_window(Infer& c) {
  const Tensor& x = c[0];
  const Window w = kWindow(c.name(), c.as<Attrs>(), x.sizes(), x.strides());
  c.view(w.sizes, w.strides, x->offset + w.offset);
}

template <typename Attrs, Window (*kWindow)(const char*, const Attrs&, const Dims&, const Dims&)>
Tensor window_gradient(Backward& b) {
  const Dims& sizes = b.shape(0).sizes;
  const Window w = kWindow("backward", b.as<Attrs>(), sizes, contiguous_strides(sizes));
  return window_backward(b.dy(), sizes, w.strides, w.offset);
}

}  // namespace

namespace ops {

namespace {

// Every part is a tensor of its own; more of them than memory has room for are refused before they
// take it.
void check_parts(const char* op, int64_t count) {
  constexpr int64_t kFew = 1 << 20, kBytes = 512;
  if (count <= kFew || count < memory_left() / kBytes) return;
  fail<OutOfMemory>(op, "expected parts that memory has room for; got ", count, ".");
}

// Pieces of `size` along d; the last one may be smaller. An empty dimension is one empty piece.
Tensors pieces(const char* op, const Tensor& x, int d, int64_t size) {
  const int64_t n = x.sizes()[d];
  check_parts(op, size ? n / size : 1);
  Tensors parts;
  int64_t start = 0;
  do {
    parts.push_back(slice(x, d, start, n - start > size ? start + size : n));
    start = n - start > size ? start + size : n;
  } while (start < n);
  return parts;
}

int piece_dim(const Call& c, const Tensor& x, int64_t dim) {
  if (x.dim() == 0) {
    fail<ShapeError>(c.name(), "expected at least one dimension; got a 0-dimensional tensor.");
  }
  return normalize_dim(c.name(), dim, x.dim());
}

}  // namespace

const OpDef kSelect = {
    .name = "select",
    .doc = "The part at `index` along dim, without that dimension; a view.",
    .signatures = {"select(Tensor input, int dim, int index) -> Tensor"},
    .infer = infer_window<SelectAttrs, select_window>,
    .grad = {{0, reads_shape(0), window_gradient<SelectAttrs, select_window>}},
    .traits = kView,
};

const OpDef kSlice = {
    .name = "slice",
    .doc = "The elements start, start + step, ... below end along dim, as Python slices; a view.",
    .signatures = {"slice(Tensor input, int dim=0, int? start=None, int? end=None, int step=1) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer = infer_window<SliceAttrs, slice_window>,
    .grad = {{0, reads_shape(0), window_gradient<SliceAttrs, slice_window>}},
    .traits = kView,
};

const OpDef kDiagonal = {
    .name = "diagonal",
    .doc =
        "The diagonal of the dimensions dim1 and dim2, as last dimension; offset > 0 lies above "
        "the main diagonal. A view.",
    .signatures = {"diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1) -> Tensor"},
    .infer = infer_window<DiagonalAttrs, diagonal_window>,
    .grad = {{0, reads_shape(0), window_gradient<DiagonalAttrs, diagonal_window>}},
    .traits = kView,
};

const OpDef kWindowBackward = {
    .name = "window_backward",
    .doc = "Zeros of the given sizes with dy in the window (stride, storage_offset).",
    .signatures = {"window_backward(Tensor dy, int[] size, int[] stride, int storage_offset) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<WindowBackwardAttrs>();
          check_window(c.name(), {c[0].sizes(), a.stride, a.storage_offset}, 0,
                       checked_numel(c.name(), a.size));
          c.out(c[0].dtype(), a.size);
        },
    .forward =
        [](Run& r) {
          const auto& a = r.as<WindowBackwardAttrs>();
          const Tensor& dx = r.out();
          std::memset(dx.raw(), 0, dx.numel() * itemsize(dx.dtype()));
          copy_strided(dx.alias(r[0].sizes(), a.stride, dx->offset + a.storage_offset), r[0]);
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                const auto& a = b.as<WindowBackwardAttrs>();
                return as_strided(contiguous(b.dy()), b.shape(0).sizes, a.stride, a.storage_offset);
              }}},
};

const OpDef kNarrow = {
    .name = "narrow",
    .doc = "`length` elements from `start` along dim; a view.",
    .signatures = {"narrow(Tensor input, int dim, int start, int length) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const auto& a = c.as<NarrowAttrs>();
          const int d = piece_dim(c, x, a.dim);
          const int64_t n = x.sizes()[d];
          if (a.start < -n || a.start > n) {
            fail<IndexError>(c.name(), "expected start in [", -n, ", ", n, "] for dim ", d, " of ",
                             x.sizes(), "; got ", a.start, ".");
          }
          const int64_t start = a.start < 0 ? a.start + n : a.start;
          if (a.length < 0 || a.length > n - start) {
            fail<ShapeError>(c.name(), "expected length in [0, ", n - start, "] from start ", start,
                             " of dim ", d, " of ", x.sizes(), "; got ", a.length, ".");
          }
          return just(slice(x, d, start, start + a.length));
        },
};

const OpDef kUnbind = {
    .name = "unbind",
    .doc = "All parts along dim, without that dimension; views.",
    .signatures = {"unbind(Tensor input, int dim=0) -> Tensor[]"},
    .compose =
        [](const Call& c) {
          const int d = piece_dim(c, c[0], c.as<UnbindAttrs>().dim);
          check_parts(c.name(), c[0].sizes()[d]);
          Tensors parts;
          for (int64_t i = 0; i < c[0].sizes()[d]; ++i) parts.push_back(select(c[0], d, i));
          return parts;
        },
};

const OpDef kSplit = {
    .name = "split",
    .doc = "Pieces of split_size along dim, the last one smaller if need be; views.",
    .signatures = {"split(Tensor tensor, int split_size, int dim=0) -> Tensor[]"},
    .surface = kPrivate,  // Python's split also takes a list (_shaping.py)
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SplitAttrs>();
          const int d = piece_dim(c, c[0], a.dim);
          if (a.split_size < 0 || (a.split_size == 0 && c[0].sizes()[d] != 0)) {
            fail<ShapeError>(c.name(), "expected split_size > 0; got ", a.split_size, ".");
          }
          return pieces(c.name(), c[0], d, a.split_size);
        },
};

const OpDef kChunk = {
    .name = "chunk",
    .doc =
        "At most `chunks` pieces of equal size along dim, the last one smaller if need be; "
        "views.",
    .signatures = {"chunk(Tensor input, int chunks, int dim=0) -> Tensor[]"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ChunkAttrs>();
          const int d = piece_dim(c, c[0], a.dim);
          const int64_t n = c[0].sizes()[d];
          if (a.chunks <= 0) fail<ShapeError>(c.name(), "expected chunks > 0; got ", a.chunks, ".");
          if (n > 0) return pieces(c.name(), c[0], d, n / a.chunks + (n % a.chunks != 0));
          check_parts(c.name(), a.chunks);
          Tensors parts;  // as many empty ones as asked for
          for (int64_t i = 0; i < a.chunks; ++i) parts.push_back(slice(c[0], d));
          return parts;
        },
};

}  // namespace ops
}  // namespace chainrule
