#include "ops/reduce.h"

#include <algorithm>
#include <cstring>

#include "generated/ops.h"

namespace chainrule {

namespace {

using kernels::Reduce;

// Few rows of much data are split inside the reduction, along the kernels' own blocks; blocking.h
// promises that the bits are those of the unsplit call.
constexpr int64_t kFewRows = 16;

int64_t block_length(const ReducePlan& p) {
  return p.inner == 1 ? kernels::kReduceChunk : kernels::kProductBlockK;
}

bool splits(const ReducePlan& p) {
  return p.outer < kFewRows && p.n > block_length(p) && p.outer * p.n * p.inner >= kSerialWork;
}

int64_t blocks(const ReducePlan& p) { return (p.n + block_length(p) - 1) / block_length(p); }

kernels::ReduceFn slot(Reduce op, DType dtype) {
  return kernels::table().reduce[static_cast<int>(op)][static_cast<int>(dtype)];
}

// What combines partial results.
Reduce combining(Reduce op) {
  switch (op) {
    case Reduce::sum_squares:
    case Reduce::sum_abs:
      return Reduce::sum;
    case Reduce::max_abs:
      return Reduce::amax;
    default:
      return op;
  }
}

// Sums of columns are added block after block in one ascending chain; a kernel call on more than
// one block of partials would start a second chain.
void add_ascending(const ReducePlan& p, int64_t count, DType dtype, char* out,
                   const char* partials) {
  const kernels::ElementwiseFn add =
      kernels::table().map[static_cast<int>(kernels::Map::add)][static_cast<int>(dtype)];
  const int64_t bytes = p.inner * itemsize(dtype);
  const int64_t strides[] = {1, 1};
  for (int64_t o = 0; o < p.outer; ++o) {
    char* y = out + o * bytes;
    const char* x = partials + o * count * bytes;
    std::memcpy(y, x, bytes);
    for (int64_t b = 1; b < count; ++b) {
      const void* in[] = {y, x + b * bytes};
      add(p.inner, y, in, strides, nullptr);
    }
  }
}

void reduce_split(Reduce op, DType dtype, const ReducePlan& p, void* out, DType out_dtype,
                  const void* in, void* partials) {
  const kernels::ReduceFn fn = slot(op, dtype);
  const int64_t length = block_length(p), count = blocks(p);
  const int64_t in_row = p.inner * itemsize(dtype), out_row = p.inner * itemsize(out_dtype);
  const char* x = static_cast<const char*>(in);
  char* parts = static_cast<char*>(partials);
  parallel_for(p.outer * count, p.outer * p.n * p.inner, [&](int64_t t) {
    const int64_t o = t / count, begin = t % count * length;
    fn(0, 1, std::min(length, p.n - begin), p.inner, parts + t * out_row,
       x + (o * p.n + begin) * in_row);
  });
  const Reduce combine = combining(op);
  if (p.inner > 1 && combine == Reduce::sum && is_floating(out_dtype) &&
      count > kernels::kProductBlockK) {
    add_ascending(p, count, out_dtype, static_cast<char*>(out), parts);
  } else {
    slot(combine, out_dtype)(0, p.outer, count, p.inner, out, parts);
  }
}

}  // namespace

Dims reduced_dims(const char* op, const OptDims& dim, int rank) {
  bool chosen[kMaxDims] = {};
  for (int64_t d : dim.value) {
    const int at = normalize_dim(op, d, rank);
    if (chosen[at]) {
      fail<ShapeError>(op, "expected every dim once; got dim ", at, " several times in ", dim.value,
                       ".");
    }
    chosen[at] = true;
  }
  Dims dims;
  for (int d = 0; d < rank; ++d) {
    if (chosen[d] || dim.value.empty()) dims.push_back(d);
  }
  return dims;
}

Dims reduced_dims(const char* op, int64_t dim, int rank) {
  const int at = normalize_dim(op, dim, rank);
  return rank == 0 ? Dims() : Dims{at};
}

Dims reduced_sizes(const Dims& sizes, const Dims& dims, bool keepdim) {
  Dims out;
  for (int d = 0; d < sizes.size(); ++d) {
    if (!dims.contains(d)) {
      out.push_back(sizes[d]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

void check_not_empty(const char* op, const Dims& sizes, const Dims& dims) {
  for (int64_t d : dims) {
    if (sizes[d] == 0) {
      fail<IndexError>(op, "expected at least one element along dim ", d, "; got sizes ", sizes,
                       ".");
    }
  }
}

// Dimensions of size 1 do not count. Reduced dimensions that lie together stay where they are;
// others go to the end.
ReducePlan::ReducePlan(const Tensor& x, const Dims& dims) {
  const Dims& sizes = x.sizes();
  int first = -1, last = -1;
  bool together = true;
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    if (dims.contains(d)) {
      if (first < 0) first = d;
      last = d;
      n *= sizes[d];
    }
  }
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1 || dims.contains(d)) continue;
    if (d < last && d > first) together = false;
    (d > last ? inner : outer) *= sizes[d];
  }
  if (first < 0) std::swap(outer, inner);  // nothing is reduced: rows of one element
  for (int d = 0; d < sizes.size(); ++d) {
    if (together || !dims.contains(d)) order.push_back(d);
  }
  if (!together) {
    outer *= inner;
    inner = 1;
    for (int64_t d : dims) order.push_back(d);
  }
  int64_t expected = 1;
  for (int i = order.size() - 1; i >= 0; --i) {
    const int d = static_cast<int>(order[i]);
    if (sizes[d] == 1) continue;
    copy |= x.strides()[d] != expected;
    expected *= sizes[d];
  }
  copy &= x.numel() > 0;
}

int64_t ReducePlan::copy_bytes(const Tensor& x) const {
  return copy ? (x.numel() * itemsize(x.dtype()) + 63) / 64 * 64 : 0;
}

int64_t ReducePlan::partial_bytes() const {
  return splits(*this) ? outer * blocks(*this) * inner * static_cast<int64_t>(sizeof(double)) : 0;
}

const void* ReducePlan::dense(const Tensor& x, void* scratch) const {
  if (!copy) return x.raw();
  kernels::StridedCopy job;
  job.dims = order.size();
  job.item = itemsize(x.dtype());
  job.out = scratch;
  job.in = x.raw();
  int64_t stride = 1;
  for (int i = job.dims - 1; i >= 0; --i) {
    const int d = static_cast<int>(order[i]);
    job.sizes[i] = x.sizes()[d];
    job.in_strides[i] = x.strides()[d];
    job.out_strides[i] = stride;
    stride *= job.sizes[i];
  }
  LongWork release(stride);
  kernels::copy_strided(job);
  return scratch;
}

void reduce_block(Reduce op, DType dtype, const ReducePlan& plan, void* out, DType out_dtype,
                  const void* in, void* partials) {
  if (splits(plan)) {
    LongWork release(plan.outer * plan.n * plan.inner);
    return reduce_split(op, dtype, plan, out, out_dtype, in, partials);
  }
  const kernels::ReduceFn fn = slot(op, dtype);
  for_outer(plan, [&](int64_t begin, int64_t end) { fn(begin, end, plan.n, plan.inner, out, in); });
}

void run_reduce(Reduce op, const Tensor& out, const Tensor& x, const Dims& dims, void* scratch) {
  if (out.numel() == 0) return;
  const ReducePlan plan(x, dims);
  void* partials = static_cast<char*>(scratch) + plan.copy_bytes(x);
  reduce_block(op, x.dtype(), plan, out.raw(), out.dtype(), plan.dense(x, scratch), partials);
}

namespace {

struct ReduceLaunch {
  kernels::ReduceFn fn;
  int64_t outer, n, inner;
};

void launch_reduce(const Launch& launch, char* const* table) {
  const auto& r = launch.as<ReduceLaunch>();
  for_outer(r.outer, r.n * r.inner, [&](int64_t begin, int64_t end) {
    r.fn(begin, end, r.n, r.inner, launch.address(0, table), launch.address(1, table));
  });
}

}  // namespace

bool prepare_reduce(Reduce op, const Run& run, const Dims& dims, Launch& launch) {
  const ReducePlan plan(run[0], dims);
  if (plan.copy || splits(plan)) return false;
  if (run.out().numel() == 0) return true;
  launch.set(launch_reduce, ReduceLaunch{slot(op, run[0].dtype()), plan.outer, plan.n, plan.inner});
  return true;
}

Tensor expand_reduced(const Tensor& dy, const Dims& sizes, const Dims& dims) {
  const Dims kept = reduced_sizes(sizes, dims, true);
  return expand(dy.dim() == 0 || dy.sizes() == kept ? dy : reshape(dy, kept), sizes);
}

}  // namespace chainrule
