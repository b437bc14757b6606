#include "bindings/generator.h"

#include <memory>

#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "ops/generator.h"

namespace chainrule::bindings {

const Tensor* generator_state(PyObject* o) {
  if (!py::isinstance<Generator>(o)) return nullptr;
  return &py::cast<Generator&>(py::handle(o)).state();
}

namespace {

// Any integer of 64 bits, signed or not, as PyTorch takes it.
uint64_t seed_from(const py::int_& seed) {
  const unsigned long long v = PyLong_AsUnsignedLongLong(seed.ptr());
  if (v != static_cast<unsigned long long>(-1) || !PyErr_Occurred()) return v;
  PyErr_Clear();
  const long long negative = PyLong_AsLongLong(seed.ptr());
  if (negative == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    fail<ValueError>("manual_seed", "expected an integer in [-2^63, 2^64); got ", text_of(seed),
                     ".");
  }
  return static_cast<uint64_t>(negative);
}

void check_cpu(const py::object& device) {
  if (!device_from(device.ptr())) {
    fail<TypeError>("Generator", "expected a device or its name; got ", type_name(device.ptr()),
                    ".");
  }
}

// Generator(device="cpu"). Makes the whole object: one without its contents must not exist.
PyObject* new_generator(PyTypeObject*, PyObject* args, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    PyObject* device = nullptr;
    static const char* names[] = {"device", nullptr};
    parse_arguments("Generator", "(device='cpu')", args, keywords, "|O", names, &device);
    if (device) check_cpu(borrow(device));
    return py::cast(std::make_unique<Generator>()).release().ptr();
  });
}

}  // namespace

void bind_generator(py::module_& m) {
  using namespace py::literals;
  py::class_<Generator> cls(m, "Generator",
                            "Generator(device='cpu')\n\n"
                            "A source of random numbers: a seed and how many calls were made.");
  auto* type = reinterpret_cast<PyTypeObject*>(cls.ptr());
  type->tp_new = new_generator;
  type->tp_init = [](PyObject*, PyObject*, PyObject*) { return 0; };
  PyType_Modified(type);
  m.def(
      "_generator",
      [](const Tensor& state) {
        auto generator = std::make_unique<Generator>();
        generator->set_state(state);
        return generator;
      },
      "state"_a, "The generator of that state; what a pickle calls.");
  cls.def(
         "manual_seed",
         [](Generator& g, const py::int_& seed) -> Generator& {
           g.manual_seed(seed_from(seed));
           return g;
         },
         "seed"_a, py::return_value_policy::reference,
         "Starts anew from a seed in [-2^63, 2^64) and returns the generator.")
      .def("seed", &Generator::seed, "Seeds from the system and returns the seed.")
      .def("initial_seed", &Generator::initial_seed, "The seed it was last given.")
      .def("get_state", &Generator::get_state, "int64 tensor {seed, offset}.")
      .def(
          "set_state",
          [](Generator& g, const Tensor& state) -> Generator& {
            g.set_state(state);
            return g;
          },
          "new_state"_a, py::return_value_policy::reference,
          "Goes on from a state that get_state() gave, and returns the generator.")
      .def("__repr__",
           [](const Generator& g) {
             const int64_t* state = g.state().data<int64_t>();
             return str("Generator(seed=", static_cast<uint64_t>(state[0]), ", offset=", state[1],
                        ")");
           })
      .def("__reduce__",
           [rebuild = py::object(m.attr("_generator"))](const Generator& g) {
             return py::make_tuple(rebuild, py::make_tuple(g.get_state()));
           })
      .def_property_readonly(
          "device", [](const Generator&) { return borrow(device_object()); },
          "device(type='cpu'), where all generators are.");
  m.attr("default_generator") = py::cast(&default_generator(), py::return_value_policy::reference);
  m.def(
      "manual_seed",
      [generator = py::object(m.attr("default_generator"))](const py::int_& seed) {
        default_generator().manual_seed(seed_from(seed));
        return generator;
      },
      "seed"_a, "Seeds the default generator and returns it.");
  m.def(
      "seed", [] { return default_generator().seed(); },
      "Seeds the default generator from the system.");
  m.def(
      "initial_seed", [] { return default_generator().initial_seed(); },
      "The seed that the default generator was last given.");
  m.def(
      "get_rng_state", [] { return default_generator().get_state(); },
      "The default generator's state, an int64 tensor {seed, offset}.");
  m.def(
      "set_rng_state", [](const Tensor& state) { default_generator().set_state(state); },
      "new_state"_a, "Lets the default generator go on from a state of get_rng_state().");
}

}  // namespace chainrule::bindings
