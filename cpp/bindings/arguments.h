// The schema-driven parser: Python arguments become the flattened inputs and the attribute struct
// of one call, for whichever overload of a Python name fits first.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "bindings/attributes.h"
#include "bindings/tensor_type.h"
#include "ops/op.h"
#include "ops/schema.h"

namespace chainrule::bindings {

// The tensors of one call. Those of argument objects are borrowed, because the caller keeps the
// objects alive for the length of the call and two atomic operations a tensor cost as much as the
// parsing; numbers and list elements (another thread may change the list) are owned.
class Inputs {
 public:
  Inputs() = default;
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  ~Inputs() {
    if (owned_ || heap_) clear();
  }

  void borrow(const Tensor& t) {
    if (size_ >= kMasked) return own(t);
    std::memcpy(static_cast<void*>(next()), &t, sizeof t);
    ++size_;
  }
  void own(Tensor t) {
    Tensor* place = next();
    new (place) Tensor(std::move(t));
    if (size_ < kMasked) owned_ |= uint64_t{1} << size_;
    ++size_;
  }
  void clear();
  int size() const { return size_; }
  const Tensor& operator[](int i) const { return data()[i]; }
  std::span<const Tensor> span() const { return {data(), static_cast<size_t>(size_)}; }

 private:
  static constexpr int kInline = 8;
  static constexpr int kMasked = 64;  // from here on every place is owned

  Tensor* data() const {
    return heap_ ? heap_ : reinterpret_cast<Tensor*>(const_cast<unsigned char*>(inline_));
  }
  Tensor* next() {
    if (size_ == capacity_) grow();
    return data() + size_;
  }
  void grow();

  alignas(Tensor) unsigned char inline_[kInline * sizeof(Tensor)];
  Tensor* heap_ = nullptr;
  int size_ = 0;
  int capacity_ = kInline;
  uint64_t owned_ = 0;
};

// One signature that a Python name may mean.
struct Overload {
  const OpDef* op;
  const Signature* signature;
  std::vector<PyObject*> names;    // of the parameters, interned
  std::vector<PyObject*> aliases;  // NumPy's spelling (axis, keepdims) or null
  std::vector<ParamKind> tensors;  // kinds of the first signature's tensor parameters
  int self = -1;                   // the parameter that is the object of a method
  int sizes = -1;                  // the parameter that takes all positional ints: zeros(2, 3)
  bool factory = false;            // also device=, requires_grad=
  bool truth = false;              // returns Python's bool
};

// What a call brought, as METH_FASTCALL hands it over.
struct Arguments {
  PyObject* self;  // null for a function
  PyObject* const* values;
  Py_ssize_t count;
  PyObject* keywords;  // tuple of names or null

  Py_ssize_t keyword_count() const { return keywords ? PyTuple_GET_SIZE(keywords) : 0; }
};

// Why an overload did not fit; `progress` orders several, the furthest one is reported, and of
// equal ones the last.
struct Mismatch {
  const char* parameter = nullptr;
  Problem problem;
  int progress = -1;
  const char* before = nullptr;  // what an equally far overload wants of the same parameter
  PyObject* value = nullptr;     // in place of a Tensor
};

inline constexpr int kMaxAttrBytes = 512;
inline constexpr int kMaxTensorParams = 8;

struct Parsed {
  Inputs inputs;
  int32_t ends[kMaxTensorParams];
  alignas(8) unsigned char attrs[kMaxAttrBytes];
  bool requires_grad = false;
};

// Throws only for values that no overload would take (an unknown choice, an integer beyond 64
// bits).
bool parse(const Overload& overload, const Arguments& arguments, Parsed& out, Mismatch& why);

// "[relu] expected relu(Tensor input) -> Tensor; got (Tensor, int): too many ...", as TypeError.
[[noreturn]] void fail_arguments(const std::string& name, const std::vector<Overload>& overloads,
                                 const Arguments& arguments, const Mismatch& why);

}  // namespace chainrule::bindings
