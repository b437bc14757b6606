"""grad, value_and_grad and functional_call beside torch.func."""

import itertools

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights
from chainrule import nn


def transforms(library):
    """(grad, a function that returns (value, gradient)) of a library."""
    if library is cr:
        return cr.grad, cr.value_and_grad

    def value_and_grad(fn, **options):
        turned = torch.func.grad_and_value(fn, **options)
        return lambda *args: turned(*args)[::-1]

    return torch.func.grad, value_and_grad


def tensor(library, values, requires_grad=False):
    return library.tensor(values, dtype=library.float64, requires_grad=requires_grad)


@pytest.mark.parametrize(
    ("x_needs", "w_needs", "outside"), list(itertools.product([False, True], repeat=3))
)
def test_what_has_history_afterwards(x_needs, w_needs, outside):
    def act(library):
        _, value_and_grad = transforms(library)
        x = tensor(library, [1.0, 2.0], x_needs)
        w = tensor(library, [3.0, -1.0], w_needs)

        def f(x):
            return ((w * x) ** 3).sum(), w * x

        with library.set_grad_enabled(outside):
            (value, aux), gradient = value_and_grad(f, has_aux=True)(x)
        found = [value, aux, gradient]
        if gradient.requires_grad:
            (value * 2 + gradient.sum() + aux.sum()).backward()
        return [*found, *(t.grad for t in (x, w) if t.grad is not None)]

    ours, theirs = both(act)
    assert [t.requires_grad for t in ours] == [t.requires_grad for t in theirs]
    for got, want in zip(ours, theirs, strict=True):
        close(got, want)


def test_derivatives_of_derivatives():
    def act(library):
        grad, _ = transforms(library)
        a = tensor(library, [[2.0, 1.0], [0.5, 3.0]])

        def f(x, y):
            return (library.tanh(a @ x) * y**2).sum()

        x, y = tensor(library, [0.3, -0.2]), tensor(library, [1.0, 2.0])
        inner = grad(f, argnums=(0, 1))
        first = inner(x, y)
        second = grad(lambda x, y: sum(g.sum() for g in inner(x, y)), argnums=(0, 1))(x, y)
        third = grad(lambda y: grad(lambda x: grad(f)(x, y).sum())(x).sum())(y)
        return [*first, *second, third]

    for got, want in zip(*both(act), strict=True):
        close(got, want)


def test_no_grad_inside_and_aux():
    def act(library):
        grad, _ = transforms(library)

        def f(x):
            with library.no_grad():
                shift = x**2
            return (x**2 - shift * x).sum(), shift

        return grad(f, has_aux=True)(tensor(library, [1.0, 2.0]))

    for got, want in zip(*both(act), strict=True):
        close(got, want)
        assert got.requires_grad == want.requires_grad


class Tied:
    """A network whose second layer has the weights of the first, of either library."""

    def __new__(cls, library):
        layers = library.nn.Linear(3, 3), library.nn.Tanh(), library.nn.Linear(3, 3)
        net = library.nn.Sequential(*layers).to(library.float64)
        net[2].weight = net[0].weight
        return net


@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_tied_parameter(tie_weights):
    nets = [Tied(library) for library in LIBRARIES]
    same_weights(*nets)
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    weight = np.linspace(0, 1, 9).reshape(3, 3)
    calls = cr.func.functional_call, torch.func.functional_call
    found = [
        call(net, {"0.weight": tensor(lib, weight)}, tensor(lib, x), tie_weights=tie_weights)
        for call, net, lib in zip(calls, nets, LIBRARIES, strict=True)
    ]
    close(*found)


def test_gradients_by_the_parameters_of_a_module():
    nets = [
        library.nn.Sequential(
            library.nn.Linear(3, 4), library.nn.Sigmoid(), library.nn.Linear(4, 1)
        ).to(library.float64)
        for library in LIBRARIES
    ]
    same_weights(*nets)

    def act(library):
        grad, _ = transforms(library)
        net = nets[LIBRARIES.index(library)]
        call = cr.func.functional_call if library is cr else torch.func.functional_call
        x = tensor(library, np.linspace(-1, 1, 15).reshape(5, 3))
        params = {name: p.detach() for name, p in net.named_parameters()}
        found = grad(lambda params: (call(net, params, (x,)) ** 2).mean())(params)
        return [found[name] for name in params]

    for got, want in zip(*both(act), strict=True):
        close(got, want)
    assert all(isinstance(p, nn.Parameter) for p in nets[0].parameters())
