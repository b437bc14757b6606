"""Modules of activations: captured, in bfloat16, copied, and what their constructors refuse."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from activation_modules import IN_PLACE, MAKERS
from chainrule import nn

OWN = {  # not in PyTorch
    "Step": lambda nn: nn.Step(),
    "Step, strict": lambda nn: nn.Step(0),
    "Arctan": lambda nn: nn.Arctan(),
    "Squareplus": lambda nn: nn.Squareplus(),
    "Squareplus 1": lambda nn: nn.Squareplus(b=1.0),
    "Maxout": lambda nn: nn.Maxout(2),
    "Maxout along": lambda nn: nn.Maxout(4, dim=1),
    "ReLU with slope 1 at 0": lambda nn: nn.ReLU(derivative_at_zero=1),
    "the same in place": lambda nn: nn.ReLU(True, derivative_at_zero=0.5),
}
ALL = {**MAKERS, **OWN, **{f"{name}, in place": make for name, make in IN_PLACE.items()}}
X = np.linspace(-4, 4, 48).reshape(2, 4, 6)
DTYPES = {"float32": cr.float32, "float64": cr.float64, "bfloat16": cr.bfloat16}


def step_of(module):
    def step(x):
        y = module(x * 1.0)
        return [y.detach(), *cr.autograd.grad(y.square().sum(), [x, *module.parameters()])]

    return step


def as_bytes(tensors):
    return [t.detach().double().numpy().tobytes() for t in tensors]


@pytest.mark.filterwarnings("ignore:.*expected dim:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_captured_is_eager(name, dtype):
    step = step_of(ALL[name](nn).to(DTYPES[dtype]))
    fast = cr.compile(step)
    for factor in (1, 2, 3, 4):
        x = cr.tensor(X * factor / 4, dtype=DTYPES[dtype], requires_grad=True)
        got, want = fast(x), step(x)
        assert [t.dtype for t in got] == [DTYPES[dtype]] * len(want)
        assert as_bytes(got) == as_bytes(want)
    assert fast.stats["replays"] >= 1


@pytest.mark.filterwarnings("ignore:.*expected dim:UserWarning")
@pytest.mark.parametrize("name", ALL)
def test_a_copy_does_the_same(name):
    module = ALL[name](nn)
    x = cr.tensor(X)
    want = module.double().eval()(x.clone()).tolist()
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(other) == repr(module)
        assert other(x.clone()).tolist() == want


@pytest.mark.filterwarnings("ignore:.*expected dim:UserWarning")
@pytest.mark.parametrize("name", MAKERS)
def test_nothing_of_nothing_and_views(name):
    module = MAKERS[name](nn).double()
    x = cr.tensor(X)
    turned = x.transpose(0, 2).contiguous().transpose(0, 2)
    assert as_bytes([module(turned)]) == as_bytes([module(x)])
    empty = x[:0].requires_grad_()
    y = module(empty)
    y.sum().backward()
    assert y.shape[0] == 0 and empty.grad.shape == (0, 4, 6)


NONSENSE = {
    "a string": (lambda: nn.ELU("a"), TypeError, r"\[ELU\] expected alpha to be a number"),
    "a flag": (lambda: nn.ReLU("yes"), TypeError, r"\[ReLU\] expected inplace to be True or"),
    "a slope as flag": (lambda: nn.SiLU(0.2), TypeError, r"\[SiLU\] expected inplace"),
    "limits": (lambda: nn.Hardtanh(1, -1), ValueError, r"min_val < max_val; got 1 and -1"),
    "nan": (lambda: nn.Hardtanh(math.nan), ValueError, "min_val < max_val"),
    "softshrink": (lambda: nn.Softshrink(-1), ValueError, r"lambd >= 0; got -1"),
    "rrelu": (lambda: nn.RReLU(0.5, 0.25), ValueError, "lower <= upper; got 0.5 and 0.25"),
    "prelu": (lambda: nn.PReLU(0), ValueError, "num_parameters >= 1; got 0"),
    "prelu of a half": (lambda: nn.PReLU(0.5), TypeError, "num_parameters to be an int; got 0.5"),
    "prelu's start": (lambda: nn.PReLU(1, "a"), TypeError, "init to be a number"),
    "channels": (lambda: nn.PReLU(3)(cr.ones(2, 4)), ValueError, r"dimension 1, 4; got weight \(3"),
    "squareplus": (lambda: nn.Squareplus(-1), ValueError, "b >= 0; got -1"),
    "step": (lambda: nn.Step("a"), TypeError, "value_at_zero to be a number"),
    "maxout": (lambda: nn.Maxout(0), ValueError, "pieces >= 1; got 0"),
    "maxout of halves": (lambda: nn.Maxout(1.5), TypeError, "pieces to be an int"),
    "maxout's size": (lambda: nn.Maxout(3)(cr.ones(4)), ValueError, "pieces that divide the size"),
    "glu": (lambda: nn.GLU()(cr.ones(3)), ValueError, "even size along dim 0"),
    "relu": (lambda: nn.ReLU(derivative_at_zero=2), ValueError, r"in \[0, 1\]; got 2"),
    "celu": (lambda: nn.CELU(0), ValueError, r"alpha != 0; got 0"),
    "gelu": (lambda: nn.GELU("erf"), ValueError, r"'none' or 'tanh'; got 'erf'"),
    "threshold": (lambda: nn.Threshold(0, None), TypeError, "expected value to be a number"),
    "softmax2d": (lambda: nn.Softmax2d()(cr.ones(2, 3)), ValueError, r"\(C, H, W\); got \(2, 3\)"),
    "dim": (lambda: nn.Softmin(3)(cr.ones(2)), IndexError, "dim"),
    "no tensor": (lambda: nn.Mish()(3.0), TypeError, "Tensor"),
    "no tensor in place": (lambda: nn.Mish(True)(3.0), TypeError, "Tensor"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused(name):
    act, error, match = NONSENSE[name]
    with pytest.raises(error, match=match):
        act()


def test_the_derivative_of_relu_at_zero_is_a_switch():
    values = [-1.0, -0.0, 0.0, 2.0, math.inf, -math.inf]
    for slope in (0, 0.5, 1):
        for inplace in (False, True):
            x = cr.tensor(values, requires_grad=True)
            y = nn.ReLU(inplace, derivative_at_zero=slope)(x * 1.0)
            assert y.tolist() == [0, 0, 0, 2, math.inf, 0]
            assert cr.autograd.grad(y.sum(), x)[0].tolist() == [0, slope, slope, 1, 1, 0]
    assert repr(nn.ReLU(True, derivative_at_zero=1)) == "ReLU(inplace=True, derivative_at_zero=1)"
    with pytest.raises(ValueError, match=r"\[relu\] expected derivative_at_zero in \[0, 1\]"):
        nn.functional.relu(cr.ones(2), derivative_at_zero=-1)


def test_the_value_of_a_step_at_zero_is_a_switch():
    x = cr.tensor([-2.0, -0.0, 0.0, 1e-30, math.nan], requires_grad=True)
    assert nn.Step()(x).tolist() == [0, 1, 1, 1, 0]
    assert nn.Step(0)(x).tolist() == [0, 0, 0, 1, 0]
    assert repr(nn.Step(0)) == "Step(value_at_zero=0)"
    assert cr.autograd.grad(nn.Step()(x).sum(), x)[0].tolist() == [0] * 5


def test_prelu_learns_its_slope():
    cr.manual_seed(1)
    layer, x = nn.PReLU(), cr.randn(256)
    optimizer = cr.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(50):
        optimizer.zero_grad()
        (layer(x) - nn.functional.leaky_relu(x, -0.75)).square().mean().backward()
        optimizer.step()
    assert layer.weight.tolist() == pytest.approx([-0.75], abs=1e-5)
    layer.reset_parameters()
    assert layer.weight.tolist() == [0.25]


def test_maxout_takes_the_largest_and_shares_between_equals():
    x = cr.tensor([[1.0, 3.0, 2.0, 2.0]], requires_grad=True)
    y = nn.Maxout(2)(x)
    assert y.tolist() == [[3, 2]]
    assert cr.autograd.grad(y.sum(), x)[0].tolist() == [[0, 1, 0.5, 0.5]]
    assert repr(nn.Maxout(2)) == "Maxout(pieces=2, dim=-1)"


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_gates_have_their_limit_at_minus_infinity(name):
    x = cr.tensor([-math.inf, math.inf], requires_grad=True)
    y = getattr(nn.functional, name)(x)
    assert y.tolist() == [0, math.inf]
    assert cr.autograd.grad(y.sum(), x)[0].tolist() == [0, 1]


def test_the_derivative_of_softsign_vanishes_at_infinity():
    x = cr.tensor([-math.inf, math.inf], requires_grad=True)
    assert cr.autograd.grad(nn.functional.softsign(x).sum(), x)[0].tolist() == [0, 0]


def test_the_gradient_of_heaviside():
    x = cr.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    values = cr.tensor([0.5, 0.5, 0.5], requires_grad=True)
    dx, dv = cr.autograd.grad(cr.heaviside(x, values).sum(), [x, values])
    assert dx.tolist() == [0, 0, 0] and dv.tolist() == [0, 1, 0]
