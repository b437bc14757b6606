#include "bindings/types.h"

#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/other_types.h"
#include "core/errors.h"

namespace chainrule::bindings {

namespace {

struct DTypeObject {
  PyObject_HEAD DType value;
};
struct DeviceObject {
  PyObject_HEAD Device value;
};

PyTypeObject* dtype_type;
PyTypeObject* device_type;
PyTypeObject* size_type;
PyObject* dtype_objects[kDTypeCount];
PyObject* cpu_device;

DType value_of(PyObject* o) { return reinterpret_cast<DTypeObject*>(o)->value; }

// ---- dtype

PyObject* dtype_repr(PyObject* self) {
  return PyUnicode_FromFormat("chainrule.%s", dtype_name(value_of(self)));
}
// Pickled as a global of the module chainrule, so that it comes back as the singleton.
PyObject* dtype_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(dtype_name(value_of(self)));
}
PyObject* dtype_itemsize(PyObject* self, void*) {
  return PyLong_FromSize_t(itemsize(value_of(self)));
}
PyObject* dtype_is_floating(PyObject* self, void*) {
  return PyBool_FromLong(is_floating(value_of(self)));
}
PyObject* dtype_is_complex(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* dtype_is_signed(PyObject* self, void*) {
  return PyBool_FromLong(value_of(self) > DType::kUInt8);
}

PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef dtype_getset[] = {
    {"itemsize", dtype_itemsize, nullptr, "Bytes per element.", nullptr},
    {"is_floating_point", dtype_is_floating, nullptr, "Whether this is a floating type.", nullptr},
    {"is_complex", dtype_is_complex, nullptr, "False: there are no complex types.", nullptr},
    {"is_signed", dtype_is_signed, nullptr, "Whether negative values exist.", nullptr},
    {}};
PyType_Slot dtype_slots[] = {{Py_tp_repr, reinterpret_cast<void*>(dtype_repr)},
                             {Py_tp_methods, dtype_methods},
                             {Py_tp_getset, dtype_getset},
                             {Py_tp_doc, const_cast<char*>("The type of a tensor's elements.")},
                             {0, nullptr}};
PyType_Spec dtype_spec = {"chainrule.dtype", sizeof(DTypeObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, dtype_slots};

// ---- device

PyObject* device_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* const names[] = {"type", "index", nullptr};
    PyObject* type;
    PyObject* index = Py_None;
    parse_arguments("device", "(type, index=None)", args, kwargs, "O|O", names, &type, &index);
    std::optional<Device> device = device_from(type);
    if (!device) {
      fail<TypeError>("device", "expected a device name such as 'cpu'; got ", type_name(type), ".");
    }
    if (index != Py_None) parse_device(str("cpu:", text_of(index)));
    return Py_NewRef(cpu_device);
  });
}
PyObject* device_repr(PyObject*) { return PyUnicode_FromString("device(type='cpu')"); }
PyObject* device_str(PyObject*) { return PyUnicode_FromString("cpu"); }
PyObject* device_type_name(PyObject*, void*) { return PyUnicode_FromString("cpu"); }
PyObject* device_index(PyObject*, void*) { Py_RETURN_NONE; }
PyObject* device_reduce(PyObject*, PyObject*) {
  return Py_BuildValue("O(s)", reinterpret_cast<PyObject*>(device_type), "cpu");
}

PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef device_getset[] = {{"type", device_type_name, nullptr, "'cpu'.", nullptr},
                               {"index", device_index, nullptr, "None for the CPU.", nullptr},
                               {}};
PyType_Slot device_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(device_new)},
    {Py_tp_repr, reinterpret_cast<void*>(device_repr)},
    {Py_tp_str, reinterpret_cast<void*>(device_str)},
    {Py_tp_methods, device_methods},
    {Py_tp_getset, device_getset},
    {Py_tp_doc, const_cast<char*>("Where a tensor's memory is: device('cpu').")},
    {0, nullptr}};
PyType_Spec device_spec = {"chainrule.device", sizeof(DeviceObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, device_slots};

// ---- Size: a tuple that keeps its type through slices and sums

PyObject* as_size(PyObject* tuple) {  // steals a tuple
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  PyObject* args = PyTuple_Pack(1, tuple);
  Py_DECREF(tuple);
  if (!args) return nullptr;
  PyObject* result = PyTuple_Type.tp_new(size_type, args, nullptr);
  Py_DECREF(args);
  return result;
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* self = PyTuple_Type.tp_new(type, args, kwargs);
  if (!self) {
    guarded_status([&] { fail_call("Size", "one iterable of integers", args, kwargs); });
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    PyObject* item = PyTuple_GET_ITEM(self, i);
    if (PyLong_CheckExact(item)) continue;
    PyObject* number = PyNumber_Index(item);
    if (!number) {
      PyErr_Format(PyExc_TypeError, "[Size] expected integers; got %s at position %zd.",
                   type_name(item).c_str(), i);
      Py_DECREF(self);
      return nullptr;
    }
    PyTuple_SET_ITEM(self, i, number);
    Py_DECREF(item);
  }
  return self;
}
PyObject* size_repr(PyObject* self) {
  PyObject* list = PySequence_List(self);
  if (!list) return nullptr;
  PyObject* text = PyUnicode_FromFormat("chainrule.Size(%R)", list);
  Py_DECREF(list);
  return text;
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n));
}
PyObject* size_subscript(PyObject* self, PyObject* key) {
  return as_size(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
}
PyObject* size_numel(PyObject* self, PyObject*) {
  PyObject* product = PyLong_FromLong(1);
  for (Py_ssize_t i = 0; product && i < PyTuple_GET_SIZE(self); ++i) {
    PyObject* next = PyNumber_Multiply(product, PyTuple_GET_ITEM(self, i));
    Py_DECREF(product);
    product = next;
  }
  return product;
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  PyObject* tuple = PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self));
  if (tuple && !PyTuple_CheckExact(tuple)) {  // the whole of a tuple may be the object itself
    Py_DECREF(tuple);
    PyObject* list = PySequence_List(self);
    tuple = list ? PyList_AsTuple(list) : nullptr;
    Py_XDECREF(list);
  }
  if (!tuple) return nullptr;
  return Py_BuildValue("O(N)", reinterpret_cast<PyObject*>(Py_TYPE(self)), tuple);
}

PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "numel() -> int\n\nThe product of the sizes."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {}};
PyType_Slot size_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(size_new)},
    {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
    {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
    {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
    {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
    {Py_tp_methods, size_methods},
    {Py_tp_doc, const_cast<char*>("The sizes of a tensor: a tuple of integers.")},
    {0, nullptr}};
PyType_Spec size_spec = {"chainrule.Size", 0, 0, Py_TPFLAGS_DEFAULT, size_slots};

PyTypeObject* add_type(py::module_& m, const char* name, PyType_Spec* spec,
                       PyObject* bases = nullptr) {
  py::object type = steal(PyType_FromSpecWithBases(spec, bases));
  m.attr(name) = type;
  return reinterpret_cast<PyTypeObject*>(type.release().ptr());
}

}  // namespace

PyObject* dtype_object(DType t) { return dtype_objects[static_cast<int>(t)]; }

std::optional<DType> dtype_from(PyObject* o) {
  if (Py_TYPE(o) == dtype_type) return value_of(o);
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::kFloat64;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::kInt64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::kBool;
  return std::nullopt;
}

DType require_dtype(PyObject* o, const char* op) {
  const std::optional<DType> t = dtype_from(o);
  if (!t) {
    fail<TypeError>(op, "expected a dtype such as chainrule.float32; got ", repr_text(o), ".");
  }
  return *t;
}

PyObject* device_object() { return cpu_device; }

std::optional<Device> device_from(PyObject* o) {
  if (Py_TYPE(o) == device_type) return reinterpret_cast<DeviceObject*>(o)->value;
  if (!PyUnicode_Check(o)) return std::nullopt;
  const char* text = PyUnicode_AsUTF8(o);
  if (!text) throw_python_error();
  return parse_device(text);
}

PyObject* make_size(Dims dims) {
  PyObject* self = checked(size_type->tp_alloc(size_type, dims.size()));
  for (int i = 0; i < dims.size(); ++i) {
    PyObject* value = PyLong_FromLongLong(dims[i]);
    if (!value) {
      Py_DECREF(self);
      throw_python_error();
    }
    PyTuple_SET_ITEM(self, i, value);
  }
  return self;
}

void bind_types(py::module_& m) {
  dtype_type = add_type(m, "dtype", &dtype_spec);
  device_type = add_type(m, "device", &device_spec);
  size_type = add_type(m, "Size", &size_spec, reinterpret_cast<PyObject*>(&PyTuple_Type));
  for (int i = 0; i < kDTypeCount; ++i) {
    auto* object = reinterpret_cast<DTypeObject*>(checked(dtype_type->tp_alloc(dtype_type, 0)));
    object->value = static_cast<DType>(i);
    dtype_objects[i] = reinterpret_cast<PyObject*>(object);
    m.attr(dtype_name(object->value)) = borrow(dtype_objects[i]);
  }
  m.attr("float") = borrow(dtype_object(DType::kFloat32));
  m.attr("double") = borrow(dtype_object(DType::kFloat64));
  m.attr("long") = borrow(dtype_object(DType::kInt64));
  m.attr("int") = borrow(dtype_object(DType::kInt32));
  cpu_device = checked(device_type->tp_alloc(device_type, 0));
}

}  // namespace chainrule::bindings
