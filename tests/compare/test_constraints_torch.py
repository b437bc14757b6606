"""max_norm_ beside torch.renorm."""

import numpy as np
import pytest
import torch

import chainrule as cr


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_max_norm_is_renorm(dim, p):
    x = np.random.default_rng(1).normal(size=(4, 5, 6))
    ours = cr.tensor(x)
    cr.nn.utils.max_norm_(ours, 2.5, dim, p)
    theirs = torch.renorm(torch.tensor(x), p, dim, 2.5)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-14)
    assert (ours.numpy() != x).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_far_ends(p, dtype):
    inf, nan = float("inf"), float("nan")
    rows = [
        [1e30, 0.0],
        [1e-30, -0.0],
        [inf, 1.0],
        [-inf, inf],
        [nan, 1.0],
        [3.0, nan],
        [0.0, -0.0],
    ]
    x = np.array(rows, dtype)
    ours = cr.tensor(x)
    cr.nn.utils.max_norm_(ours, 1.0, 0, p)
    theirs = torch.renorm(torch.tensor(x), p, 0, 1.0).numpy()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6 if dtype == np.float32 else 1e-14)
    assert (np.signbit(ours.numpy()) == np.signbit(theirs))[~np.isnan(theirs)].all()
