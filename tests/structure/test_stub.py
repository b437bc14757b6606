"""The checked-in stub of the native module: generated from the table, and complete."""

import ast
import importlib.util
from pathlib import Path

import pytest

import chainrule
from chainrule import _core

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "python" / "chainrule" / "_core.pyi"


def generator():
    path = ROOT / "cpp" / "bindings" / "stubs.py"
    spec = importlib.util.spec_from_file_location("chainrule_stubs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stub_is_up_to_date():
    assert STUB.read_text() == generator().make(), "run python cpp/bindings/stubs.py"


def names(body):
    """Names that a module or class of the stub defines."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def stub_class(tree, name):
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)


def public(names_):
    return {n for n in names_ if not n.startswith("_")}


def test_every_name_of_the_module_is_in_the_stub():
    tree = ast.parse(STUB.read_text())
    assert public(vars(_core)) == public(names(tree.body))


@pytest.mark.parametrize("name", ["Tensor", "dtype", "device", "Size", "Generator", "Program"])
def test_every_attribute_of_a_class_is_in_the_stub(name):
    tree = ast.parse(STUB.read_text())
    own = public(vars(getattr(_core, name)))
    assert own == public(names(stub_class(tree, name).body))


@pytest.mark.parametrize("name", ["_functional", "_linalg", "_ops"])
def test_the_namespaces_are_in_the_stub(name):
    tree = ast.parse(STUB.read_text())
    assert public(vars(getattr(_core, name))) == public(names(stub_class(tree, name).body))


def test_the_package_shows_every_public_name_of_the_module():
    assert public(vars(_core)) <= set(vars(chainrule))
