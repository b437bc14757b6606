// Operators. The path of `x + y`: two type checks, two borrowed pointers, call(), one object from
// the free list.
#include <cmath>

#include "bindings/argument_errors.h"
#include "bindings/arguments.h"
#include "bindings/attributes.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "generated/ops.h"

namespace chainrule::bindings {

namespace {

// A tensor is borrowed, a number or NumPy array becomes one; false for anything else.
bool add_operand(Inputs& inputs, PyObject* o, PyObject* other) {
  if (is_tensor(o)) {
    inputs.borrow(tensor_of(o));
    return true;
  }
  if (PyFloat_CheckExact(o) && is_tensor(other)) {
    inputs.own(weak_tensor(PyFloat_AS_DOUBLE(o), tensor_of(other).dtype()));
    return true;
  }
  if (!PyFloat_Check(o) && !PyLong_Check(o) && !is_numpy_scalar(o) && !is_numpy_array(o))
    return false;
  inputs.own(operand_tensor(o));
  return true;
}

// Python asks the other operand then. Of a product with a list or a string it would next make as
// many copies as the tensor's __index__ says.
[[gnu::noinline, gnu::cold]] PyObject* not_implemented(const OpDef& op, PyObject* a, PyObject* b) {
  for (PyObject* o : {a, b}) {
    const PyTypeObject* type = Py_TYPE(o);
    const bool repeats = type->tp_as_sequence && type->tp_as_sequence->sq_repeat &&
                         !(type->tp_as_number && type->tp_as_number->nb_multiply);
    if (&op != &ops::kMul || !repeats) continue;
    PyObject* const operands[] = {a, b};
    fail<TypeError>(op.name, "expected a Tensor or a number; got ",
                    given_arguments(operands, 2, nullptr), ".");
  }
  Py_RETURN_NOTIMPLEMENTED;
}

PyObject* call_binary(const OpDef& op, PyObject* a, PyObject* b) noexcept {
  return guarded(op.name, [&]() -> PyObject* {
    if (is_tensor(a) && is_tensor(b)) {
      const Borrowed<2> inputs(tensor_of(a), tensor_of(b));
      return wrap(call_one(op, inputs, op.schema->attr_defaults));
    }
    Inputs inputs;
    if (!add_operand(inputs, a, b) || !add_operand(inputs, b, a)) return not_implemented(op, a, b);
    return wrap(call_one(op, inputs.span(), op.schema->attr_defaults));
  });
}

PyObject* call_unary(const OpDef& op, PyObject* a) noexcept {
  return guarded(op.name,
                 [&] { return wrap(call_one(op, {&tensor_of(a), 1}, op.schema->attr_defaults)); });
}

PyObject* call_binary_in_place(const OpDef& op, PyObject* a, PyObject* b) noexcept {
  return guarded(op.name, [&]() -> PyObject* {
    Inputs inputs;
    if (!is_tensor(a) || !add_operand(inputs, a, b) || !add_operand(inputs, b, a))
      Py_RETURN_NOTIMPLEMENTED;
    call_in_place(tensor_of(a), op, inputs.span(), op.schema->attr_defaults);
    return Py_NewRef(a);
  });
}

template <const OpDef& kOp>
PyObject* binary(PyObject* a, PyObject* b) {
  return call_binary(kOp, a, b);
}
template <const OpDef& kOp>
PyObject* in_place(PyObject* a, PyObject* b) {
  return call_binary_in_place(kOp, a, b);
}
template <const OpDef& kOp>
PyObject* unary(PyObject* a) {
  return call_unary(kOp, a);
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return call_binary(ops::kPow, a, b);
}
PyObject* power_in_place(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return call_binary_in_place(ops::kPow, a, b);
}

// A product wants tensors on both sides; a number is Python's TypeError.
PyObject* matrix_multiply(PyObject* a, PyObject* b) {
  const auto fits = [](PyObject* o) { return is_tensor(o) || is_numpy_array(o); };
  if (!fits(a) || !fits(b)) Py_RETURN_NOTIMPLEMENTED;
  return call_binary(ops::kMatmul, a, b);
}

PyObject* positive(PyObject* a) { return Py_NewRef(a); }

int truth(PyObject* a) {
  return guarded(
      [&] {
        const Number n = item_of(tensor_of(a), "bool", kKeepCondition);
        return static_cast<int>(n.is_float() ? n.real != 0 : n.integer != 0);
      },
      -1);
}
PyObject* to_int(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Number n = item_of(tensor_of(a), "int");
    if (!n.is_float()) return checked(PyLong_FromLongLong(n.integer));
    if (!std::isfinite(n.real)) {  // of the same classes as Python's int(float)
      PyErr_SetString(std::isnan(n.real) ? PyExc_ValueError : PyExc_OverflowError,
                      str("[int] expected a finite value; got ", n.real, ".").c_str());
      throw_python_error();
    }
    return checked(PyLong_FromDouble(n.real));
  });
}
PyObject* to_float(PyObject* a) {
  return guarded([&] { return checked(PyFloat_FromDouble(item_of(tensor_of(a), "float").real)); });
}
PyObject* to_index(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = tensor_of(a);
    if (is_floating(t.dtype()) || t.numel() != 1) {
      fail<TypeError>("index", "expected an integer tensor of one element; got ",
                      dtype_name(t.dtype()), " of shape ", t.sizes(), ".");
    }
    return checked(PyLong_FromLongLong(item_of(t, kAsInteger, kPassNumber).integer));
  });
}

}  // namespace

PyObject* tensor_richcompare(PyObject* a, PyObject* b, int op) {
  static const OpDef* const kOps[] = {&ops::kLt, &ops::kLe, &ops::kEq,
                                      &ops::kNe, &ops::kGt, &ops::kGe};
  return call_binary(*kOps[op], a, b);
}

int tensor_contains(PyObject* self, PyObject* value) {
  return guarded(
      [&] {
        PyObject* equal = tensor_richcompare(self, value, Py_EQ);
        if (equal == Py_NotImplemented) {
          Py_DECREF(equal);
          fail<TypeError>("in", "expected a Tensor or a number; got ", type_name(value), ".");
        }
        const Tensor found = any(tensor_of(steal(equal).ptr()));
        return static_cast<int>(item_of(found, "in", kKeepCondition).integer != 0);
      },
      -1);
}

PyNumberMethods number_slots = {
    .nb_add = binary<ops::kAdd>,
    .nb_subtract = binary<ops::kSub>,
    .nb_multiply = binary<ops::kMul>,
    .nb_remainder = binary<ops::kRemainder>,
    .nb_divmod = nullptr,
    .nb_power = power,
    .nb_negative = unary<ops::kNeg>,
    .nb_positive = positive,
    .nb_absolute = unary<ops::kAbs>,
    .nb_bool = truth,
    .nb_invert = unary<ops::kBitwiseNot>,
    .nb_lshift = nullptr,
    .nb_rshift = nullptr,
    .nb_and = binary<ops::kBitwiseAnd>,
    .nb_xor = binary<ops::kBitwiseXor>,
    .nb_or = binary<ops::kBitwiseOr>,
    .nb_int = to_int,
    .nb_reserved = nullptr,
    .nb_float = to_float,
    .nb_inplace_add = in_place<ops::kAdd>,
    .nb_inplace_subtract = in_place<ops::kSub>,
    .nb_inplace_multiply = in_place<ops::kMul>,
    .nb_inplace_remainder = in_place<ops::kRemainder>,
    .nb_inplace_power = power_in_place,
    .nb_inplace_lshift = nullptr,
    .nb_inplace_rshift = nullptr,
    .nb_inplace_and = in_place<ops::kBitwiseAnd>,
    .nb_inplace_xor = in_place<ops::kBitwiseXor>,
    .nb_inplace_or = in_place<ops::kBitwiseOr>,
    .nb_floor_divide = binary<ops::kFloorDivide>,
    .nb_true_divide = binary<ops::kDiv>,
    .nb_inplace_floor_divide = in_place<ops::kFloorDivide>,
    .nb_inplace_true_divide = in_place<ops::kDiv>,
    .nb_index = to_index,
    .nb_matrix_multiply = matrix_multiply,
    .nb_inplace_matrix_multiply = nullptr,
};

}  // namespace chainrule::bindings
