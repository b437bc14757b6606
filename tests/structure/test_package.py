"""What an installed package weighs, brings along and imports."""

import importlib.metadata
import importlib.resources
import io
import shutil
import subprocess
import sys
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


def test_version_is_the_distributions():
    assert chainrule.__version__ == importlib.metadata.version("chainrule")


def test_import_does_not_import_third_parties():
    heavy = ("numpy", "scipy", "sklearn", "matplotlib", "tqdm", "torch")
    code = f"import sys, chainrule; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
