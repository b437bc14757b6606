#include "bindings/attributes.h"

#include "bindings/creation.h"
#include "bindings/numbers.h"
#include "bindings/types.h"
#include "ops/attrs.h"

namespace chainrule::bindings {

namespace {

template <typename T>
Problem store(unsigned char* field, const T& value) {
  new (field) T(value);
  return {};
}

Problem store_ints(PyObject* value, unsigned char* field, bool optional) {
  Dims dims;
  if (PyList_Check(value) || PyTuple_Check(value)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i) {
      const py::object item =
          borrow(PySequence_Fast_GET_ITEM(value, i));  // __index__ may change the list
      const std::optional<int64_t> v = int_from(item.ptr());
      if (!v) return {"must be an int", i};
      dims.push_back(*v);
    }
  } else if (const std::optional<int64_t> v = int_from(value)) {
    dims.push_back(*v);
  } else {
    return "must be an int or a list or tuple of ints";
  }
  return optional ? store(field, OptDims(dims)) : store(field, dims);
}

// The place of a string among `names`, or of None where that is a choice.
template <size_t N>
int64_t choose(const Param& p, PyObject* value, const char* const (&names)[N], const char* op) {
  std::string known;
  for (size_t i = 0; i < N; ++i) {
    if (!names[i]) {
      if (value == Py_None) return static_cast<int64_t>(i);
      continue;
    }
    if (PyUnicode_CompareWithASCIIString(value, names[i]) == 0) return static_cast<int64_t>(i);
    known += str(known.empty() ? "'" : i + 1 == N ? " or '" : ", '", names[i], "'");
  }
  fail<ValueError>(op, "expected ", p.name, " to be ", known, "; got ", repr_text(value), ".");
}

Problem store_choice(const Param& p, PyObject* value, unsigned char* field, const char* op) {
  const bool none = p.kind == ParamKind::kRounding && value == Py_None;
  if (!PyUnicode_Check(value) && !none) return "must be a string";
  switch (p.kind) {
    case ParamKind::kReduction:
      return store(field, static_cast<Reduction>(choose(p, value, kReductionNames, op)));
    case ParamKind::kRounding:
      return store(field, static_cast<Rounding>(choose(p, value, kRoundingNames, op)));
    default:
      return store(field, static_cast<GeluForm>(choose(p, value, kGeluFormNames, op)));
  }
}

// A number has no history: a tensor that has some is not taken for one.
const char* no_number(PyObject* value, const char* message) {
  if (!is_tensor(value) || tensor_of(value).dim() != 0) return message;
  return "must be a number without history; use detach() to leave the gradient out";
}

Problem store_number(PyObject* value, unsigned char* field, bool optional) {
  const std::optional<Number> n = number_or_item(value);
  if (!n) return no_number(value, "must be a number");
  return optional ? store(field, OptNumber(*n)) : store(field, *n);
}

// PyTorch's "fro" is the 2-norm, of vectors and matrices alike.
Problem store_norm_order(PyObject* value, unsigned char* field, const char* op) {
  if (!PyUnicode_Check(value)) return store_number(value, field, false);
  if (PyUnicode_CompareWithASCIIString(value, "fro") == 0) return store(field, Number(2));
  fail<ValueError>(op, "expected p to be a number or 'fro'; got ", repr_text(value), ".");
}

}  // namespace

Problem store_attribute(const Param& p, PyObject* value, unsigned char* field, const char* op) {
  switch (p.kind) {
    case ParamKind::kInt:
    case ParamKind::kOptInt: {
      const std::optional<int64_t> v = int_from(value);
      if (!v) return "must be an int";
      return p.kind == ParamKind::kInt ? store(field, *v) : store(field, OptInt(*v));
    }
    case ParamKind::kInts:
    case ParamKind::kOptInts:
      return store_ints(value, field, p.kind == ParamKind::kOptInts);
    case ParamKind::kFloat:
    case ParamKind::kOptFloat: {
      const std::optional<double> v = float_from(value);
      if (!v) return no_number(value, "must be a float");
      return p.kind == ParamKind::kFloat ? store(field, *v) : store(field, OptFloat(*v));
    }
    case ParamKind::kBool: {
      const std::optional<bool> v = bool_from(value);
      return v ? store(field, static_cast<int64_t>(*v)) : Problem("must be a bool");
    }
    case ParamKind::kNumber:
    case ParamKind::kOptNumber:
      return store_number(value, field, p.kind == ParamKind::kOptNumber);
    case ParamKind::kDType:
    case ParamKind::kOptDType: {
      const std::optional<DType> v = dtype_from(value);
      return v ? store(field, OptDType(*v)) : Problem("must be a dtype");
    }
    case ParamKind::kReduction:
    case ParamKind::kRounding:
    case ParamKind::kGeluForm:
      return store_choice(p, value, field, op);
    case ParamKind::kNormOrder:
      return store_norm_order(value, field, op);
    default:
      return "must be a Tensor";
  }
}

bool accepts_none(ParamKind kind) {
  switch (kind) {
    case ParamKind::kOptInt:
    case ParamKind::kOptInts:
    case ParamKind::kOptFloat:
    case ParamKind::kOptNumber:
    case ParamKind::kNormOrder:
    case ParamKind::kDType:
    case ParamKind::kOptDType:
      return true;
    default:
      return false;
  }
}

Tensor operand_tensor(PyObject* value) {
  if (const std::optional<Number> n = number_from(value)) return weak_tensor(*n);
  check_host_data("an array as an operand");
  return tensor_from_buffer(value, "operand");
}

}  // namespace chainrule::bindings
