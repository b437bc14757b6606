// Tensor: a handle on sizes, strides and a shared storage. Knows no operation; the generated
// functions of generated/ops.h compute with it. Copying a Tensor copies the handle, not the data.
#pragma once

#include <cstring>
#include <memory>
#include <span>

#include "core/device.h"
#include "core/dtype.h"
#include "core/errors.h"
#include "core/ref.h"
#include "core/shape.h"
#include "core/storage.h"

namespace chainrule {

class TensorImpl;

// What autograd hangs on leaves, hooked tensors and views that were written to. Allocated when
// needed.
struct AutogradState {
  Ref<TensorImpl> grad;   // of a leaf, or kept by retain_grad()
  Ref<RefCounted> hooks;  // autograd::Hooks
  bool retains_grad = false;
  uint32_t history = 0;  // of a base: writes through views so far; of a view: the base's, when made
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  // Uninitialised, contiguous.
  static Tensor empty(DType dtype, const Dims& sizes);
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
  // Dense, with new storage. Every result passes here: sizes are walked once.
  TensorImpl(DType dtype, const Dims& sizes);
  ~TensorImpl() override;
  void destroy() override;
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
  bool unrecorded = false;     // a view made while gradients were off, or a view of one
  int32_t output = 0;          // which output of grad_fn this tensor is
  Ref<RefCounted> grad_fn;     // autograd::Node that made it; null for a leaf
  std::unique_ptr<AutogradState> autograd;  // null until a gradient or a hook exists
  Ref<TensorImpl> base;    // of a view: the tensor it was taken from (never a view)
  void* python = nullptr;  // the live PyObject of this tensor, borrowed; owned by bindings/
};

// A number or a tensor, so that C++ code reads `mul(x, 2.0)`. A parameter type: it does not keep
// the tensor, whose owner is the caller.
class Operand {
 public:
  Operand(const Tensor& t) : tensor_(&t) {}
  Operand(double v) : number_(Tensor::number(v)), tensor_(&number_) {}
  Operand(int64_t v) : number_(Tensor::number(v)), tensor_(&number_) {}
  Operand(int v) : Operand(static_cast<int64_t>(v)) {}
  Operand(bool v) : number_(Tensor::number(v)), tensor_(&number_) {}
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  operator const Tensor&() const { return *tensor_; }

 private:
  Tensor number_;
  const Tensor* tensor_;
};

// The inputs of a call, side by side without counting them: the caller owns them for its length,
// and two atomic operations a tensor would cost as much as a small kernel.
template <size_t N>
class Borrowed {
 public:
  template <typename... T>
  explicit Borrowed(const T&... tensors) {
    static_assert(sizeof...(T) == N);
    unsigned char* to = bytes_;
    ((std::memcpy(to, &static_cast<const Tensor&>(tensors), sizeof(Tensor)), to += sizeof(Tensor)),
     ...);
  }
  operator std::span<const Tensor>() const { return {reinterpret_cast<const Tensor*>(bytes_), N}; }

 private:
  alignas(Tensor) unsigned char bytes_[N * sizeof(Tensor)];
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
