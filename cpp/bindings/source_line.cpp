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

enum class Whose { kUsers, kOthers, kLibrary, kPackage };

Whose whose(const std::string& file) {
  for (const std::string& directory : places().package) {
    if (file.starts_with(directory)) return Whose::kPackage;
  }
  // Installed, below the standard library or beside it; made by exec, as methods of dataclasses
  // are.
  if (file == "<string>" || file.find("/site-packages/") != std::string::npos ||
      file.find("/dist-packages/") != std::string::npos) {
    return Whose::kOthers;
  }
  const std::string& library = places().library;
  if (file.starts_with("<frozen ") || (!library.empty() && file.starts_with(library))) {
    return Whose::kLibrary;
  }
  return Whose::kUsers;
}

// "train.py:12" of the innermost frame that is the user's; of another where a function of its own
// is recorded. NumPy, too, reads a tensor for the one who calls it.
std::string user_line() {
  std::string other;
  auto frame = py::reinterpret_steal<py::object>(
      reinterpret_cast<PyObject*>(PyThreadState_GetFrame(PyThreadState_Get())));
  while (frame) {
    auto* const f = reinterpret_cast<PyFrameObject*>(frame.ptr());
    const auto code =
        py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(f)));
    const std::string path = text_of(code.attr("co_filename"));
    const auto line = [&] {
      return path.substr(path.rfind('/') + 1) + ":" + std::to_string(PyFrame_GetLineNumber(f));
    };
    const Whose it = whose(path);
    if (it == Whose::kUsers) return line();
    if (it == Whose::kOthers && other.empty()) other = line();
    // What is further out calls the function that is recorded.
    if (it == Whose::kPackage && !other.empty() && path.ends_with("/_recording.py")) break;
    frame = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetBack(f)));
  }
  return other;
}

}  // namespace

void bind_source_line() {
  find_places();
  graph::source_line = user_line;
}

}  // namespace chainrule::bindings
