"""What an installed package weighs, brings along and imports."""

import ast
import importlib.metadata
import importlib.resources
import io
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

import chainrule
import chainrule._core as core

LIMIT = 4 * 1024 * 1024


def wheel_entries(tmp_path):
    """(name, bytes) of what a wheel of this installation holds; an editable one is not stripped."""
    package = Path(chainrule.__file__).parent
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so":
            yield str(path.relative_to(package)), path.read_bytes()
    if not shutil.which("strip"):
        pytest.skip("strip is missing: install binutils")
    stripped = tmp_path / "_core.so"
    subprocess.run(["strip", "-o", str(stripped), core.__file__], check=True)
    yield "_core.so", stripped.read_bytes()


def test_wheel_is_small(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in wheel_entries(tmp_path):
            wheel.writestr(name, content)
    size = buffer.tell()
    assert size <= LIMIT, f"the wheel would have {size / 2**20:.2f} MB"


def test_default_install_needs_numpy_alone():
    required = importlib.metadata.requires("chainrule") or []
    assert [line for line in required if "extra ==" not in line] == ["numpy>=1.26"]


def test_type_information_is_installed():
    package = importlib.resources.files("chainrule")
    assert (package / "py.typed").is_file()
    assert (package / "_core.pyi").is_file()


def test_licences_are_installed():
    files = importlib.metadata.files("chainrule") or []
    names = {path.name for path in files if ".dist-info" in str(path)}
    assert {"LICENSE", "Eigen-MPL-2.0.txt"} <= names


def test_wheel_has_nothing_of_the_cpp_library():
    files = importlib.metadata.files("chainrule") or []
    assert not [path for path in files if path.suffix in {".a", ".h", ".cmake"}]
    package = Path(chainrule.__file__).parent
    assert not [path for path in package.rglob("*") if path.suffix in {".a", ".h", ".cmake"}]


def test_version_is_the_distributions():
    assert chainrule.__version__ == importlib.metadata.version("chainrule")


def test_import_does_not_import_third_parties():
    heavy = ("numpy", "scipy", "sklearn", "matplotlib", "tqdm", "torch")
    code = f"import sys, chainrule; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What a bare interpreter has not loaded yet, and the parts of a training step load. Others are
# imported where they are used: typing took a quarter of the time, with re and enum that it brings.
STANDARD = [
    "__future__",
    "_collections",
    "_operator",
    "collections",
    "collections.abc",
    "importlib",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "itertools",
    "keyword",
    "math",
    "operator",
    "reprlib",
    "types",
    "warnings",
]


STEP = "chainrule.nn.Linear, chainrule.nn.functional.relu, chainrule.optim.Adam, chainrule.compile"


def test_import_takes_little_of_the_standard_library():
    code = (
        f"import sys; a = {{*sys.modules}}; import chainrule; {STEP}; print(*{{*sys.modules}} - a)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = {m for m in done.stdout.split() if m.split(".")[0] in sys.stdlib_module_names}
    assert "math" in added
    assert added <= {*STANDARD}


def test_layers_and_optimizers_are_imported_when_asked_for():
    code = "import sys, chainrule; print(*(m for m in sys.modules if m.startswith('chainrule.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} == {
        f"chainrule.{n}" for n in ("_core", "_later", "_checks", "_shaping")
    }


def test_tensor_has_all_methods_from_the_beginning():
    code = "import chainrule, sys; before = {*dir(chainrule.Tensor)}; "
    code += (
        "all(getattr(m, n) for m in (chainrule, chainrule.nn, chainrule.optim) for n in m.__all__)"
    )
    code += "; sys.exit(before != {*dir(chainrule.Tensor)})"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", [chainrule, chainrule.nn, chainrule.optim])
def test_stub_names_what_the_package_has(package):
    assert {*package.__all__} <= {*dir(package)}
    stub = Path(package.__file__).with_name("__init__.pyi").read_text(encoding="utf-8")
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    written = {a.asname for node in imports for a in node.names if a.name != "*"}
    assert written - {"__version__"} <= {*package.__all__}  # every form of line is understood
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x_y'"):
        package.x_y  # noqa: B018 - asking is the test


def public_modules():
    """The package and the modules in it that users write the names of."""
    found = [chainrule]
    for module in found:
        for name in dir(module):
            value = None if name.startswith("_") else getattr(module, name)
            if isinstance(value, types.ModuleType):
                found.append(value)
    return found


def test_dir_lists_public_names_alone():
    modules = public_modules()
    assert {"chainrule.nn.functional", "chainrule.utils.data"} <= {m.__name__ for m in modules}
    for module in modules:
        assert module.__name__.startswith("chainrule"), module
        names = {name for name in dir(module) if not name.startswith("_")}
        assert "TYPE_CHECKING" not in names, module
        assert names == {*getattr(module, "__all__", names)}, module


def test_dir_lists_what_is_imported_later():
    code = """
import chainrule, sys
names = dir(chainrule)
assert not {"chainrule._trainer", "numpy"} & sys.modules.keys()
assert "Trainer" not in vars(chainrule)
for name in names:
    getattr(chainrule, name)
print(*names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    later = "Callback History Trainer __version__ cuda datasets einsum finfo iinfo load save tensordot utils"
    assert {*later.split(), "Tensor", "nn"} <= set(done.stdout.split())
