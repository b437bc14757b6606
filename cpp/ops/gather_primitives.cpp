// gather_elements and scatter_elements: the elements that an index names along one dimension, read
// or written. gather.cpp has the public forms.
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/index_rules.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule {

void check_index_shape(const char* op, const Tensor& index, const Dims& limit, int skip,
                       const char* what) {
  bool fits = index.dim() == limit.size();
  for (int d = 0; fits && d < limit.size(); ++d) fits = d == skip || index.sizes()[d] <= limit[d];
  if (!fits) {
    fail<ShapeError>(op, "expected an index of as many dimensions as the ", what,
                     ", no larger than it", skip < 0 ? "" : str(" except in dim ", skip),
                     "; got an index of ", index.sizes(), " and sizes ", limit, ".");
  }
}

namespace ops {

namespace {

// What the kernels take on trust of a dense int64 index and a dim >= 0.
void check_elements(const Infer& c, int64_t dim) {
  const Tensor &x = c[0], &index = c[1];
  const bool fits = dim >= 0 && dim < x.dim() && index.dim() == x.dim() &&
                    index.dtype() == DType::kInt64 && index.is_contiguous();
  if (!fits) {
    fail<ShapeError>(c.name(), "expected a dense int64 index of as many dimensions as the input ",
                     "and a dim among them; got an index of ", index.sizes(), ", an input of ",
                     x.sizes(), " and dim ", dim, ".");
  }
  if (index.numel() > 0)
    check_index_shape(c.name(), index, x.sizes(), static_cast<int>(dim), "input");
}

kernels::IndexedElements make_elements(const Tensor& tensor, const Tensor& index, int dim,
                                       const Tensor& other) {
  kernels::IndexedElements e;
  e.item = static_cast<int64_t>(itemsize(tensor.dtype()));
  e.dims = index.dim();
  e.dim = dim;
  e.size = tensor.sizes()[dim];
  e.index = index.data<int64_t>();
  e.tensor = tensor.raw();
  e.other = other.raw();
  for (int d = 0; d < e.dims; ++d) {
    e.sizes[d] = index.sizes()[d];
    e.strides[d] = tensor.strides()[d];
    e.other_strides[d] = other.strides()[d];
  }
  return e;
}

// fn over the rows of the index, on threads only if rows cannot meet.
template <typename F>
void for_rows(const Tensor& index, bool disjoint, F&& fn) {
  const int64_t rows = leading_product(index.sizes(), 1), cols = index.size(-1);
  const int64_t rows_per_tile = std::max<int64_t>(1, disjoint ? (1 << 14) / cols : rows);
  LongWork release(2 * index.numel());
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, 2 * index.numel(),
               [&](int64_t t) { fn(t * rows_per_tile, std::min(rows, (t + 1) * rows_per_tile)); });
}

void forward_gather(Run& r) {
  const Tensor &x = r[0], &index = r[1], &out = r.out();
  const auto& a = r.as<GatherElementsAttrs>();
  const int dim = static_cast<int>(a.dim);
  check_index_range(a.wrap ? "take_along_dim" : "gather", index, x.sizes()[dim], a.wrap != 0);
  if (index.numel() == 0) return;
  const auto e = make_elements(x, index, dim, out);
  for_rows(index, true, [&](int64_t begin, int64_t end) { kernels::elements_read(e, begin, end); });
}

void forward_scatter(Run& r) {
  const Tensor &index = r[1], &out = r.out();
  const auto& a = r.as<ScatterElementsAttrs>();
  const int dim = static_cast<int>(a.dim);
  // Indices that came through gather were checked there, negative ones of take_along_dim included.
  const char* op = a.accumulate ? "scatter_add" : "scatter";
  check_index_range(op, index, out.sizes()[dim], a.wrap != 0);
  if (out.raw() != r[0].raw()) copy_strided(out, r[0]);
  if (index.numel() == 0) return;
  const auto e = make_elements(out, index, dim, r[2]);
  for_rows(index, dim == index.dim() - 1, [&](int64_t begin, int64_t end) {
    if (a.accumulate) {
      kernels::elements_add(out.dtype(), e, begin, end);
    } else {
      kernels::elements_write(e, begin, end);
    }
  });
}

// dy at the index; what the index did not reach of a larger source gets 0.
Tensor source_gradient(Backward& b) {
  const auto& a = b.as<ScatterElementsAttrs>();
  const Dims& sizes = b.shape(2).sizes;
  if (b.value(1).numel() == 0) return zeros(sizes, b.dy().dtype());
  const Tensor dy = gather_elements(b.dy(), b.value(1), a.dim, a.wrap);
  if (dy.sizes() == sizes) return dy;
  return window_backward(dy, sizes, contiguous_strides(sizes), 0);
}

}  // namespace

const OpDef kGatherElements = {
    .name = "gather_elements",
    .doc = "gather() for a dense int64 index and a dim >= 0.",
    .signatures = {"gather_elements(Tensor input, Tensor index, int dim, bool wrap) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_elements(c, c.as<GatherElementsAttrs>().dim);
          c.out(c[0].dtype(), c[1].sizes());
        },
    .forward = forward_gather,
    .grad = {{0, reads_shape(0) | reads_value(1),
              [](Backward& b) {
                const InputMeta& x = b.shape(0);
                const auto& a = b.as<GatherElementsAttrs>();
                return scatter_elements(zeros(x.sizes, x.dtype), b.value(1), b.dy(), a.dim, true,
                                        a.wrap);
              }}},
};

const OpDef kScatterElements = {
    .name = "scatter_elements",
    .doc = "scatter() and scatter_add() for a dense int64 index and a dim >= 0.",
    .signatures = {"scatter_elements(Tensor input, Tensor index, Tensor src, int dim, "
                   "bool accumulate, bool wrap) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_elements(c, c.as<ScatterElementsAttrs>().dim);
          if (c[1].numel() > 0) check_index_shape(c.name(), c[1], c[2].sizes(), -1, "source");
          if (c[2].dtype() != c[0].dtype()) {
            fail<DtypeError>(c.name(), "expected a source of the input's dtype; got ",
                             dtype_name(c[2].dtype()), ".");
          }
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward = forward_scatter,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ScatterElementsAttrs>();
                if (a.accumulate) return b.dy();
                const Tensor index = b.value(1);
                const Tensor hole = expand(zeros({}, b.dy().dtype()), index.sizes());
                return scatter_elements(b.dy(), index, hole, a.dim, false, a.wrap);
              }},
             {2, reads_value(1) | reads_shape(2), source_gradient}},
    .dtypes = kWideDTypes,
};

}  // namespace ops
}  // namespace chainrule
