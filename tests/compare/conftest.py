"""The tests of this folder compare with PyTorch; without it each file is one skip that says so."""

import importlib.util

import pytest


class NeedsTorch(pytest.Module):
    """A test file that is not imported."""

    def collect(self):
        pytest.skip("pip install torch==2.13.0")


def pytest_pycollect_makemodule(module_path, parent):
    if importlib.util.find_spec("torch") is None:
        return NeedsTorch.from_parent(parent, path=module_path)
    return None
