#include "bindings/results.h"

#include <structmember.h>

#include <map>

#include "ops/schema.h"

namespace chainrule::bindings {

namespace {

// "chainrule.return_types.max(\nvalues=tensor(...),\nindices=tensor(...))", as PyTorch prints it.
PyObject* result_repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const PyTypeObject* type = Py_TYPE(self);
    std::string text = str(type->tp_name, "(");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      const std::string value = repr_text(PyTuple_GET_ITEM(self, i));
      text += str(i ? ",\n" : "\n", type->tp_members[i].name, "=", value);
    }
    text += ")";
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  });
}

struct ResultType {
  std::string name;
  std::vector<PyStructSequence_Field> fields;
  PyTypeObject* type = nullptr;
};

// Made when first needed; types live as long as the process. Guarded by the GIL.
PyTypeObject* result_type_of(const OpDef& op, const char* python_name) {
  static std::map<const OpDef*, ResultType> types;
  ResultType& r = types[&op];
  if (r.type) return r.type;
  r.name = str("chainrule.return_types.", python_name);
  r.fields.clear();
  for (int i = 0; i < op.schema->output_count; ++i) {
    r.fields.push_back({op.schema->outputs[i], nullptr});
  }
  r.fields.push_back({nullptr, nullptr});
  PyStructSequence_Desc desc = {r.name.c_str(), op.doc, r.fields.data(), op.schema->output_count};
  r.type = PyStructSequence_NewType(&desc);
  if (!r.type) throw_python_error();
  r.type->tp_repr = result_repr;
  return r.type;
}

}  // namespace

py::dict return_types() {
  py::dict types;
  for (const OpDef* op : all_ops()) {
    if (op->surface == kPrivate || op->schema->output_count < 2) continue;
    const char* name = op->schema->signatures[0].python_name;
    types[name] = borrow(reinterpret_cast<PyObject*>(result_type_of(*op, name)));
  }
  return types;
}

PyObject* wrap_outputs(const OpDef& op, const char* python_name, Tensors& outputs) {
  const bool named = op.schema->output_count > 1;
  const Py_ssize_t n = static_cast<Py_ssize_t>(outputs.size());
  py::object result =
      steal(named ? PyStructSequence_New(result_type_of(op, python_name)) : PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* value = wrap(std::move(outputs[i]));
    if (named) {
      PyStructSequence_SET_ITEM(result.ptr(), i, value);
    } else {
      PyTuple_SET_ITEM(result.ptr(), i, value);
    }
  }
  return result.release().ptr();
}

}  // namespace chainrule::bindings
