"""SGD, Adam and AdamW: 20-step trajectories against a NumPy float64 twin, straight from the papers'
formulas, for every combination of flags."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from optim_problem import SHAPES, STEPS, Problem


def sgd_twin(w, grad, steps, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """Yields the weights after each step."""
    v = None
    for _ in range(steps):
        g = -grad(w) if maximize else grad(w)
        g = g + weight_decay * w
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        w = w - lr * g
        yield w


def adam_twin(w, grad, steps, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled):
    """Yields the weights after each step."""
    (b1, b2), m, v, largest = betas, 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g = -grad(w) if maximize else grad(w)
        if decoupled:
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v)
        scale = np.sqrt((largest if amsgrad else v) / (1 - b2**t)) + eps
        w = w - lr * (m / (1 - b1**t)) / scale
        yield w


DTYPES = pytest.mark.parametrize("dtype", [cr.float32, cr.float64], ids=["f32", "f64"])

SGD_FLAGS = [
    dict(zip(("momentum", "dampening", "weight_decay", "nesterov", "maximize"), v, strict=True))
    for v in itertools.product((0.0, 0.9), (0.0, 0.3), (0.0, 0.1), (False, True), (False, True))
    if not (v[3] and (v[0] == 0 or v[1] != 0))
]

ADAM_FLAGS = [
    dict(zip(("betas", "eps", "weight_decay", "amsgrad", "maximize"), v, strict=True))
    for v in itertools.product(
        ((0.9, 0.999), (0.0, 0.5)), (1e-8, 0.1), (0.0, 0.1), (False, True), (False, True)
    )
]


def name_of(flags):
    return "-".join(f"{key}={value}" for key, value in flags.items() if value) or "plain"


@DTYPES
@pytest.mark.parametrize("flags", SGD_FLAGS, ids=name_of)
def test_sgd_follows_its_twin(flags, dtype):
    problem = Problem(dtype)
    lr = 0.001 if flags["maximize"] else 0.05
    problem.check(cr.optim.SGD(problem.params, lr=lr, **flags), sgd_twin, lr=lr, **flags)


@DTYPES
@pytest.mark.parametrize("flags", ADAM_FLAGS, ids=name_of)
@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adam-decoupled"])
def test_adam_follows_its_twin(kind, flags, dtype):
    problem = Problem(dtype)
    decoupled = kind != "Adam"
    more = {"decoupled_weight_decay": True} if kind == "Adam-decoupled" else {}
    make = cr.optim.AdamW if kind == "AdamW" else cr.optim.Adam
    optimizer = make(problem.params, lr=0.05, **flags, **more)
    problem.check(optimizer, adam_twin, lr=0.05, decoupled=decoupled, **flags)
    assert [s["step"].item() for s in optimizer.state.values()] == [STEPS] * len(SHAPES)
