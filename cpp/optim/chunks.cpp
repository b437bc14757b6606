#include "optim/chunks.h"

#include "kernels/kernel_table.h"

namespace chainrule {

namespace {

int64_t padded(const Tensor& t) { return list_bytes<char>(t.numel() * itemsize(t.dtype())); }

void copy(const Tensor& t, void* dense, bool to_dense) {
  kernels::StridedCopy job;
  job.dims = t.dim();
  job.item = itemsize(t.dtype());
  job.out = to_dense ? dense : t.raw();
  job.in = to_dense ? t.raw() : dense;
  const Dims dense_strides = contiguous_strides(t.sizes());
  for (int d = 0; d < job.dims; ++d) {
    job.sizes[d] = t.sizes()[d];
    job.out_strides[d] = to_dense ? dense_strides[d] : t.strides()[d];
    job.in_strides[d] = to_dense ? t.strides()[d] : dense_strides[d];
  }
  kernels::copy_strided(job);
}

}  // namespace

int64_t DenseList::bytes(std::span<const Tensor> tensors) {
  int64_t total = list_bytes<char*>(tensors.size());
  for (const Tensor& t : tensors) total += t.is_contiguous() ? 0 : padded(t);
  return total;
}

DenseList::DenseList(std::span<const Tensor> tensors, char*& scratch)
    : places_(take_list<char*>(tensors.size(), scratch)) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    places_[i] = t.is_contiguous() ? static_cast<char*>(t.raw()) : scratch;
    if (t.is_contiguous()) continue;
    copy(t, scratch, true);
    scratch += padded(t);
  }
}

void DenseList::write_back(std::span<const Tensor> tensors) const {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].is_contiguous()) copy(tensors[i], places_[i], false);
  }
}

namespace {

// What is written must not be an expanded view, whose elements share places.
void check_places(const Infer& c, const Tensor& t, size_t i) {
  if (t.numel() == 0) return;
  for (int d = 0; d < t.dim(); ++d) {
    if (t.strides()[d] != 0 || t.sizes()[d] <= 1) continue;
    fail<StateError>(c.name(), "expected one memory place an element; got an expanded tensor of ",
                     "sizes ", t.sizes(), " at ", i, ". Use clone() first.");
  }
}

}  // namespace

void check_like_params(const Infer& c, std::span<const Tensor> params, std::span<const Tensor> list,
                       const char* what) {
  if (list.size() != params.size()) {
    fail<ShapeError>(c.name(), "expected as many ", what, " as params, ", params.size(), "; got ",
                     list.size(), ".");
  }
  for (size_t i = 0; i < params.size(); ++i) {
    check_places(c, params[i], i);
    check_places(c, list[i], i);
    if (!is_floating(params[i].dtype()) || list[i].dtype() != params[i].dtype()) {
      fail<DtypeError>(c.name(), "expected floating params and ", what, " of their dtype; got ",
                       dtype_name(params[i].dtype()), " and ", dtype_name(list[i].dtype()), " at ",
                       i, ".");
    }
    if (!(list[i].sizes() == params[i].sizes())) {
      fail<ShapeError>(c.name(), "expected ", what, " of the params' sizes; got ",
                       params[i].sizes(), " and ", list[i].sizes(), " at ", i, ".");
    }
  }
}

void check_hyper(const Infer& c, const Tensor& hyper, int count) {
  if (hyper.dtype() == DType::kFloat64 && hyper.sizes() == Dims{count} && hyper.is_contiguous())
    return;
  fail<ShapeError>(c.name(), "expected hyper as ", count, " float64 values; got ",
                   dtype_name(hyper.dtype()), " of sizes ", hyper.sizes(), ".");
}

}  // namespace chainrule
