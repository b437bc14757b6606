// What each file of the binding adds to chainrule._core; module.cpp calls them in this order.
#pragma once

#include <pybind11/pybind11.h>

namespace chainrule::bindings {

namespace py = pybind11;

void bind_errors(py::module_& m);       // the exception classes and pybind11's translator
void bind_types(py::module_& m);        // dtype, device, Size
void bind_tensor_type(py::module_& m);  // Tensor, Parameter
void bind_generator(py::module_& m);    // Generator, manual_seed, rng state
void bind_op_functions(
    py::module_& m);  // every op where its surface says: module, Tensor, _functional, ...
void bind_tensor_methods(py::module_& m);
void bind_conversion(py::module_& m);  // item, tolist, numpy, to, float, ...
void bind_pickling(py::module_& m);    // __reduce_ex__, copy, deepcopy
void bind_dlpack(py::module_& m);
void bind_factories(py::module_& m);   // tensor, as_tensor, from_numpy
void bind_grad_modes(py::module_& m);  // no_grad, enable_grad, set_grad_enabled, inference_mode
void bind_autograd(py::module_& m);    // nodes, hooks
void bind_backward(py::module_& m);    // backward, grad
void bind_custom_function(py::module_& m);
void bind_settings(py::module_& m);  // default dtype, threads, instruction set, promotion
void bind_other_types(py::module_& m);
void bind_program(py::module_& m);
void bind_fast_call(py::module_& m);        // replays without Python
void bind_batches(py::module_& m);          // replays over the batches of an epoch
void bind_argument_errors(py::module_& m);  // last: it goes over what the others have added

// Returns when no other thread computes without the GIL. Called with it, which may change hands.
void wait_for_long_work();

// Says that something captured programs rely on has changed; CaptureError while one is recorded.
void invalidate_plans(const char* what, const char* hint = nullptr);

}  // namespace chainrule::bindings
