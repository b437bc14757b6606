"""Every optimizer with every combination of its flags: 30 steps against its float64 NumPy twin, with
gradients of ordinary size and near 1e-8."""

import numpy as np
import pytest

import chainrule as cr
import optim_twins
from optim_family import FLAGS, STEPS, every, gradients, ids, start, steps

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
LR = 0.01


def expected(name, dtype, **settings):
    """The twin's weights after each step, on the numbers of that dtype."""
    grads = [g.astype(np.float64) for g in gradients(dtype)]
    twin = getattr(optim_twins, name.lower())
    if name == "Adafactor":
        settings["own_eps"] = np.finfo(dtype).eps
    return list(twin(start(dtype).astype(np.float64), grads, LR, **settings))


@DTYPES
@pytest.mark.parametrize("case", every(FLAGS), ids=ids)
def test_an_optimizer_follows_its_twin(case, dtype):
    name, flags = case
    w = cr.nn.Parameter(cr.tensor(start(dtype)))
    optimizer = getattr(cr.optim, name)([w], lr=LR, **flags)
    tolerance = 1e-9 if dtype == "float64" else 3e-5
    trajectory = expected(name, dtype, **flags)
    for got, want in zip(steps(optimizer, w, dtype), trajectory[:STEPS], strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    state = optimizer.state[w]
    assert "step" not in state or state["step"].item() == STEPS
    if name == "ASGD":
        np.testing.assert_allclose(state["ax"].numpy(), trajectory[-1], rtol=tolerance)
