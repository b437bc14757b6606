// The buffer protocol in both directions: `from_numpy(a)` and `np.asarray(t)` share memory, and
// NumPy is never imported here.
#include <cctype>
#include <cstring>
#include <memory>

#include "autograd/autograd.h"
#include "bindings/creation.h"
#include "bindings/other_types.h"
#include "core/storage.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

// ---- In

std::optional<DType> dtype_of_format(const char* format, Py_ssize_t itemsize) {
  if (!format) return DType::kUInt8;
  if (*format == '@' || *format == '=' || *format == '<') ++format;  // native on this platform
  if (format[0] == '\0' || format[1] != '\0') return std::nullopt;
  switch (*format) {
    case '?':
      return DType::kBool;
    case 'B':
      return DType::kUInt8;
    case 'i':
    case 'l':
    case 'q':
      if (itemsize == 4) return DType::kInt32;
      if (itemsize == 8) return DType::kInt64;
      return std::nullopt;
    case 'f':
      return DType::kFloat32;
    case 'd':
      return DType::kFloat64;
    default:
      return std::nullopt;
  }
}

// Held until the last tensor on the memory is gone, whichever thread frees it.
class HeldBuffer {
 public:
  HeldBuffer(PyObject* o, const char* op) {
    constexpr int kFlags = PyBUF_STRIDED_RO | PyBUF_FORMAT;
    if (PyObject_GetBuffer(o, &view_, PyBUF_STRIDED | PyBUF_FORMAT) == 0) return;
    PyErr_Clear();
    if (PyObject_GetBuffer(o, &view_, kFlags) == 0) return;
    PyErr_Clear();
    fail<TypeError>(op, "expected an array of numbers; got ", type_name(o), ".");
  }
  HeldBuffer(const HeldBuffer&) = delete;
  HeldBuffer& operator=(const HeldBuffer&) = delete;
  ~HeldBuffer() {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    PyBuffer_Release(&view_);
  }
  Py_buffer& view() { return view_; }

  DType dtype(const char* op) const {
    const std::optional<DType> t = dtype_of_format(view_.format, view_.itemsize);
    if (!t) fail_format(op);
    return *t;
  }
  Dims sizes() const {
    Dims dims;
    for (int d = 0; d < view_.ndim; ++d)
      dims.push_back(view_.shape ? view_.shape[d] : view_.len / view_.itemsize);
    return dims;
  }
  bool strides(Dims* out) const {
    if (!view_.strides) {
      *out = contiguous_strides(sizes());
      return true;
    }
    for (int d = 0; d < view_.ndim; ++d) {
      if (view_.strides[d] < 0 || view_.strides[d] % view_.itemsize != 0) return false;
      out->push_back(view_.strides[d] / view_.itemsize);
    }
    return true;
  }
  // The format is one of the struct module: a letter for each type, a capital one where unsigned.
  [[noreturn]] void fail_format(const char* op) const {
    const std::string format = view_.format;
    const bool integer = !format.empty() && std::strchr("bBhHiIlLqQ", format.back());
    std::string got = str("format '", format, "'");
    if (format == "e") got = "float16";
    if (integer && format.size() == 1) {
      got = str(std::isupper(format[0]) ? "uint" : "int", 8 * view_.itemsize);
    }
    fail<DtypeError>(op,
                     "expected elements of bool, uint8, int32, int64, float32 or float64 in native "
                     "byte order; got ",
                     got, ". Convert first: a.astype('", integer ? "int64" : "float32", "').");
  }
  bool aligned() const { return reinterpret_cast<uintptr_t>(view_.buf) % view_.itemsize == 0; }

 private:
  Py_buffer view_;
};

Tensor bytes_of(const Tensor& bools) {
  return Tensor(make_ref<TensorImpl>(bools->storage, DType::kUInt8, bools.sizes(), bools.strides(),
                                     bools->offset));
}

}  // namespace

std::optional<DType> buffer_dtype(PyObject* o) {
  Py_buffer view;
  if (!PyObject_CheckBuffer(o)) return std::nullopt;
  if (PyObject_GetBuffer(o, &view, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return std::nullopt;
  }
  const std::optional<DType> t = dtype_of_format(view.format, view.itemsize);
  PyBuffer_Release(&view);
  return t;
}

Tensor tensor_from_buffer(PyObject* o, const char* op) {
  check_host_data(op);
  auto held = std::make_shared<HeldBuffer>(o, op);
  const DType dtype = held->dtype(op);
  const Dims sizes = held->sizes();
  Dims strides;
  if (!held->strides(&strides) || !held->aligned()) {
    fail<ValueError>(op,
                     "expected non-negative strides of whole elements and aligned memory; got "
                     "another layout. Use a.copy() first.");
  }
  const Py_buffer& view = held->view();
  Ref<Storage> storage = Storage::borrow(view.buf, extent(sizes, strides) * itemsize(dtype),
                                         view.readonly != 0, [held]() mutable { held.reset(); });
  const Tensor t(make_ref<TensorImpl>(std::move(storage), dtype, sizes, strides, 0));
  check_bools(t, op);
  return t;
}

Tensor copy_of_buffer(PyObject* o, const char* op) {
  check_host_data(op);
  HeldBuffer held(o, op);
  Tensor t = Tensor::empty(held.dtype(op), held.sizes());
  check(PyBuffer_ToContiguous(t.raw(), &held.view(), held.view().len, 'C'));
  return t.dtype() == DType::kBool ? ne(bytes_of(t), 0) : t;
}

void check_bools(const Tensor& t, const char* op) {
  if (t.dtype() != DType::kBool || !any(gt(bytes_of(t), 1)).item_int()) return;
  fail<ValueError>(op, "expected the bytes 0 and 1 in memory of bools; got others. Use a != 0.");
}

// ---- Out

namespace {

struct Exported {
  Ref<Storage> storage;  // `data =` may give the tensor another storage while the view lives
  Py_ssize_t shape[kMaxDims];
  Py_ssize_t strides[kMaxDims];
};

const char* format_of(DType t) {
  switch (t) {
    case DType::kBool:
      return "?";
    case DType::kUInt8:
      return "B";
    case DType::kInt32:
      return "i";
    case DType::kInt64:
      return "q";
    case DType::kFloat32:
      return "f";
    case DType::kFloat64:
      return "d";
    case DType::kBFloat16:
      break;
  }
  fail<DtypeError>("numpy", "expected a dtype that NumPy has; got bfloat16. Use float() first.");
}

void export_buffer(PyObject* self, Py_buffer* view, int flags) {
  const Tensor& t = tensor_of(self);
  if (modes.recorder) modes.recorder->on_read("numpy");
  if (autograd::requires_grad(t)) {
    fail<StateError>(
        "numpy",
        "expected a tensor without requires_grad; got one with history. Use detach() first.");
  }
  const bool read_only = t->storage->read_only();
  if ((flags & PyBUF_WRITABLE) && read_only) {
    fail<StateError>(
        "numpy",
        "expected writable memory; got a read-only view of foreign memory. Use clone() first.");
  }
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !t.is_contiguous()) {
    fail<ValueError>("numpy", "expected dense memory; got strides ", t.strides(),
                     ". Use contiguous() first.");
  }
  const auto item = static_cast<Py_ssize_t>(itemsize(t.dtype()));
  const char* format = format_of(t.dtype());
  auto exported = std::make_unique<Exported>();
  exported->storage = t->storage;
  for (int d = 0; d < t.dim(); ++d) {
    exported->shape[d] = t.sizes()[d];
    exported->strides[d] = t.strides()[d] * item;
  }
  view->buf = t.raw();
  view->len = t.numel() * item;
  view->readonly = read_only;
  view->itemsize = item;
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(format) : nullptr;
  view->ndim = t.dim();
  view->shape = flags & PyBUF_ND ? exported->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? exported->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = exported.release();
  view->obj = Py_NewRef(self);
}

}  // namespace

int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  return guarded_status([&] { export_buffer(self, view, flags); });
}

void tensor_releasebuffer(PyObject*, Py_buffer* view) {
  delete static_cast<Exported*>(view->internal);
}

}  // namespace chainrule::bindings
