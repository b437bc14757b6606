"""Gradients where derivatives jump, at ties, zeros and limits, are PyTorch's."""

import math

import numpy as np
import pytest
import torch

import chainrule as cr

INF = math.inf
ZEROS = [-1.0, -0.0, 0.0, 1.0, 2.0]
TIES = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-1.0, -5.0, 0.0]]

# What is called (`lib` is the library, `f` its nn.functional) on which values.
CALLS = {
    "relu": (lambda lib, f, x: lib.relu(x), ZEROS),
    "leaky_relu": (lambda lib, f, x: f.leaky_relu(x, 0.25), ZEROS),
    "elu": (lambda lib, f, x: f.elu(x, 0.5), ZEROS),
    "celu": (lambda lib, f, x: f.celu(x, 0.5), ZEROS),
    "selu": (lambda lib, f, x: f.selu(x), ZEROS),
    "abs": (lambda lib, f, x: lib.abs(x), ZEROS),
    "sign": (lambda lib, f, x: lib.sign(x), ZEROS),
    "square root of a square": (lambda lib, f, x: lib.sqrt(x * x + 0.25), ZEROS),
    "clamp at its limits": (lambda lib, f, x: lib.clamp(x, -1, 1), ZEROS),
    "clamp to tensors": (
        lambda lib, f, x: lib.clamp(x, lib.zeros_like(x), lib.ones_like(x)),
        ZEROS,
    ),
    "crossed limits": (lambda lib, f, x: lib.clamp(x, 1, -1), ZEROS),
    "limits that leave nothing": (
        lambda lib, f, x: (
            lib.clamp(x, max=-INF).exp() + lib.clamp(x, INF, 3.0) + lib.clamp(x, 0, -INF).exp()
        ),
        ZEROS,
    ),
    "limits that leave all": (lambda lib, f, x: lib.clamp(x, -INF, INF), ZEROS),
    "hardtanh": (lambda lib, f, x: f.hardtanh(x), ZEROS),
    "relu6": (lambda lib, f, x: f.relu6(x * 3), ZEROS),
    "hardsigmoid": (lambda lib, f, x: f.hardsigmoid(x * 3), ZEROS),
    "hardswish": (lambda lib, f, x: f.hardswish(x * 3), ZEROS),
    "hardshrink": (lambda lib, f, x: f.hardshrink(x, 1.0), ZEROS),
    "softshrink": (lambda lib, f, x: f.softshrink(x, 1.0), ZEROS),
    "threshold": (lambda lib, f, x: f.threshold(x, 1.0, -3.0), ZEROS),
    "softsign": (lambda lib, f, x: f.softsign(x), ZEROS),
    "prelu": (lambda lib, f, x: lib.prelu(x, lib.full((1,), 0.25, dtype=lib.float64)), ZEROS),
    "rrelu": (lambda lib, f, x: f.rrelu(x, 0.25, 0.5), ZEROS),
    "glu": (lambda lib, f, x: f.glu(x, 1), [[-1.0, -0.0, 0.0, 900.0], [1e30, 0.0, -1e30, 1e-30]]),
    "mish": (lambda lib, f, x: f.mish(x * 900), ZEROS),
    "logsigmoid": (lambda lib, f, x: f.logsigmoid(x * 900), ZEROS),
    "tanhshrink": (lambda lib, f, x: f.tanhshrink(x), ZEROS),
    "softsign of large numbers": (lambda lib, f, x: f.softsign(x), [-1e30, 1e-30, -1e-30, 1e30]),
    "softplus beyond its threshold": (lambda lib, f, x: f.softplus(x * 30), ZEROS),
    "rounding": (lambda lib, f, x: lib.round(x * 1.5) + lib.floor(x) + lib.trunc(x), ZEROS),
    "max": (lambda lib, f, x: x.max(), TIES),
    "min": (lambda lib, f, x: x.min(), TIES),
    "amax": (lambda lib, f, x: x.amax(1), TIES),
    "amin": (lambda lib, f, x: x.amin(0), TIES),
    "max along": (lambda lib, f, x: x.max(1)[0], TIES),
    "min along": (lambda lib, f, x: x.min(0)[0], TIES),
    "maximum": (lambda lib, f, x: lib.maximum(x, lib.full_like(x, 2.0) * x.sign().detach()), TIES),
    "minimum of one": (lambda lib, f, x: lib.minimum(x, x), TIES),
    "amax of nan": (lambda lib, f, x: x.max(), [1.0, math.nan, 2.0, math.nan]),
    "prod with a zero": (lambda lib, f, x: x.prod(), [2.0, 0.0, 3.0]),
    "prod with zeros": (lambda lib, f, x: x.prod(1), [[2.0, 0.0, 0.0], [0.0, 1.0, 2.0]]),
    "prod along with zeros": (
        lambda lib, f, x: x.prod(0),
        [[2.0, 0.0, 0.0], [0.0, -0.0, 2.0], [3.0, 1.0, 0.0], [5.0, 4.0, -0.0]],
    ),
    "norm 2 at 0": (lambda lib, f, x: x.norm(), [0.0, 0.0]),
    "norm 1 at 0": (lambda lib, f, x: x.norm(1), [0.0, 1.0]),
    "norm 3": (lambda lib, f, x: x.norm(3), [0.0, 1.0, -2.0]),
    "norm 3 at 0": (lambda lib, f, x: x.norm(3), [0.0, 0.0]),
    "norm 0.5": (lambda lib, f, x: x.norm(0.5), [0.0, 1.0, -2.0]),
    "norm inf": (lambda lib, f, x: x.norm(INF), [-2.0, 2.0, 1.0]),
    "norm -inf": (lambda lib, f, x: x.norm(-INF), [-1.0, 2.0, 1.0]),
    "std of equals": (lambda lib, f, x: x.std(), [2.0, 2.0, 2.0]),
    "pow at 0": (lambda lib, f, x: x**2 + x**3.0 + x**0 + x**1, ZEROS),
    "pow of the exponent": (
        lambda lib, f, x: lib.pow(lib.tensor([0.0, 0.0, 2.0, 0.5, 1.0], dtype=lib.float64), x),
        [0.0, 2.0, 0.0, -1.0, 3.0],
    ),
    "remainder": (lambda lib, f, x: lib.remainder(x, 0.75), ZEROS),
    "atan2": (lambda lib, f, x: lib.atan2(x, lib.ones_like(x) * -1), ZEROS),
    "where": (lambda lib, f, x: lib.where(x > 0, x * 2, x * 3), ZEROS),
    "nan_to_num": (lambda lib, f, x: lib.nan_to_num(x), [math.nan, INF, -INF, 1.0]),
    "l1_loss": (lambda lib, f, x: f.l1_loss(x, lib.zeros_like(x)), ZEROS),
    "smooth_l1_loss": (lambda lib, f, x: f.smooth_l1_loss(x, lib.zeros_like(x)), ZEROS),
    "huber_loss": (lambda lib, f, x: f.huber_loss(x, lib.zeros_like(x)), ZEROS),
    "logsumexp": (lambda lib, f, x: x.logsumexp(1), [[-INF, 0.0], [300.0, -300.0]]),
    "log_softmax": (lambda lib, f, x: x.log_softmax(1), [[-INF, 0.0], [300.0, -300.0]]),
    "bce at 0 and 1": (
        lambda lib, f, x: f.binary_cross_entropy(
            x, lib.tensor([0.0, 1.0, 0.0, 1.0], dtype=lib.float64)
        ),
        [0.0, 1.0, 1.0, 0.0],
    ),
    "bce with large scores": (
        lambda lib, f, x: f.binary_cross_entropy_with_logits(
            x, lib.tensor([0.0, 1.0, 0.0, 1.0], dtype=lib.float64)
        ),
        [-800.0, 800.0, 800.0, -800.0],
    ),
    "cross_entropy with large scores": (
        lambda lib, f, x: f.cross_entropy(x, lib.tensor([0, 0]), reduction="sum"),
        [[1000.0, 0.0], [0.0, 1000.0]],
    ),
    "cross_entropy, all ignored": (
        lambda lib, f, x: f.cross_entropy(x, lib.tensor([-100, -100]), reduction="sum"),
        [[1.0, 0.0], [0.0, 1.0]],
    ),
}

# PyTorch has no second derivatives of the first, and none by dy of the others; those of the
# exponential units and of prelu at 0 are from the left here, as the first ones are in both.
WITHOUT_SECOND = ["hardsigmoid", "sign", "rounding", "bce at 0 and 1"]
WITHOUT_SECOND += ["elu", "celu", "selu", "prelu"]
SECOND = [name for name in CALLS if name not in WITHOUT_SECOND]


def value_and_gradient(lib, call, values):
    x = lib.tensor(values, dtype=lib.float64, requires_grad=True)
    y = call(lib, lib.nn.functional, x)
    weights = lib.tensor(np.arange(1, y.numel() + 1).reshape(tuple(y.shape)) / 4, dtype=lib.float64)
    y.backward(weights)
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name):
    call, values = CALLS[name]
    got, want = value_and_gradient(cr, call, values), value_and_gradient(torch, call, values)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-13, atol=1e-15, err_msg="value")
    # PyTorch has 1e-12 of binary_cross_entropy and 1/6 of hardsigmoid in float32.
    rtol = {"bce at 0 and 1": 4.1e-9, "hardsigmoid": 3e-8}.get(name, 1e-12)
    np.testing.assert_allclose(got[1], want[1], rtol=rtol, atol=1e-15, err_msg="gradient")


def second_derivatives(lib, call, values):
    """The gradient of a weighted sum of the gradient, by the values and the incoming gradient."""
    x = lib.tensor(values, dtype=lib.float64, requires_grad=True)
    y = call(lib, lib.nn.functional, x)
    dy = lib.linspace(0.5, 1, y.numel(), dtype=lib.float64).reshape(y.shape).requires_grad_()
    (dx,) = lib.autograd.grad(y, x, dy, create_graph=True)
    v = lib.linspace(1, 2, x.numel(), dtype=lib.float64).reshape(x.shape)
    both = zip((x, dy), lib.autograd.grad(dx, (x, dy), v, allow_unused=True), strict=True)
    return [
        np.zeros(of.shape) if t is None else np.array((t + lib.zeros_like(of)).tolist())
        for of, t in both
    ]


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    call, values = CALLS[name]
    got, want = second_derivatives(cr, call, values), second_derivatives(torch, call, values)
    for ours, theirs, by in zip(got, want, ("values", "dy"), strict=True):
        # Where PyTorch makes NaN of 0 * inf, zero wins.
        theirs = np.where(np.isnan(theirs), 0, theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15, err_msg=by)
