// Nested Python sequences to a tensor: shape from the first elements, dtype from all of them, then
// one pass that writes. Every pass checks lengths again, because __float__ or __index__ of an
// element may run any code, which may change the lists meanwhile.
#include "bindings/creation.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/number_fits.h"

namespace chainrule::bindings {

namespace {

bool is_block(PyObject* o) {  // holds several elements of one dtype
  if (is_tensor(o)) return tensor_of(o).dim() > 0;
  return is_numpy_array(o) || PyMemoryView_Check(o) || PyByteArray_Check(o);
}
bool is_sequence(PyObject* o) {
  if (PyList_Check(o) || PyTuple_Check(o)) return true;
  return !is_tensor(o) && !is_text(o) && !PyDict_Check(o) && PySequence_Check(o) &&
         PyObject_HasAttrString(o, "__len__");
}
Tensor block_tensor(PyObject* o, const char* op) {
  return is_tensor(o) ? tensor_of(o) : copy_of_buffer(o, op);
}
// The dtype of a NumPy scalar is its own: np.float64(1) is also a Python float.
bool has_own_dtype(PyObject* o) {
  return !PyFloat_CheckExact(o) && !PyLong_CheckExact(o) && !PyBool_Check(o) &&
         (is_numpy_scalar(o) || is_numpy_array(o));
}

class Nested {
 public:
  Nested(std::optional<DType> dtype, const char* op) : op_(op), dtype_(dtype) {}

  Tensor make(PyObject* o) {
    find_shape(borrow(o));
    if (!dtype_) {
      std::optional<DType> found;
      find_dtype(o, 0, &found);
      dtype_ = found.value_or(default_dtype());
    }
    out_ = Tensor::empty(dtype_ == DType::kBFloat16 ? DType::kFloat32 : *dtype_, shape_);
    next_ = static_cast<char*>(out_.raw());
    fill(o, 0);
    return dtype_ == out_.dtype() ? out_ : cast(out_, *dtype_);
  }

 private:
  void find_shape(py::object o) {
    while (true) {
      if (is_block(o.ptr())) {
        const Tensor block = block_tensor(o.ptr(), op_);  // a range-for keeps no temporary alive
        for (int64_t n : block.sizes()) shape_.push_back(n);
        return;
      }
      if (!is_sequence(o.ptr())) return;
      const Py_ssize_t n = PySequence_Size(o.ptr());
      if (n < 0) throw_python_error();
      shape_.push_back(n);
      if (n == 0) return;
      o = steal(PySequence_GetItem(o.ptr(), 0));
    }
  }

  // Calls visit(item) for each of the shape_[depth] elements; the position is kept for errors.
  template <typename F>
  void for_items(PyObject* o, int depth, F&& visit) {
    if (!is_sequence(o)) {
      fail<ValueError>(op_, "expected a sequence of length ", shape_[depth], place(), "; got ",
                       type_name(o), ".");
    }
    py::object items = steal(PySequence_Fast(o, "expected a sequence"));
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.ptr());
    if (n != shape_[depth]) {
      fail<ValueError>(op_, "expected a sequence of length ", shape_[depth], place(),
                       "; got length ", n, ".");
    }
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (i >= PySequence_Fast_GET_SIZE(items.ptr())) {
        fail<ValueError>(op_, "expected a list that nobody changes meanwhile; got another length.");
      }
      position_[depth] = i;
      depth_ = depth + 1;
      visit(borrow(PySequence_Fast_GET_ITEM(items.ptr(), i)).ptr());
    }
    depth_ = depth;
  }

  void check_block(const Tensor& t, int depth) const {
    Dims expected;
    for (int d = depth; d < shape_.size(); ++d) expected.push_back(shape_[d]);
    if (t.sizes() == expected) return;
    fail<ValueError>(op_, "expected an array of shape ", expected, place(), "; got ", t.sizes(),
                     ".");
  }

  void find_dtype(PyObject* o, int depth, std::optional<DType>* found) {
    const auto add = [&](DType t) { found->emplace(*found ? promote_types(**found, t) : t); };
    if (depth < shape_.size() && is_block(o)) {
      add(block_tensor(o, op_).dtype());
    } else if (depth < shape_.size()) {
      for_items(o, depth, [&](PyObject* item) { find_dtype(item, depth + 1, found); });
    } else if (is_tensor(o)) {
      add(tensor_of(o).dtype());
    } else if (std::optional<DType> own = has_own_dtype(o) ? buffer_dtype(o) : std::nullopt) {
      add(*own);
    } else {
      add(number_at(o).dtype());
    }
  }

  Number number_at(PyObject* o) const {
    if (std::optional<Number> n = number_or_item(o)) return *n;
    if (is_numpy_array(o)) {  // of no dimensions: a number, as NumPy has it
      const Tensor t = copy_of_buffer(o, op_);
      if (t.dim() == 0) return item_of(t, op_);
    }
    if (is_sequence(o) || is_block(o)) {
      fail<ValueError>(op_, "expected a number", place(), "; got ", type_name(o),
                       ". All rows must be nested to the same depth.");
    }
    fail<TypeError>(op_, "expected a number", place(), "; got ", type_name(o), ".");
  }

  void fill(PyObject* o, int depth) {
    if (depth < shape_.size() && is_block(o)) return fill_block(block_tensor(o, op_), depth);
    if (depth == shape_.size()) return put(o);
    for_items(o, depth, [&](PyObject* item) { fill(item, depth + 1); });
  }

  void fill_block(const Tensor& t, int depth) {
    check_block(t, depth);
    const int64_t offset =
        (next_ - static_cast<char*>(out_.raw())) / static_cast<int64_t>(itemsize(out_.dtype()));
    const Tensor target = out_.alias(t.sizes(), contiguous_strides(t.sizes()), offset);
    NoGrad off;
    copy_strided(target, t.dtype() == out_.dtype() ? t : cast(t, out_.dtype()));
    next_ += t.numel() * static_cast<int64_t>(itemsize(out_.dtype()));
  }

  void put(PyObject* o) {
    const Number n = number_at(o);
    switch (out_.dtype()) {
      case DType::kBool:
        return put_value(n.is_float() ? n.real != 0 : n.integer != 0);
      case DType::kUInt8:
        return put_value(integer<uint8_t>(n));
      case DType::kInt32:
        return put_value(integer<int32_t>(n));
      case DType::kInt64:
        return put_value(integer<int64_t>(n));
      case DType::kFloat32:
        return put_value(static_cast<float>(n.real));
      default:
        return put_value(n.real);
    }
  }
  template <typename T>
  void put_value(T v) {
    std::memcpy(next_, &v, sizeof v);
    next_ += sizeof v;
  }
  template <typename T>
  T integer(const Number& n) const {
    if (fits(n, out_.dtype())) {
      return static_cast<T>(n.is_float() ? static_cast<int64_t>(n.real) : n.integer);
    }
    fail<ValueError>(op_, "expected a value that fits ", dtype_name(out_.dtype()), place(),
                     "; got ", n.is_float() ? str(n.real) : str(n.integer), ".");
  }

  std::string place() const {  // " at [1][0]"
    std::string text = depth_ ? " at " : "";
    for (int d = 0; d < depth_; ++d) text += str("[", position_[d], "]");
    return text;
  }

  const char* op_;
  std::optional<DType> dtype_;
  Dims shape_;
  Tensor out_;
  char* next_ = nullptr;
  Py_ssize_t position_[kMaxDims] = {};
  int depth_ = 0;
};

}  // namespace

Tensor tensor_from_nested(PyObject* o, std::optional<DType> dtype, const char* op) {
  check_host_data(op);
  return Nested(dtype, op).make(o);
}

}  // namespace chainrule::bindings
