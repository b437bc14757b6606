// index_read and index_write: the places named by index tensors along some dimensions, read or
// written. Every public form of indexing by tensors (index.cpp) comes down to them.
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/index_rules.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule {

Tensor as_index(const char* op, const Tensor& index) {
  if (index.dtype() == DType::kInt64) return contiguous(index);
  const bool empty = index.numel() == 0 && !is_floating(index.dtype());  // names nothing
  if (index.dtype() == DType::kInt32 || empty) return cast(index, DType::kInt64);
  fail<DtypeError>(op, "expected an int64 or int32 index; got ", dtype_name(index.dtype()), ".");
}

void check_index_range(const char* op, const Tensor& index, int64_t size, bool wrap,
                       const char* range, const char* of) {
  const int64_t* values = index.data<int64_t>();
  int64_t bad;
  {
    const LongWork release(index.numel());
    bad = kernels::first_bad_index(index.numel(), values, size, wrap);
  }
  if (bad < 0) return;
  Dims position = index.sizes();
  int64_t rest = bad;
  for (int d = index.dim() - 1; d >= 0; --d) {
    position[d] = rest % index.sizes()[d];
    rest /= index.sizes()[d];
  }
  const std::string table = of ? str(" for ", of, "=", size) : "";
  fail<IndexError>(op, "expected ", range, " [", wrap ? -size : 0, ", ", size - 1, "]", table,
                   "; got ", values[bad], " at position ", position, " of the index.");
}

const IndexFormText& text_of_form(int64_t form) {
  static constexpr const char *kIn = "indices in", *kTable = "num_embeddings";
  static constexpr const char* kBags =
      "offsets that begin with 0 and, with include_last_offset, end with the input's length: bags "
      "in";
  static constexpr IndexFormText kTexts[kIndexForms] = {
      {"index", true},
      {"index_select", false},
      {"take", true},
      {"index_put", true},
      {"index_add", false},
      {"index_copy", false},
      {"index_fill", true},
      {"embedding", false, kIn, kTable},
      {"embedding_bag", false, kIn, kTable},
      {"embedding_bag", false, "offsets in"},
      {"embedding_bag", false, kBags},
  };
  return kTexts[form];
}

namespace {

// A tensor as the kernels see it: [before..., place, after...].
struct Layout {
  Dims before_sizes, before_strides, after_sizes, after_strides;

  Layout(const Dims& sizes, const Dims& strides, const Dims& dims) {
    bool neighbours = true;
    for (int i = 1; i < dims.size(); ++i) neighbours = neighbours && dims[i] == dims[i - 1] + 1;
    for (int d = 0; d < sizes.size(); ++d) {
      if (dims.contains(d)) continue;
      const bool front = neighbours && d < dims[0];
      (front ? before_sizes : after_sizes).push_back(sizes[d]);
      (front ? before_strides : after_strides).push_back(strides[d]);
    }
  }
};

}  // namespace

Dims indexed_sizes(const Dims& sizes, const Dims& dims, const Dims& index) {
  const Layout layout(sizes, sizes, dims);
  Dims result = layout.before_sizes;
  for (int64_t s : index) result.push_back(s);
  for (int64_t s : layout.after_sizes) result.push_back(s);
  return result;
}

namespace ops {

namespace {

// Writes the dimensions into the kernel's arrays, neighbours that are walked as one merged.
int merge_dims(const Dims& sizes, const Dims& strides, int64_t* out_sizes, int64_t* out_strides) {
  int count = 0;
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    if (count && out_strides[count - 1] == sizes[d] * strides[d]) {
      out_sizes[count - 1] *= sizes[d];
      out_strides[count - 1] = strides[d];
    } else {
      out_sizes[count] = sizes[d];
      out_strides[count++] = strides[d];
    }
  }
  return count;
}

kernels::IndexedBlock make_block(const Tensor& tensor, const Tensor& dense, int64_t places,
                                 const Dims& dims, const void* offsets) {
  const Layout layout(tensor.sizes(), tensor.strides(), dims);
  kernels::IndexedBlock b;
  b.item = static_cast<int64_t>(itemsize(tensor.dtype()));
  b.tensor = tensor.raw();
  b.dense = dense.raw();
  b.offsets = static_cast<const int64_t*>(offsets);
  b.places = places;
  b.before_dims =
      merge_dims(layout.before_sizes, layout.before_strides, b.before_sizes, b.before_strides);
  b.after_dims =
      merge_dims(layout.after_sizes, layout.after_strides, b.after_sizes, b.after_strides);
  b.before = layout.before_sizes.product();
  b.after = b.dense_row = layout.after_sizes.product();
  return b;
}

// The offset of every place; a bad index raises before anything has moved.
void find_offsets(const IndexFormText& form, const Tensor& tensor, std::span<const Tensor> indices,
                  const Dims& dims, void* scratch) {
  int64_t* offsets = static_cast<int64_t*>(scratch);
  const int64_t places = indices[0].numel();
  std::fill_n(offsets, places, int64_t{0});  // no places: no scratch, and memset refuses null
  for (int i = 0; i < dims.size(); ++i) {
    const int64_t size = tensor.sizes()[dims[i]];
    check_index_range(form.name, indices[i], size, form.wraps, form.range, form.of);
    kernels::add_offsets(places, indices[i].data<int64_t>(), size, tensor.strides()[dims[i]],
                         offsets);
  }
}

// What the kernels take on trust: dense int64 indices of one shape, each for a dimension of its
// own.
void check_indices(const Infer& c, const Dims& dims, int64_t form) {
  const std::span<const Tensor> indices = c.list(1);
  bool fits = !dims.empty() && static_cast<size_t>(dims.size()) == indices.size() && form >= 0 &&
              form < kIndexForms;
  for (int i = 0; fits && i < dims.size(); ++i) {
    fits = dims[i] >= 0 && dims[i] < c[0].dim() && (i == 0 || dims[i] > dims[i - 1]) &&
           indices[i].dtype() == DType::kInt64 && indices[i].is_contiguous() &&
           indices[i].sizes() == indices[0].sizes();
  }
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected dense int64 indices of one shape, one for each of dims, "
                   "which ascend; got ",
                   indices.size(), " for dims ", dims, " of ", c[0].sizes(), ".");
}

void forward_read(Run& r) {
  const auto& a = r.as<IndexReadAttrs>();
  const Tensor& out = r.out();
  const std::span<const Tensor> indices = r.list(1);
  find_offsets(text_of_form(a.form), r[0], indices, a.dims, r.scratch);
  if (out.numel() == 0) return;
  const auto block = make_block(r[0], out, indices[0].numel(), a.dims, r.scratch);
  const int64_t rows = block.before * block.places;
  const int64_t rows_per_tile = std::max<int64_t>(1, (1 << 14) / block.after);
  LongWork release(out.numel());
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, out.numel(), [&](int64_t t) {
    kernels::indexed_read(block, t * rows_per_tile, std::min(rows, (t + 1) * rows_per_tile));
  });
}

// Threads take different blocks or different columns, so each element has one writer that follows
// the index in ascending order.
void forward_write(Run& r) {
  const auto& a = r.as<IndexWriteAttrs>();
  const Tensor& out = r.out();
  const std::span<const Tensor> indices = r.list(1);
  const Tensor& values = r[2];
  find_offsets(text_of_form(a.form), out, indices, a.dims, r.scratch);
  if (out.raw() != r[0].raw()) copy_strided(out, r[0]);
  if (values.numel() == 0) return;
  const auto block = make_block(out, values, indices[0].numel(), a.dims, r.scratch);
  const auto put = [&](const kernels::IndexedBlock& b, int64_t begin, int64_t end) {
    if (a.accumulate) {
      kernels::indexed_add(out.dtype(), b, begin, end);
    } else {
      kernels::indexed_write(b, begin, end);
    }
  };
  LongWork release(values.numel());
  constexpr int64_t kColumns = 256;
  if (block.before > 1 || block.after_dims != 1 || block.after < 2 * kColumns) {
    parallel_for(block.before, values.numel(), [&](int64_t i) { put(block, i, i + 1); });
    return;
  }
  parallel_for((block.after + kColumns - 1) / kColumns, values.numel(), [&](int64_t t) {
    kernels::IndexedBlock part = block;
    const int64_t first = t * kColumns;
    part.after = part.after_sizes[0] = std::min(kColumns, block.after - first);
    part.tensor = static_cast<char*>(block.tensor) + first * block.after_strides[0] * block.item;
    part.dense = static_cast<char*>(block.dense) + first * block.item;
    put(part, 0, 1);
  });
}

// The saved index tensors.
Tensors saved_indices(Backward& b) {
  Tensors indices;
  for (int i = 0; i < b.list_size(1); ++i) indices.push_back(b.value(1, i));
  return indices;
}

}  // namespace

const OpDef kIndexRead = {
    .name = "index_read",
    .doc =
        "The elements at the places that the indices (int64, dense, of one shape) name along the "
        "dimensions dims.",
    .signatures = {"index_read(Tensor input, Tensor[] indices, int[] dims, int form) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<IndexReadAttrs>();
          check_indices(c, a.dims, a.form);
          const Tensor& index = c.list(1)[0];
          c.out(c[0].dtype(), indexed_sizes(c[0].sizes(), a.dims, index.sizes()));
          c.scratch_bytes = index.numel() * 8;
        },
    .forward = forward_read,
    .grad = {{0, reads_shape(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<IndexReadAttrs>();
                const Tensors indices = saved_indices(b);
                return index_write(zeros(b.shape(0).sizes, b.shape(0).dtype),
                                   {indices.data(), indices.size()}, contiguous(b.dy()), a.dims,
                                   true, a.form);
              }}},
};

const OpDef kIndexWrite = {
    .name = "index_write",
    .doc =
        "A copy of the input with the values (dense, of index_read's shape) put, or added, at the "
        "places the indices name.",
    .signatures = {"index_write(Tensor input, Tensor[] indices, Tensor values, int[] dims, "
                   "bool accumulate, int form) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<IndexWriteAttrs>();
          check_indices(c, a.dims, a.form);
          const Dims sizes = indexed_sizes(c[0].sizes(), a.dims, c.list(1)[0].sizes());
          const Tensor& values = c[2];
          if (values.dtype() != c[0].dtype() || !(values.sizes() == sizes) ||
              !values.is_contiguous()) {
            fail<ShapeError>(c.name(), "expected dense values of sizes ", sizes,
                             " and of the input's dtype; got ", dtype_name(values.dtype()), " of ",
                             values.sizes(), ".");
          }
          c.out(c[0].dtype(), c[0].sizes());
          c.scratch_bytes = c.list(1)[0].numel() * 8;
        },
    .forward = forward_write,
    .grad = {{0, reads_value(1) | reads_shape(2),
              [](Backward& b) {
                const auto& a = b.as<IndexWriteAttrs>();
                if (a.accumulate) return b.dy();
                const Tensors indices = saved_indices(b);
                return index_write(b.dy(), {indices.data(), indices.size()},
                                   zeros(b.shape(2).sizes, b.shape(2).dtype), a.dims, false,
                                   a.form);
              }},
             {2, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<IndexWriteAttrs>();
                const Tensors indices = saved_indices(b);
                return index_read(b.dy(), {indices.data(), indices.size()}, a.dims, a.form);
              }}},
    .dtypes = kWideDTypes,
};

}  // namespace ops
}  // namespace chainrule
