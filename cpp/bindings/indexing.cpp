// x[...] and x[...] = v. Integers, slices, None and Ellipsis make views; index tensors, masks and
// lists go to the ops `index` and `index_put`, one entry per dimension from the left.
#include "bindings/creation.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/number_fits.h"
#include "ops/write.h"

namespace chainrule::bindings {

namespace {

using Entries = SmallVector<Tensor, kMaxDims>;

// What a key means for one tensor.
struct Indexed {
  Tensor view;      // after the integers, slices, None and Ellipsis
  Entries entries;  // for `index`: undefined for a whole dimension
  bool by_tensors = false;
};

[[noreturn]] void fail_index(PyObject* item) {
  fail<IndexError>(
      "index", "expected integers, slices, None, ..., tensors or lists of integers or bools; got ",
      type_name(item), ".");
}

[[noreturn]] void fail_step(int64_t step) {
  fail<ValueError>("index", "expected a slice step > 0; got ", step, ". Use flip().");
}

[[noreturn]] void fail_slice(PyObject* item) {
  const bool zero_step = PyErr_ExceptionMatches(PyExc_ValueError);
  if (!zero_step && !PyErr_ExceptionMatches(PyExc_TypeError)) throw_python_error();
  PyErr_Clear();
  if (zero_step) fail_step(0);
  fail<TypeError>("index", "expected a slice of integers or None; got ", repr_text(item), ".");
}

// A tensor, list or array as an index tensor.
Tensor index_tensor(PyObject* item) {
  Tensor t;
  if (is_tensor(item)) {
    t = tensor_of(item);
  } else if (PyList_Check(item) || PyTuple_Check(item) || is_numpy_array(item) ||
             PyRange_Check(item)) {
    if (modes.recorder) check_host_data(str("a ", type_name(item), " as an index").c_str());
    t = !is_numpy_array(item) && PyObject_Size(item) == 0
            ? Tensor::empty(DType::kInt64, {0})
            : tensor_from_data(item, std::nullopt, "index");
  } else {
    fail_index(item);
  }
  if (is_floating(t.dtype())) {
    fail<IndexError>("index", "expected index tensors of integers or bools; got ",
                     dtype_name(t.dtype()), ". Use .bool() for a mask, .long() for places.");
  }
  return t;
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::kBool || t.dtype() == DType::kUInt8; }

constexpr const char* kIndexByVector =
    "Index with a vector, x[i.view(1)], which stays in the program.";

Tensor truth_mask(bool value) {
  Tensor t = Tensor::empty(DType::kBool, {});
  *t.data<bool>() = value;
  return t;
}

class Indexer {
 public:
  explicit Indexer(const Tensor& t) { result_.view = t; }

  Indexed run(PyObject* key) {
    // A tuple's items are held, because __index__ of one may run any code.
    const bool tuple = PyTuple_Check(key);
    const Py_ssize_t count = tuple ? PyTuple_GET_SIZE(key) : 1;
    for (Py_ssize_t i = 0; i < count; ++i) items_.push_back(tuple ? PyTuple_GET_ITEM(key, i) : key);
    for (PyObject*& item : items_) prepare(item);
    if (consumed_ > result_.view.dim()) {
      fail<IndexError>("index", "expected at most ", result_.view.dim(),
                       " indices for a tensor of sizes ", result_.view.sizes(), "; got ", consumed_,
                       ".");
    }
    rest_ = result_.view.dim() - consumed_;
    for (PyObject* item : items_) apply(item);
    return std::move(result_);
  }

 private:
  // Turns lists and arrays into tensors and counts the dimensions that the key names.
  void prepare(PyObject*& item) {
    if (item == Py_None || item == Py_Ellipsis || PyBool_Check(item)) return;
    if (PyLong_Check(item) || PySlice_Check(item)) {
      ++consumed_;
      return;
    }
    if (!is_tensor(item) && PyIndex_Check(item) && !is_numpy_array(item)) {
      ++consumed_;
      return;
    }
    const std::optional<Number> flag =
        is_tensor(item) || is_numpy_array(item) ? std::nullopt : number_from(item);
    if (flag && flag->kind == Number::kBool) {  // numpy.bool
      item = flag->integer ? Py_True : Py_False;
      return;
    }
    const Tensor t = index_tensor(item);
    if (!is_tensor(item)) {
      made_.push_back(steal(wrap(t)));
      item = made_.back().ptr();
    }
    consumed_ += is_mask(t) ? t.dim() : 1;
  }

  void apply(PyObject* item) {
    if (PyBool_Check(item)) {
      add_entry(truth_mask(item == Py_True));
    } else if (item == Py_None) {
      result_.view = unsqueeze(result_.view, dim_);
      pass(1);
    } else if (item == Py_Ellipsis) {
      pass(rest_);
      rest_ = 0;  // a second one stands for nothing
    } else if (PySlice_Check(item)) {
      apply_slice(item);
      pass(1);
    } else if (is_tensor(item)) {
      apply_tensor(tensor_of(item));
    } else if (const std::optional<int64_t> i = int_from(item)) {
      result_.view = select(result_.view, dim_, *i);
    } else {
      fail_index(item);
    }
  }

  void apply_slice(PyObject* item) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(item, &start, &stop, &step) < 0) fail_slice(item);
    if (step <= 0) fail_step(step);
    if (start == 0 && stop == PY_SSIZE_T_MAX && step == 1) return;
    result_.view = slice(result_.view, dim_, OptInt(start), OptInt(stop), step);
  }

  void apply_tensor(const Tensor& t) {
    if (t.dim() == 0 && category(t.dtype()) == Category::kInteger && t.dtype() != DType::kUInt8) {
      result_.view = select(result_.view, dim_,
                            item_of(t, "x[i] with a 0-d tensor i", kIndexByVector).integer);
      return;
    }
    add_entry(t);
    dim_ += is_mask(t) ? t.dim() : 1;
  }

  void add_entry(const Tensor& t) {
    result_.entries.push_back(t);
    result_.by_tensors = true;
  }
  void pass(int64_t dims) {
    for (int64_t i = 0; i < dims; ++i) result_.entries.push_back(Tensor());
    dim_ += dims;
  }

  Indexed result_;
  std::vector<PyObject*> items_;
  std::vector<py::object> made_;
  int64_t consumed_ = 0;
  int64_t rest_ = 0;  // dimensions that Ellipsis stands for
  int64_t dim_ = 0;   // of the view, where the next item applies
};

std::span<const Tensor> list(const Entries& entries) { return {entries.data(), entries.size()}; }

Tensor read(const Tensor& t, PyObject* key) {
  if (PyLong_CheckExact(key)) return select(t, 0, *int_from(key));
  const Indexed found = Indexer(t).run(key);
  if (found.by_tensors) return index(found.view, list(found.entries));
  return found.view.same_as(t) ? alias(t) : found.view;  // x[...] is a new view
}

Tensor value_tensor(PyObject* value) {
  if (is_tensor(value)) return tensor_of(value);
  if (const std::optional<Number> n = number_from(value)) return weak_tensor(*n);
  if (value == Py_None || is_text(value)) {
    fail<TypeError>("index", "expected a number, tensor, list or array to assign; got ",
                    type_name(value), ".");
  }
  if (modes.recorder) check_host_data(str("a ", type_name(value), " to assign").c_str());
  return shared_from_data(value, std::nullopt, "index");
}

// PyTorch drops leading dimensions of size 1 that the place does not have.
Tensor drop_leading_ones(Tensor value, int dims) {
  while (value.dim() > dims && value.sizes()[0] == 1) value = select(value, 0, 0);
  return value;
}

// Whether a write of `a` into `b` changes neither numbers nor history: both are the same window on
// the same tensor.
bool same_place(const Tensor& a, const Tensor& b) {
  const auto owner = [](const Tensor& t) { return t->base ? t->base.get() : t.impl(); };
  return owner(a) == owner(b) && a->unrecorded == b->unrecorded && a->offset == b->offset &&
         a.dtype() == b.dtype() && a.sizes() == b.sizes() && a.strides() == b.strides();
}

void assign(const Tensor& t, PyObject* key, PyObject* value) {
  const Indexed found = Indexer(t).run(key);
  Tensor source = value_tensor(value);
  if (!found.by_tensors) {
    if (same_place(source, found.view)) {  // the end of x[0] += 1: already there
      return check_writable(found.view, "index");
    }
    write(found.view, drop_leading_ones(std::move(source), found.view.dim()), "index");
    return;
  }
  check_number_fits("index", source, found.view.dtype());
  if (source.dtype() != found.view.dtype()) source = cast(source, found.view.dtype());
  SmallVector<Tensor, kMaxDims + 2> inputs;
  inputs.push_back(found.view);
  for (const Tensor& entry : found.entries) inputs.push_back(entry);
  inputs.push_back(source);
  const int32_t entries_end = static_cast<int32_t>(inputs.size()) - 1;
  const int32_t ends[] = {1, entries_end, entries_end + 1};
  const IndexPutAttrs attrs;
  call_in_place(found.view, ops::kIndexPut, {inputs.data(), inputs.size()}, &attrs, ends);
}

void check_iterable(const Tensor& t, const char* what) {
  if (t.dim() == 0)
    fail<TypeError>(what, "expected at least one dimension; got a 0-dimensional tensor.");
}

}  // namespace

Py_ssize_t tensor_length(PyObject* self) {
  return guarded(
      [&] {
        check_iterable(tensor_of(self), "len");
        return static_cast<Py_ssize_t>(tensor_of(self).sizes()[0]);
      },
      Py_ssize_t{-1});
}

PyObject* tensor_subscript(PyObject* self, PyObject* key) {
  return guarded("index", [&] { return wrap(read(tensor_of(self), key)); });
}

PyObject* tensor_item(PyObject* self, Py_ssize_t i) {
  return guarded([&] { return wrap(select(tensor_of(self), 0, i)); });
}

int tensor_assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded_status("index", [&] {
    if (!value)
      fail<TypeError>("index", "expected a value to assign; got a deletion, which no tensor has.");
    assign(tensor_of(self), key, value);
  });
}

// One unbind, so that the backward of a loop over rows is one node.
PyObject* tensor_iter(PyObject* self) {
  return guarded([&] {
    check_iterable(tensor_of(self), "iter");
    const Tensors parts = unbind(tensor_of(self), 0);
    const py::object rows = steal(wrap_tuple({parts.data(), parts.size()}));
    return checked(PyObject_GetIter(rows.ptr()));
  });
}

}  // namespace chainrule::bindings
