#include "bindings/arguments.h"

#include "bindings/argument_errors.h"
#include "bindings/attributes.h"
#include "bindings/generator.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/signature_text.h"
#include "bindings/types.h"

namespace chainrule::bindings {

void Inputs::clear() {
  Tensor* tensors = data();
  for (int i = 0; i < size_; ++i) {
    if (i >= kMasked || (owned_ >> i & 1)) tensors[i].~Tensor();
  }
  ::operator delete(heap_);
  heap_ = nullptr;
  size_ = 0;
  capacity_ = kInline;
  owned_ = 0;
}

void Inputs::grow() {
  // A Tensor is one pointer, so its bytes may move.
  auto* grown = static_cast<Tensor*>(::operator new(2 * capacity_ * sizeof(Tensor)));
  std::memcpy(static_cast<void*>(grown), data(), size_ * sizeof(Tensor));
  ::operator delete(heap_);
  heap_ = grown;
  capacity_ *= 2;
}

namespace {

bool is_generator_parameter(const Param& p) { return std::strcmp(p.name, "generator") == 0; }

bool same_name(PyObject* given, PyObject* name) {
  if (given == name) return true;
  if (!name || PyUnicode_CHECK_INTERNED(given)) return false;
  return PyUnicode_Compare(given, name) == 0;
}

// The walk over one signature.
class Parser {
 public:
  Parser(const Overload& overload, const Arguments& arguments, Parsed& out, Mismatch& why)
      : overload_(overload), arguments_(arguments), out_(out), why_(why) {}

  bool run() {
    const Signature& signature = *overload_.signature;
    const OpSchema& schema = *overload_.op->schema;
    std::memcpy(out_.attrs, schema.attr_defaults, schema.attr_bytes);
    for (int i = 0; i < signature.count; ++i) {
      if (!take(i)) return false;
    }
    if (position_ < arguments_.count) {
      // What a longer signature expects of the surplus says more.
      if (why_.progress == signature.count && why_.parameter) return false;
      return reject(signature.count, nullptr, "too many positional arguments");
    }
    if (keywords_used_ < arguments_.keyword_count() && !take_factory_keywords()) return false;
    return flatten();
  }

 private:
  bool reject(int progress, const char* parameter, Problem problem, PyObject* value = nullptr) {
    if (progress < why_.progress) return false;
    const bool same = progress == why_.progress && parameter && why_.parameter &&
                      std::strcmp(parameter, why_.parameter) == 0 &&
                      std::strcmp(problem.text, why_.problem.text) != 0;
    why_ = {parameter, problem, progress, same ? why_.problem.text : nullptr, value};
    return false;
  }

  PyObject* find_keyword(int i) {
    const Py_ssize_t n = arguments_.keyword_count();
    for (Py_ssize_t k = 0; k < n; ++k) {
      if (names(k, i)) {
        ++keywords_used_;
        return arguments_.values[arguments_.count + k];
      }
    }
    return nullptr;
  }

  bool take(int i) {
    const Param& p = overload_.signature->params[i];
    PyObject* value;
    if (i == overload_.self) {
      value = arguments_.self;
    } else if (!p.keyword_only && position_ < arguments_.count) {
      if (i == overload_.sizes && takes_all(arguments_.values[position_])) return take_sizes(p, i);
      value = arguments_.values[position_++];
    } else {
      value = keywords_used_ < arguments_.keyword_count() ? find_keyword(i) : nullptr;
      if (!value) {
        if (p.default_text) return true;
        return reject(i, p.name, "is missing");
      }
    }
    if (p.input >= 0) return take_tensor(p, i, value);
    if (value == Py_None && p.default_text && accepts_none(p.kind)) return true;
    const Problem problem = store_attribute(p, value, out_.attrs + p.offset, overload_.op->name);
    return problem.text ? reject(i, p.name, problem) : true;
  }

  // zeros(2, 3): the one positional parameter takes every positional integer.
  bool takes_all(PyObject* first) const {
    return !PyTuple_Check(first) && !PyList_Check(first) && first != Py_None;
  }
  bool take_sizes(const Param& p, int i) {
    Dims dims;
    while (position_ < arguments_.count) {
      const std::optional<int64_t> v = int_from(arguments_.values[position_++]);
      if (!v) return reject(i, p.name, "must be ints");
      dims.push_back(*v);
    }
    if (p.kind == ParamKind::kOptInts) {
      *reinterpret_cast<OptDims*>(out_.attrs + p.offset) = OptDims(dims);
    } else {
      *reinterpret_cast<Dims*>(out_.attrs + p.offset) = dims;
    }
    return true;
  }

  bool take_tensor(const Param& p, int i, PyObject* value) {
    switch (p.kind) {
      case ParamKind::kTensor:
        if (!is_tensor(value)) return reject(i, p.name, "must be a Tensor", value);
        break;
      case ParamKind::kOptionalTensor:
        if (value == Py_None) return true;
        if (is_generator_parameter(p)) {
          if (!generator_state(value)) return reject(i, p.name, "must be a Generator or None");
        } else if (!is_tensor(value)) {
          return reject(i, p.name, "must be a Tensor or None", value);
        }
        break;
      case ParamKind::kTensorList:
        if (!PyList_Check(value) && !PyTuple_Check(value))
          return reject(i, p.name, "must be a list or tuple of Tensors");
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(value); ++k) {
          PyObject* item = PySequence_Fast_GET_ITEM(value, k);
          if (!is_tensor(item)) return reject(i, p.name, {"must be a Tensor", k}, item);
        }
        break;
      default:
        if (!is_tensor(value) && !is_operand_number(value)) {
          return reject(i, p.name, "must be a Tensor or a number", value);
        }
    }
    tensors_[p.input] = value;
    return true;
  }

  static bool is_operand_number(PyObject* o) {
    return PyFloat_Check(o) || PyLong_Check(o) || is_numpy_scalar(o) || is_numpy_array(o);
  }

  // device= and requires_grad= of the operations that make tensors.
  bool take_factory_keywords() {
    for (Py_ssize_t k = 0; k < arguments_.keyword_count(); ++k) {
      const char* name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(arguments_.keywords, k));
      if (!name) throw_python_error();
      PyObject* value = arguments_.values[arguments_.count + k];
      if (is_parameter(k)) {
        if (!given_twice(k)) continue;
        return reject(overload_.signature->count, name, "was given twice");
      }
      if (overload_.factory && std::strcmp(name, "device") == 0) {
        if (value != Py_None && !device_from(value))
          return reject(99, "device", "must be a device or its name");
      } else if (overload_.factory && std::strcmp(name, "requires_grad") == 0) {
        const std::optional<bool> flag = bool_from(value);
        if (!flag) return reject(99, "requires_grad", "must be a bool");
        out_.requires_grad = *flag;
      } else {
        return reject(overload_.signature->count, name, "is no parameter");
      }
    }
    return true;
  }
  bool is_parameter(Py_ssize_t keyword) const {
    for (int i = 0; i < overload_.signature->count; ++i) {
      if (names(keyword, i)) return true;
    }
    return false;
  }
  // By position and by keyword, or by a keyword and its alias: the walk took the first, so this
  // keyword was left over.
  bool given_twice(Py_ssize_t k) const {
    const Signature& s = *overload_.signature;
    Py_ssize_t position = 0;
    for (int i = 0; i < s.count; ++i) {
      const bool self = i == overload_.self, matches = names(k, i);
      if (matches && (self || (!s.params[i].keyword_only && position < arguments_.count)))
        return true;
      for (Py_ssize_t other = 0; matches && other < k; ++other) {
        if (names(other, i)) return true;
      }
      if (!self && !s.params[i].keyword_only) ++position;
    }
    return false;
  }
  bool names(Py_ssize_t keyword, int i) const {
    PyObject* given = PyTuple_GET_ITEM(arguments_.keywords, keyword);
    return same_name(given, overload_.names[i]) || same_name(given, overload_.aliases[i]);
  }

  // In the order of the first signature; parameters this one does not name stay absent.
  bool flatten() {
    const std::vector<ParamKind>& kinds = overload_.tensors;
    if (only_numbers())
      return reject(overload_.signature->count, nullptr, "one argument must be a Tensor");
    for (size_t i = 0; i < kinds.size(); ++i) {
      PyObject* value = tensors_[i];
      if (kinds[i] == ParamKind::kTensorList) {
        for (Py_ssize_t k = 0; value && k < PySequence_Fast_GET_SIZE(value); ++k) {
          PyObject* item = PySequence_Fast_GET_ITEM(value, k);
          if (!is_tensor(item))
            throw TypeError("expected a list that nobody changes meanwhile; got other items.");
          out_.inputs.own(tensor_of(item));
        }
      } else if (!value) {
        out_.inputs.own(Tensor());
      } else if (is_tensor(value)) {
        out_.inputs.borrow(tensor_of(value));
      } else if (kinds[i] == ParamKind::kOptionalTensor) {
        out_.inputs.borrow(*generator_state(value));
      } else {
        out_.inputs.own(operand_tensor(value));
      }
      out_.ends[i] = out_.inputs.size();
    }
    return true;
  }

  // add(2, 3): operands, and no tensor among them. normal(0, 1, size=...) has sizes instead.
  bool only_numbers() const {
    bool operands = false;
    for (size_t i = 0; i < overload_.tensors.size(); ++i) {
      if (tensors_[i] && (is_tensor(tensors_[i]) || is_numpy_array(tensors_[i]))) return false;
      operands |= overload_.tensors[i] == ParamKind::kOperand;
    }
    return operands && !overload_.factory;
  }

  const Overload& overload_;
  const Arguments& arguments_;
  Parsed& out_;
  Mismatch& why_;
  Py_ssize_t position_ = 0;
  Py_ssize_t keywords_used_ = 0;
  PyObject* tensors_[kMaxTensorParams] = {};
};

}  // namespace

namespace {

// "tensors[1]".
std::string place_of(const Mismatch& why) {
  const int64_t element = why.problem.element;
  return element < 0 ? why.parameter : str(why.parameter, "[", element, "]");
}

// "'min' must be a number, or a Tensor or None".
std::string describe(const Mismatch& why) {
  if (!why.parameter) return why.problem.text;
  constexpr std::string_view kMust = "must be ";
  const std::string_view before = why.before ? why.before : "", text = why.problem.text;
  const std::string_view last = text.starts_with(kMust) ? text.substr(kMust.size()) : text;
  const bool both = before.starts_with(kMust) && text.starts_with(kMust);
  return str("'", place_of(why), "' ", both ? str(before, ", or ", last) : str(text));
}

}  // namespace

bool parse(const Overload& overload, const Arguments& arguments, Parsed& out, Mismatch& why) {
  return Parser(overload, arguments, out, why).run();
}

void fail_arguments(const std::string& name, const std::vector<Overload>& overloads,
                    const Arguments& arguments, const Mismatch& why) {
  std::string given = given_arguments(arguments.values, arguments.count, arguments.keywords);
  if (why.problem.text) given += str(": ", describe(why));
  const std::string hint = why.value ? tensor_hint(why.value, place_of(why)) : "";
  if (overloads.size() == 1) {
    fail<TypeError>(name.c_str(), "expected ", signature_text(name, overloads[0]), "; got ", given,
                    ".", hint);
  }
  std::string forms;
  for (const Overload& o : overloads) forms += str("\n  ", signature_text(name, o));
  fail<TypeError>(name.c_str(), "expected one of the forms below; got ", given, ".", hint, forms);
}

}  // namespace chainrule::bindings
