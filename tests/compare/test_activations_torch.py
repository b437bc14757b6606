"""Modules of activations beside PyTorch's: text, signatures, keys, values, gradients, in place."""

import inspect
import re
import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from activation_modules import IN_PLACE, MAKERS
from both_libraries import close, same_weights

# Numbers around every kink, zeros of both signs, and what nearly over- and underflows.
VALUES = [-700.0, -20.0, -6.5, -3.0, -1.0, -0.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 0.5, 1.0, 2.5, 3.0]
POINTS = np.array([*VALUES, 6.0, 21.0, 700.0, -2.0, 2.0, -0.75, 0.1, 1.5, -4.0]).reshape(2, 4, 3)


def run(lib, module, inplace=False):
    x = lib.tensor(POINTS, requires_grad=True)
    start = x * 1.0 if inplace else x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # softmin without dim
        y = module(start)
    assert (y is start) == (inplace or isinstance(module, lib.nn.Identity))
    y.backward(lib.tensor(np.random.default_rng(0).normal(size=tuple(y.shape))))
    return [y, x.grad, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("name", MAKERS)
def test_a_module_is_pytorchs(name):
    make = MAKERS[name]
    ours, theirs = make(cr.nn), make(torch.nn)
    assert repr(ours) == repr(theirs)
    assert ours.__dict__.keys() >= {k for k in theirs.__dict__ if not k.startswith("_")}
    mine, other = ({k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (ours, theirs))
    assert mine == other
    ours, theirs = ours.double(), theirs.double()
    same_weights(ours, theirs)
    for got, want in zip(run(cr, ours), run(torch, theirs), strict=True):
        close(got, want, rtol=3e-8 if name.startswith("Hardsigmoid") else 1e-12)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_is_pytorchs(name):
    ours, theirs = IN_PLACE[name](cr.nn), IN_PLACE[name](torch.nn)
    assert repr(ours) == repr(theirs)
    for got, want in zip(run(cr, ours, True), run(torch, theirs, True), strict=True):
        close(got, want, rtol=3e-8 if name.startswith("Hardsigmoid") else 1e-12)


@pytest.mark.parametrize(
    "name", sorted({re.split("[ ,]", name)[0] for name in MAKERS} - {"Identity"})
)
def test_a_signature_is_pytorchs(name):
    mine, other = (inspect.signature(getattr(lib.nn, name)) for lib in (cr, torch))
    described = [
        (p.name, p.default, p.kind)
        for p in other.parameters.values()
        if p.name not in ("min_value", "max_value")  # of Hardtanh, deprecated
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    ours = [(p.name, p.default, p.kind) for p in mine.parameters.values()]
    assert ours[: len(described)] == described
