// Tensor: a handle on sizes, strides and a shared storage. Knows no operation; the generated
// functions of generated/ops.h compute with it. Copying a Tensor copies the handle, not the data.
#pragma once

#include <memory>
#include <type_traits>

#include "core/device.h"
#include "core/dtype.h"
#include "core/errors.h"
#include "core/ref.h"
#include "core/shape.h"
#include "core/storage.h"

namespace chainrule {

class TensorImpl;

// What autograd hangs on a tensor: a leaf's gradient, or the node that made it. Allocated when
// needed.
struct AutogradState {
  Ref<RefCounted> grad_fn;  // autograd::Node; null for a leaf
  int output = 0;           // which output of grad_fn this tensor is
  Ref<TensorImpl> grad;     // of a leaf, or kept by retain_grad()
  Ref<RefCounted> hooks;    // autograd::Hooks
  bool retains_grad = false;
  uint32_t history = 0;  // of a base: writes through views so far; of a view: the base's, when made
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  // Uninitialised, contiguous.
  static Tensor empty(DType dtype, const Dims& sizes);
  static Tensor empty_strided(DType dtype, const Dims& sizes, const Dims& strides);
  // A weak number: takes part in promotion by category only (a Python scalar, a C++ literal).
  static Tensor number(double value);
  static Tensor number(int64_t value);
  static Tensor number(bool value);
  // Another window on this tensor's storage, without autograd history.
  Tensor alias(const Dims& sizes, const Dims& strides, int64_t offset) const;
  Tensor alias() const;

  bool defined() const { return static_cast<bool>(impl_); }
  explicit operator bool() const { return defined(); }
  TensorImpl* impl() const { return impl_.get(); }
  TensorImpl* operator->() const { return impl_.get(); }
  const Ref<TensorImpl>& ref() const { return impl_; }
  bool same_as(const Tensor& o) const { return impl_ == o.impl_; }

  DType dtype() const;
  const Dims& sizes() const;
  const Dims& strides() const;
  int dim() const;
  int64_t size(int i) const;  // negative counts from the end; no range check
  int64_t numel() const;
  bool is_contiguous() const;
  bool requires_grad() const;

  void* raw() const;  // first element, offset applied
  template <typename T>
  T* data() const {
    return static_cast<T*>(raw());
  }
  // The value of a one-element tensor as a double / int64 (no autograd, no range check).
  double item_double() const;
  int64_t item_int() const;

 private:
  Ref<TensorImpl> impl_;
};

class TensorImpl final : public RefCounted {
 public:
  TensorImpl(Ref<Storage> storage, DType dtype, const Dims& sizes, const Dims& strides,
             int64_t offset);
  // Dense and new: what the general constructor would find out is known.
  TensorImpl(Ref<Storage> storage, DType dtype, const Dims& sizes, const Dims& strides,
             int64_t numel, std::true_type dense);
  ~TensorImpl() override;
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* p, size_t bytes) { deallocate(p, bytes); }

  Ref<Storage> storage;
  Dims sizes;
  Dims strides;    // in elements
  int64_t offset;  // in elements
  int64_t numel;
  DType dtype;
  Device device;
  bool contiguous;
  bool requires_grad = false;  // leaf asked for it, or result of an op that needs a gradient
  bool weak_number = false;    // a Python number on its way through promotion
  bool parameter = false;      // nn.Parameter
  bool inference = false;      // made in inference_mode: no history, ever
  std::unique_ptr<AutogradState> autograd;  // null until history, a gradient or a hook exists
  Ref<TensorImpl> base;    // of a view: the tensor it was taken from (never a view)
  void* python = nullptr;  // the live PyObject of this tensor, borrowed; owned by bindings/
};

// A number or a tensor, so that C++ code reads `mul(x, 2.0)`.
class Operand : public Tensor {
 public:
  Operand(const Tensor& t) : Tensor(t) {}
  Operand(double v) : Tensor(Tensor::number(v)) {}
  Operand(int64_t v) : Tensor(Tensor::number(v)) {}
  Operand(int v) : Tensor(Tensor::number(static_cast<int64_t>(v))) {}
  Operand(bool v) : Tensor(Tensor::number(v)) {}
};

inline DType Tensor::dtype() const { return impl_->dtype; }
inline const Dims& Tensor::sizes() const { return impl_->sizes; }
inline const Dims& Tensor::strides() const { return impl_->strides; }
inline int Tensor::dim() const { return impl_->sizes.size(); }
inline int64_t Tensor::size(int i) const { return impl_->sizes[i < 0 ? i + dim() : i]; }
inline int64_t Tensor::numel() const { return impl_->numel; }
inline bool Tensor::is_contiguous() const { return impl_->contiguous; }
inline bool Tensor::requires_grad() const { return impl_->requires_grad; }
inline void* Tensor::raw() const {
  return static_cast<char*>(impl_->storage->data()) + impl_->offset * itemsize(impl_->dtype);
}

}  // namespace chainrule
