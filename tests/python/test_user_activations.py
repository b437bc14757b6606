"""Activations of one's own, from Python: nn.Activation."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

X = np.linspace(-3, 3, 25)


def cube(x):
    return x**3


def cube_slope(x):
    return 3 * x.square()


def leaf(dtype=cr.float64):
    return cr.tensor(X, dtype=dtype, requires_grad=True)


FORMS = {
    "operations": lambda: nn.Activation(cube),
    "derivative": lambda: nn.Activation(cube, cube_slope),
}


@pytest.mark.parametrize("form", FORMS)
def test_values_and_derivatives(form):
    x, layer = leaf(), FORMS[form]()
    y = layer(x)
    (first,) = cr.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = cr.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(y.detach().numpy(), X**3, rtol=1e-14)
    np.testing.assert_allclose(first.detach().numpy(), 3 * X**2, rtol=1e-14)
    np.testing.assert_allclose(second.numpy(), 6 * X, rtol=1e-14)
    assert cr.autograd.gradcheck(layer, (leaf(),))
    with cr.no_grad():
        assert layer(x).equal(y.detach())


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16])
@pytest.mark.parametrize("form", FORMS)
def test_captured_is_eager(form, dtype):
    net = nn.Sequential(nn.Linear(25, 8), FORMS[form](), nn.Linear(8, 1)).to(dtype)

    def step(x):
        loss = net(x).square().mean()
        return [loss.detach(), *cr.autograd.grad(loss, [x, *net.parameters()])]

    fast = cr.compile(step)
    for _ in range(4):
        got, want = fast(leaf(dtype)), step(leaf(dtype))
        assert [t.tolist() for t in got] == [t.tolist() for t in want]
    assert fast.stats["replays"] >= 1


def test_a_derivative_of_ones_own_takes_the_place_of_the_true_one():
    straight = nn.Activation(nn.functional.step, derivative=cr.ones_like)
    x = leaf()
    y = straight(x)
    np.testing.assert_array_equal(y.detach().numpy(), (X >= 0).astype(float))
    dy = cr.linspace(-1, 1, 25, dtype=cr.float64)
    assert cr.autograd.grad(y, x, dy)[0].equal(dy)


def test_a_zero_gradient_stays_zero():
    layer = nn.Activation(cr.sqrt, lambda x: 0.5 / x.sqrt())
    x = cr.tensor([0.0, 4.0], requires_grad=True)
    y = layer(x)
    assert cr.autograd.grad(y, x, cr.tensor([0.0, 1.0]))[0].tolist() == [0, 0.25]


def test_a_module_or_parameters_inside():
    layer = nn.Activation(nn.PReLU())
    assert [name for name, _ in layer.named_parameters()] == ["function.weight"]
    assert layer(cr.tensor([-4.0])).tolist() == [-1.0]


def test_text_copies_and_pickles():
    layer = nn.Activation(cube, cube_slope)
    assert repr(layer) == "Activation(cube, cube_slope)"
    assert repr(nn.Activation(cr.tanh)) == "Activation(tanh)"
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other(leaf()).equal(layer(leaf()))


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda: nn.Activation(3), TypeError, r"\[Activation\] expected a function; got int"),
        (lambda: nn.Activation(cube, 3), TypeError, r"\[Activation\] expected a function; got int"),
        (lambda: nn.Activation(cube, cube)(3.0), TypeError, "expected a Tensor; got float"),
        (lambda: nn.Activation(cube, lambda x: 1)(leaf()), TypeError, "expected a Tensor; got int"),
        (lambda: nn.Activation(cr.sum, cube)(leaf()), ValueError, r"input's shape and dtype; got"),
        (lambda: nn.Activation(cube, cr.sum)(leaf()), ValueError, r"and \(\) float64 for \(25,\)"),
        (
            lambda: nn.Activation(cube, lambda x: x.float())(leaf()),
            ValueError,
            r"and \(25,\) float32 for \(25,\) float64",
        ),
    ],
)
def test_nonsense_is_refused(act, error, match):
    with pytest.raises(error, match=match):
        act()
