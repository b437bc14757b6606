// Memory shared with other array libraries. Capsules are renamed once used, as the protocol wants.
#include "bindings/dlpack.h"

#include <cstring>
#include <memory>

#include "autograd/autograd.h"
#include "bindings/creation.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

using dlpack::DlTensor;
using dlpack::ManagedTensor;
using dlpack::ManagedTensorVersioned;

constexpr const char* kOld = "dltensor";
constexpr const char* kNew = "dltensor_versioned";

dlpack::DataType dl_type(DType t) {
  const auto bits = static_cast<uint8_t>(8 * itemsize(t));
  switch (t) {
    case DType::kBool:
      return {dlpack::kBool, bits, 1};
    case DType::kUInt8:
      return {dlpack::kUInt, bits, 1};
    case DType::kInt32:
    case DType::kInt64:
      return {dlpack::kInt, bits, 1};
    case DType::kBFloat16:
      return {dlpack::kBfloat, bits, 1};
    default:
      return {dlpack::kFloat, bits, 1};
  }
}

DType dtype_of(const dlpack::DataType& type) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const dlpack::DataType own = dl_type(static_cast<DType>(i));
    if (own.code == type.code && own.bits == type.bits && own.lanes == type.lanes)
      return static_cast<DType>(i);
  }
  fail<DtypeError>(
      "from_dlpack",
      "expected bool, uint8, int32, int64, bfloat16, float32 or float64; got type code ",
      static_cast<int>(type.code), " of ", static_cast<int>(type.bits), " bits.");
}

// ---- Out

template <typename Managed>
struct Export {
  Managed managed;
  Ref<Storage> storage;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];
};

template <typename Managed>
Managed* make_export(const Tensor& t) {
  auto* e = new Export<Managed>{};
  e->storage = t->storage;
  for (int d = 0; d < t.dim(); ++d) {
    e->shape[d] = t.sizes()[d];
    e->strides[d] =
        t.sizes()[d] > 1 ? t.strides()[d] : 1;  // other libraries compare strides they never take
  }
  if (t.is_contiguous()) {
    const Dims dense = contiguous_strides(t.sizes());
    for (int d = 0; d < t.dim(); ++d) e->strides[d] = dense[d];
  }
  e->managed.tensor = {t.raw(),  {dlpack::kCpu, 0}, t.dim(), dl_type(t.dtype()),
                       e->shape, e->strides,        0};
  e->managed.context = e;
  e->managed.deleter = [](Managed* m) { delete static_cast<Export<Managed>*>(m->context); };
  return &e->managed;
}

// Runs when a capsule was never used.
template <typename Managed>
void drop_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed->deleter) managed->deleter(managed);
}

py::object export_capsule(const Tensor& t, bool versioned, bool copied) {
  if (!versioned) {
    return steal(PyCapsule_New(make_export<ManagedTensor>(t), kOld,
                               [](PyObject* c) { drop_capsule<ManagedTensor>(c, kOld); }));
  }
  auto* managed = make_export<ManagedTensorVersioned>(t);
  managed->version = {1, 0};
  managed->flags =
      (t->storage->read_only() ? dlpack::kReadOnly : 0) | (copied ? dlpack::kCopied : 0);
  return steal(PyCapsule_New(managed, kNew,
                             [](PyObject* c) { drop_capsule<ManagedTensorVersioned>(c, kNew); }));
}

std::pair<int, int> two_ints(const char* op, const char* what, const py::object& o) {
  try {
    return o.cast<std::pair<int, int>>();
  } catch (const py::cast_error&) {
    fail<TypeError>(op, "expected ", what, " as two integers; got ", repr_text(o).substr(0, 60),
                    ".");
  }
}

py::object to_dlpack(const Tensor& t, const py::object& stream, const py::object& max_version,
                     const py::object& dl_device, const py::object& copy) {
  if (modes.recorder) modes.recorder->on_read("__dlpack__");
  if (autograd::requires_grad(t)) {
    fail<StateError>(
        "__dlpack__",
        "expected a tensor without requires_grad; got one with history. Use detach() first.");
  }
  if (!stream.is_none())
    fail<ValueError>("__dlpack__", "expected stream=None, for the CPU has no streams; got ",
                     repr_text(stream), ".");
  if (!dl_device.is_none()) {
    const auto device = two_ints("__dlpack__", "dl_device", dl_device);
    if (device.first != dlpack::kCpu || device.second != 0) {
      throw py::buffer_error(str("[__dlpack__] expected dl_device=(1, 0), the CPU; got (",
                                 device.first, ", ", device.second, ")."));
    }
  }
  const bool versioned =
      !max_version.is_none() && two_ints("__dlpack__", "max_version", max_version).first >= 1;
  const bool copied = !copy.is_none() && require_bool(copy.ptr(), "__dlpack__", "copy");
  if (!versioned && !copied && t->storage->read_only()) {
    throw py::buffer_error(
        "[__dlpack__] expected a consumer that knows read-only memory (DLPack 1.0).");
  }
  return export_capsule(copied ? clone(t) : t, versioned, copied);
}

// ---- In

Tensor window(const DlTensor& d, bool read_only, std::function<void()> release) {
  // From here on the memory is ours to give back, also when something below is refused.
  Ref<Storage> storage;
  auto give_back = std::make_shared<std::function<void()>>(std::move(release));
  std::shared_ptr<void> guard(nullptr, [give_back](void*) {
    if (*give_back) (*give_back)();
  });
  if (d.device.type != dlpack::kCpu) {
    fail<ValueError>("from_dlpack", "expected memory of the CPU; got device type ", d.device.type,
                     ".");
  }
  const DType dtype = dtype_of(d.dtype);
  if (d.ndim < 0 || d.ndim > kMaxDims) {
    fail<ShapeError>("from_dlpack", "expected at most ", kMaxDims, " dimensions; got ", d.ndim,
                     ".");
  }
  Dims sizes, strides;
  for (int i = 0; i < d.ndim; ++i) sizes.push_back(d.shape[i]);
  if (!d.strides) strides = contiguous_strides(sizes);
  for (int i = 0; d.strides && i < d.ndim; ++i) strides.push_back(d.strides[i]);
  for (int i = 0; i < d.ndim; ++i) {
    if (strides[i] < 0 && sizes[i] > 1) {
      fail<ValueError>("from_dlpack", "expected strides >= 0; got ", strides,
                       ". Copy the array first.");
    }
    if (sizes[i] <= 1) strides[i] = std::max<int64_t>(strides[i], 0);
  }
  char* data = static_cast<char*>(d.data) + d.byte_offset;
  checked_numel("from_dlpack", sizes);
  const size_t bytes = extent(sizes, strides) * itemsize(dtype);
  if (reinterpret_cast<uintptr_t>(data) % itemsize(dtype) != 0) {
    fail<ValueError>("from_dlpack",
                     "expected memory aligned to its elements; got an address that is not. "
                     "Copy the array first.");
  }
  storage = Storage::borrow(data, bytes, read_only, [guard]() mutable { guard.reset(); });
  const Tensor t(make_ref<TensorImpl>(std::move(storage), dtype, sizes, strides, 0));
  check_bools(t, "from_dlpack");
  return t;
}

// The producer may be Python, so its deleter runs under the GIL.
template <typename Managed>
Tensor import_capsule(PyObject* capsule, const char* name, const char* used_name, bool read_only) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (!managed) throw_python_error();
  check(PyCapsule_SetName(capsule, used_name));
  PyCapsule_SetDestructor(capsule, nullptr);
  return window(managed->tensor, read_only, [managed] {
    if (!managed->deleter || !Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    managed->deleter(managed);
  });
}

Tensor from_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kNew)) {
    auto* managed = static_cast<ManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, kNew));
    if (managed->version.major != 1) {
      fail<ValueError>("from_dlpack", "expected DLPack version 1; got ", managed->version.major,
                       ".");
    }
    return import_capsule<ManagedTensorVersioned>(capsule, kNew, "used_dltensor_versioned",
                                                  managed->flags & dlpack::kReadOnly);
  }
  if (PyCapsule_IsValid(capsule, kOld)) {
    return import_capsule<ManagedTensor>(capsule, kOld, "used_dltensor", false);
  }
  fail<ValueError>("from_dlpack", "expected a DLPack capsule that was not used yet; got ",
                   repr_text(capsule), ".");
}

}  // namespace

Tensor tensor_from_dlpack(PyObject* o) {
  using namespace py::literals;
  check_host_data("from_dlpack");
  if (PyCapsule_CheckExact(o)) return from_capsule(o);
  const py::object source = borrow(o);
  if (!py::hasattr(source, "__dlpack__")) {
    fail<TypeError>("from_dlpack", "expected an object with __dlpack__ or a capsule; got ",
                    type_name(o), ".");
  }
  if (py::hasattr(source, "__dlpack_device__")) {
    const auto device =
        two_ints("from_dlpack", "__dlpack_device__()", source.attr("__dlpack_device__")());
    if (device.first != dlpack::kCpu) {
      fail<ValueError>("from_dlpack", "expected memory of the CPU; got device type ", device.first,
                       ".");
    }
  }
  py::object capsule;
  try {
    capsule = source.attr("__dlpack__")("max_version"_a = py::make_tuple(1, 0));
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_TypeError)) throw;  // a producer from before version 1
    capsule = source.attr("__dlpack__")();
  }
  return from_capsule(capsule.ptr());
}

void bind_dlpack(py::module_& m) {
  using namespace py::literals;
  m.def(
      "from_dlpack", [](const py::object& o) { return tensor_from_dlpack(o.ptr()); },
      "ext_tensor"_a, "A tensor on the memory of another library's array.");
  add_tensor_method("__dlpack__", to_dlpack, py::kw_only(), "stream"_a = py::none(),
                    "max_version"_a = py::none(), "dl_device"_a = py::none(),
                    "copy"_a = py::none());
  add_tensor_method("__dlpack_device__", [](const Tensor&) { return py::make_tuple(1, 0); });
}

}  // namespace chainrule::bindings
