"""Modules of activations: captured, in bfloat16, copied, and what their constructors refuse."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from activation_modules import IN_PLACE, MAKERS
from chainrule import nn

ALL = {**MAKERS, **{f"{name}, in place": make for name, make in IN_PLACE.items()}}
X = np.linspace(-4, 4, 48).reshape(2, 3, 8)
DTYPES = {"float32": cr.float32, "float64": cr.float64, "bfloat16": cr.bfloat16}


def step_of(module):
    def step(x):
        y = module(x * 1.0)
        return [y.detach(), *cr.autograd.grad(y.square().sum(), [x, *module.parameters()])]

    return step


def as_bytes(tensors):
    return [t.double().numpy().tobytes() for t in tensors]


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
    assert y.shape[0] == 0 and empty.grad.shape == (0, 3, 8)


NONSENSE = {
    "a string": (lambda: nn.ELU("a"), TypeError, r"\[ELU\] expected alpha to be a number"),
    "a flag": (lambda: nn.ReLU("yes"), TypeError, r"\[ReLU\] expected inplace to be True or"),
    "a slope as flag": (lambda: nn.SiLU(0.2), TypeError, r"\[SiLU\] expected inplace"),
    "limits": (lambda: nn.Hardtanh(1, -1), ValueError, r"min_val < max_val; got 1 and -1"),
    "nan": (lambda: nn.Hardtanh(math.nan), ValueError, "min_val < max_val"),
    "softshrink": (lambda: nn.Softshrink(-1), ValueError, r"lambd >= 0; got -1"),
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
