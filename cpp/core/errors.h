// The exceptions. Each maps to a Python class that is right for Python and that PyTorch's users
// already catch (bindings/errors.cpp). Messages: "[op] expected ...; got ...." plus at most one
// hint.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace chainrule {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ShapeError : Error {  // Python: ShapeError(ValueError, RuntimeError)
  using Error::Error;
};
struct DtypeError : Error {  // Python: DtypeError(TypeError, RuntimeError)
  using Error::Error;
};
struct StateError : Error {  // Python: StateError(RuntimeError)
  using Error::Error;
};
struct CaptureError : StateError {  // Python: CaptureError(StateError)
  using StateError::StateError;
};
struct OutOfMemory : Error {  // Python: OutOfMemory(MemoryError, RuntimeError)
  using Error::Error;
};
struct IndexError : Error {  // Python: IndexError
  using Error::Error;
};
struct ValueError : Error {  // Python: ValueError
  using Error::Error;
};
struct TypeError : Error {  // Python: TypeError
  using Error::Error;
};
struct InternalError : Error {  // Python: RuntimeError; always a defect of chainrule
  using Error::Error;
};

namespace detail {
template <typename T>
void append(std::ostringstream& s, const T& v) {
  if constexpr (requires { to_string(v); }) {
    s << to_string(v);
  } else {
    s << v;
  }
}
}  // namespace detail

// Concatenates anything printable (Dims print as Python tuples).
template <typename... Args>
std::string str(const Args&... args) {
  std::ostringstream s;
  (detail::append(s, args), ...);
  return s.str();
}

// fail<ShapeError>("matmul", "expected a; got ", x): throws "[matmul] expected a; got x".
template <typename E, typename... Args>
[[noreturn]] void fail(const char* op, const Args&... args) {
  throw E(str("[", op, "] ", args...));
}

}  // namespace chainrule
