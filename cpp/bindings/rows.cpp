#include "bindings/rows.h"

#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

constexpr int64_t kTileBytes = 1 << 16;

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

// Whether nobody else has the tensor or its memory.
bool is_free(const Tensor& t) {
  return t.defined() && t.ref()->use_count() == 1 && t->storage->use_count() == 1;
}

}  // namespace

Rows::Rows(std::vector<Tensor> tensors, Tensor order) : count_(INT64_MAX) {
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
    const int64_t item = itemsize(t.dtype());
    Dims sizes = t.sizes(), strides = t.strides();
    sizes.erase(0);
    strides.erase(0);
    const int64_t bytes = sizes.product() * item, stride = t.strides()[0] * item;
    const bool dense = order_.defined() ? strides == contiguous_strides(sizes) : t.is_contiguous();
    sources_.push_back({std::move(t), bytes, stride, dense});
  }
}

bool Rows::are_there(int64_t rows) const {
  return std::all_of(places_.begin(), places_.end(),
                     [rows](int64_t place) { return place >= 0 && place < rows; });
}

void Rows::copy(const Source& from, int64_t begin, int64_t end, char* to) const {
  const char* data = from.tensor.data<char>();
  const int64_t bytes = from.bytes, work = (end - begin) * bytes / 4;
  if (bytes == 0) return;
  const LongWork release(work);
  const int64_t rows = std::max<int64_t>(1, kTileBytes / bytes);
  parallel_for((end - begin + rows - 1) / rows, work, [&](int64_t tile) {
    const int64_t first = begin + tile * rows, last = std::min(end, first + rows);
    char* const out = to + (first - begin) * bytes;
    if (order_.defined()) {
      copy_rows(data, from.stride, places_.data() + first - begin, last - first, bytes, out);
    } else {
      std::memcpy(out, data + first * bytes, static_cast<size_t>((last - first) * bytes));
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
      batch[i] = Tensor::empty(from.tensor.dtype(), sizes);
    }
    copy(from, begin, end, batch[i].data<char>());
  }
  return true;
}

}  // namespace chainrule::bindings
