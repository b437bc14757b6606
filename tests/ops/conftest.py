"""Every test that asks for `isa` runs on each instruction set of this processor; one that asks for
`random_state` leaves the global generator and the number of threads as they were."""

import pytest

import chainrule as cr
import harness
from chainrule import _core


@pytest.fixture(params=harness.ISAS)
def isa(request):
    before = _core._isa()
    _core._select_isa(request.param)
    yield request.param
    _core._select_isa(before)


@pytest.fixture
def random_state():
    state, threads = cr.get_rng_state(), cr.get_num_threads()
    yield
    cr.set_rng_state(state)
    cr.set_num_threads(threads)
