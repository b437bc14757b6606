#include "bindings/rows.h"

#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "generated/ops.h"
#include "kernels/kernel_table.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

constexpr int64_t kTileBytes = 1 << 16;
constexpr int64_t kStrip = 1 << 12;  // elements, in the cache until they are multiplied

// Rows one after the other. Labels are too short for a call each.
template <size_t kBytes>
void copy_short(const char* from, int64_t stride, const int64_t* places, int64_t count, char* to) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * kBytes, from + places[i] * stride, kBytes);
  }
}

void copy_rows(const char* from, int64_t stride, const int64_t* places, int64_t count,
               int64_t bytes, char* to) {
  if (bytes == 8) return copy_short<8>(from, stride, places, count, to);
  if (bytes == 4) return copy_short<4>(from, stride, places, count, to);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * bytes, from + places[i] * stride, static_cast<size_t>(bytes));
  }
}

constexpr DType computed_in(DType t) { return t == DType::kBFloat16 ? DType::kFloat32 : t; }

void cast_to(DType to, int64_t n, void* out, DType from, const void* in) {
  const int64_t dense = 1;
  kernels::table().cast[static_cast<int>(from)][static_cast<int>(to)](n, out, &in, &dense, nullptr);
}

// to <- n integers in that dtype, times the factor.
void scale(int64_t n, DType dtype, char* to, DType from, const char* in, const Tensor& factor) {
  const kernels::KernelTable& table = kernels::table();
  if (from == DType::kUInt8 && dtype == DType::kFloat32 && table.scale_bytes) {
    const void* const both[] = {in, factor.raw()};
    return table.scale_bytes(n, to, both, nullptr, nullptr);
  }
  const DType wide = factor.dtype();
  const auto mul = table.map[static_cast<int>(kernels::Map::mul)][static_cast<int>(wide)];
  alignas(64) char room[kStrip * sizeof(float)];  // of bfloat16 in float32
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t count = std::min(kStrip, n - i), strides[] = {1, 0};
    char* const out = to + i * itemsize(dtype);
    char* const product = wide == dtype ? out : room;
    cast_to(dtype, count, out, from, in + i * itemsize(from));
    if (wide != dtype) cast_to(wide, count, product, dtype, out);
    const void* const factors[] = {product, factor.raw()};
    mul(count, product, factors, strides, nullptr);
    if (wide != dtype) cast_to(dtype, count, out, wide, product);
  }
}

// Whether nobody else has the tensor or its memory.
bool is_free(const Tensor& t) {
  return t.defined() && t.ref()->use_count() == 1 && t->storage->use_count() == 1;
}

}  // namespace

Rows::Rows(std::vector<Tensor> tensors, Tensor order, std::optional<Scale> scale)
    : count_(INT64_MAX) {
  if (order.defined()) {
    if (order.dim() != 1 || order.dtype() != DType::kInt64) {
      fail<ShapeError>("fit", "expected row numbers as an int64 vector; got ",
                       dtype_name(order.dtype()), " of sizes ", order.sizes(), ".");
    }
    order_ = contiguous(order);
    count_ = order.numel();
  }
  for (Tensor& t : tensors) {
    if (t.dim() == 0) {
      fail<ShapeError>("fit", "expected tensors with rows; got one of sizes ().");
    }
    if (!order_.defined()) count_ = std::min(count_, t.size(0));
    Dims sizes = t.sizes(), strides = t.strides();
    sizes.erase(0);
    strides.erase(0);
    const DType dtype = t.dtype();
    const int64_t stride = t.strides()[0] * itemsize(dtype);
    const bool dense = order_.defined() ? strides == contiguous_strides(sizes) : t.is_contiguous();
    sources_.push_back({std::move(t), sizes.product(), stride, dense, dtype, Tensor()});
  }
  if (!scale || sources_.empty() || is_floating(sources_[0].dtype)) return;
  sources_[0].dtype = scale->dtype;
  sources_[0].factor = full({}, scale->factor, computed_in(scale->dtype));
}

bool Rows::are_there(int64_t rows) const {
  return std::all_of(places_.begin(), places_.end(),
                     [rows](int64_t place) { return place >= 0 && place < rows; });
}

void Rows::copy(const Source& from, int64_t begin, int64_t end, char* to) const {
  const char* data = from.tensor.data<char>();
  const DType own = from.tensor.dtype();
  const int64_t bytes = from.elements * itemsize(own);
  const int64_t out_bytes = from.elements * itemsize(from.dtype);
  const int64_t work = (end - begin) * out_bytes / 4;
  if (bytes == 0) return;
  const LongWork release(work);
  const int64_t rows = std::max<int64_t>(1, kTileBytes / out_bytes);
  parallel_for((end - begin + rows - 1) / rows, work, [&](int64_t tile) {
    const int64_t first = begin + tile * rows, count = std::min(end - first, rows);
    const int64_t* const places = order_.defined() ? places_.data() + first - begin : nullptr;
    char* const out = to + (first - begin) * out_bytes;
    if (from.factor.defined()) {
      const int64_t parts = places ? count : 1, n = count * from.elements / parts;
      for (int64_t i = 0; i < parts; ++i) {
        const char* const row = data + (places ? places[i] * from.stride : first * bytes);
        scale(n, from.dtype, out + i * out_bytes, own, row, from.factor);
      }
    } else if (places) {
      copy_rows(data, from.stride, places, count, bytes, out);
    } else {
      std::memcpy(out, data + first * bytes, static_cast<size_t>(count * bytes));
    }
  });
}

bool Rows::take(int64_t begin, int64_t end, std::vector<Tensor>& batch) {
  batch.resize(sources_.size());
  if (order_.defined()) {
    const int64_t* const order = order_.data<int64_t>();
    places_.assign(order + begin, order + end);
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    const Source& from = sources_[i];
    if (!from.dense || !are_there(from.tensor.size(0))) {
      return false;
    }
    if (!is_free(batch[i])) {
      Dims sizes = from.tensor.sizes();
      sizes[0] = end - begin;
      batch[i] = Tensor::empty(from.dtype, sizes);
    }
    copy(from, begin, end, batch[i].data<char>());
  }
  return true;
}

}  // namespace chainrule::bindings
