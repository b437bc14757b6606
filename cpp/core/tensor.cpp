#include "core/tensor.h"

#include <algorithm>
#include <cstring>

#include "core/tls.h"

namespace chainrule {

TensorImpl::TensorImpl(Ref<Storage> storage_, DType dtype_, const Dims& sizes_,
                       const Dims& strides_, int64_t offset_)
    : storage(std::move(storage_)),
      sizes(sizes_),
      strides(strides_),
      offset(offset_),
      numel(checked_numel("view", sizes_)),
      dtype(dtype_),
      contiguous(chainrule::is_contiguous(sizes_, strides_)) {}

TensorImpl::TensorImpl(DType dtype_, const Dims& sizes_)
    : sizes(sizes_), strides(sizes_), offset(0), numel(1), dtype(dtype_), contiguous(true) {
  constexpr int64_t kPlenty = int64_t{1} << 28;  // below it no product of two sizes overflows
  bool empty = false;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    const int64_t size = sizes[i];
    strides[i] = numel;
    if (size <= 0 || size > kPlenty || numel > kPlenty) [[unlikely]] {
      checked_numel("empty", sizes);  // throws where a size or their product is impossible
      empty |= size == 0;
    }
    numel *= size > 0 ? size : 1;
  }
  if (empty) numel = 0;
  storage = Storage::allocate(numel * itemsize(dtype));
}

namespace {
// Tensors with gradients that nobody owns any more: a gradient may have a gradient, and so on for
// any length. Linked by their `python`, which is null once the object is gone.
constinit CHAINRULE_TLS TensorImpl* freed = nullptr;
constinit CHAINRULE_TLS bool freeing = false;
}  // namespace

void TensorImpl::destroy() {
  if (!autograd) {
    delete this;
    return;
  }
  python = freed;
  freed = this;
  if (freeing) return;  // the loop below, further up the stack, comes to it
  freeing = true;
  while (TensorImpl* t = freed) {
    freed = static_cast<TensorImpl*>(t->python);
    delete t;
  }
  freeing = false;
}

TensorImpl::~TensorImpl() = default;

Tensor Tensor::empty(DType dtype, const Dims& sizes) {
  return Tensor(make_ref<TensorImpl>(dtype, sizes));
}

namespace {
template <typename T>
Tensor make_number(T value) {
  Tensor t = Tensor::empty(DTypeOf<T>::value, {});
  *t.data<T>() = value;
  t->weak_number = true;
  return t;
}
}  // namespace

Tensor Tensor::number(double value) { return make_number(value); }
Tensor Tensor::number(int64_t value) { return make_number(value); }
Tensor Tensor::number(bool value) { return make_number(value); }

Tensor Tensor::alias(const Dims& sizes, const Dims& strides, int64_t offset) const {
  Tensor t(make_ref<TensorImpl>(impl_->storage, impl_->dtype, sizes, strides, offset));
  t->inference = impl_->inference;
  return t;
}

Tensor Tensor::alias() const { return alias(sizes(), strides(), impl_->offset); }

namespace {
float bfloat16_value(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <typename R>
R item_as(const Tensor& t) {
  switch (t.dtype()) {
    case DType::kBool:
      return static_cast<R>(*t.data<bool>());
    case DType::kUInt8:
      return static_cast<R>(*t.data<uint8_t>());
    case DType::kInt32:
      return static_cast<R>(*t.data<int32_t>());
    case DType::kInt64:
      return static_cast<R>(*t.data<int64_t>());
    case DType::kBFloat16:
      return static_cast<R>(bfloat16_value(*t.data<uint16_t>()));
    case DType::kFloat32:
      return static_cast<R>(*t.data<float>());
    case DType::kFloat64:
      return static_cast<R>(*t.data<double>());
  }
  return R{};
}
}  // namespace

double Tensor::item_double() const { return item_as<double>(*this); }
int64_t Tensor::item_int() const { return item_as<int64_t>(*this); }

}  // namespace chainrule
