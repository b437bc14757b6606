// chainrule._core: the one place that knows Python. Public names are the package's; names with an
// underscore are for its Python files.
#include "bindings/module.h"

#include "bindings/op_functions.h"
#include "bindings/results.h"

namespace chainrule::bindings {

namespace {

void bind_all(py::module_& m) {
  bind_errors(m);
  bind_types(m);
  bind_tensor_type(m);
  bind_generator(m);
  bind_op_functions(m);
  bind_tensor_methods(m);
  bind_conversion(m);
  bind_pickling(m);
  bind_dlpack(m);
  bind_factories(m);
  bind_grad_modes(m);
  bind_autograd(m);
  bind_backward(m);
  bind_custom_function(m);
  bind_settings(m);
  bind_other_types(m);
  bind_program(m);
  bind_fast_call(m);
  bind_batches(m);
  m.def("_op_table", op_table,
        "Per operation its name, doc, signatures and where Python finds it.");
  m.def("_return_types", return_types, "The classes of results with named fields, by name.");
  bind_argument_errors(m);
}

}  // namespace

}  // namespace chainrule::bindings

PYBIND11_MODULE(_core, m) { chainrule::bindings::bind_all(m); }
