// The user's line that errors and the text of a program name.
#include "bindings/source_line.h"

#include <vector>

#include "bindings/errors.h"
#include "graph/recorder.h"

namespace chainrule::bindings {

namespace {

// Where Python files lie that are not the user's, each ending in a separator: the package's, more
// than one in an editable install, and the standard library's. A checkout of this repository that a
// user works in has the same name, not the same place.
struct Places {
  std::vector<std::string> package;
  std::string library;
};
Places& places() {
  static Places known;
  return known;
}

py::object imported(const char* name) {
  auto module = py::reinterpret_steal<py::object>(PyImport_GetModule(py::str(name).ptr()));
  if (!module) PyErr_Clear();
  return module;
}

void find_places() {
  const py::object package = imported("chainrule");
  if (!package) return;  // the extension is loaded by itself, for its signatures
  for (const py::handle directory : package.attr("__path__")) {
    places().package.push_back(text_of(directory) + "/");
  }
  const py::object os = imported("os");
  if (!os || !py::hasattr(os, "__file__")) return;
  const std::string file = text_of(os.attr("__file__"));
  places().library = file.substr(0, file.rfind('/') + 1);
}

bool is_users(const std::string& file) {
  for (const std::string& directory : places().package) {
    if (file.starts_with(directory)) return false;
  }
  if (file.starts_with("<frozen ")) return false;
  if (places().library.empty() || !file.starts_with(places().library)) return true;
  // What is installed lies below the standard library.
  return file.find("/site-packages/") != std::string::npos ||
         file.find("/dist-packages/") != std::string::npos;
}

// "train.py:12" of the innermost frame that is neither the package's nor the standard library's.
std::string user_line() {
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  std::string line;
  while (frame) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    const std::string path = text_of(code->co_filename);
    Py_DECREF(code);
    if (is_users(path)) {
      line = path.substr(path.rfind('/') + 1) + ":" + std::to_string(PyFrame_GetLineNumber(frame));
      Py_DECREF(frame);
      return line;
    }
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  return line;
}

}  // namespace

void bind_source_line() {
  find_places();
  graph::source_line = user_line;
}

}  // namespace chainrule::bindings
