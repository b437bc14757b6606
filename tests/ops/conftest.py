"""Every test that asks for `isa` runs on each instruction set of this processor."""

import pytest

import harness
from chainrule import _core


@pytest.fixture(params=harness.ISAS)
def isa(request):
    before = _core._isa()
    _core._select_isa(request.param)
    yield request.param
    _core._select_isa(before)
